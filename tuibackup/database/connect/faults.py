"""What goes wrong between us and a database server, as errors of one line that people read."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import aiomysql

from tuibackup.database.connect.optionfile import Options
from tuibackup.database.connect.packets import EndlessAnswerError
from tuibackup.errors import (
    AccessDeniedError,
    ConnectionLostError,
    DatabaseError,
    TuibackupError,
    is_our_bug,
)
from tuibackup.text import printable
from tuibackup.words import joined, later, sentence

QUERY_SECONDS = 300.0  # information_schema of thousands of tables takes its time
CLOSED = sentence("the database closed the connection")
_ACCESS_DENIED = (1045, 1698)
_GONE = (2006, 2013)
_PLUGIN = 2059
# The way out for errors that concern the account, not the password.
_WAYS_OUT = {
    **dict.fromkeys(
        (1820, 1862), later("give the account a new password; run there: ALTER USER {who} IDENTIFIED BY …")
    ),
    **dict.fromkeys((3118, 4151), later("run there: ALTER USER {who} ACCOUNT UNLOCK")),
    **dict.fromkeys(
        (1275, 1251, 2049),
        later("give the account a new password; run there: ALTER USER {who} IDENTIFIED BY …"),
    ),
    **dict.fromkeys(
        (1203, 1226),
        later("run there: ALTER USER {who} WITH MAX_USER_CONNECTIONS 10 MAX_QUERIES_PER_HOUR 0"),
    ),
    3159: later("turn on TLS in the server, or log in through its socket"),
}


@contextlib.asynccontextmanager
async def faults(server: str, options: Options, seconds: float = QUERY_SECONDS) -> AsyncIterator[None]:
    """Turn what aiomysql and the channel raise into errors of one line; the block may take `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise DatabaseError(sentence("{server}: no answer from the database", server=server)) from error
    except NotImplementedError as error:  # aiomysql: a plugin it does not know
        raise DatabaseError(*_unknown_plugin(server, options, str(error))) from error
    except aiomysql.MySQLError as error:
        raise _explained(server, options, error) from error
    except (asyncio.IncompleteReadError, OSError) as error:
        raise ConnectionLostError(joined(": ", (server, CLOSED))) from error
    except TuibackupError:
        raise
    except EndlessAnswerError as error:
        raise DatabaseError(
            sentence("{server}: the database sent an answer that is too large", server=server)
        ) from error
    except Exception as error:  # aiomysql trusts what a server sends: nonsense ends in whatever Python raises
        if is_our_bug(error):
            raise
        raise DatabaseError(
            sentence("{server}: the reply of its database is not valid MySQL", server=server),
            sentence("check socket, host and port of [servers.{server}.database]", server=server),
        ) from error


def _explained(server: str, options: Options, error: aiomysql.MySQLError) -> Exception:
    code = error.args[0] if error.args else 0
    said = printable(str(error.args[1])) if len(error.args) > 1 else printable(str(error))
    who = printable(options.user)
    if code in _ACCESS_DENIED:
        within = sentence(", with TLS as well") if options.tls else ""
        # The server says no more than this about an account that needs a certificate.
        certified = sentence(
            "; if the account must present a certificate, run ALTER USER {who} REQUIRE SSL there", who=who
        )
        if options.password is None:
            return AccessDeniedError(
                sentence(
                    "{server}: the database refuses {who} without a password{within}: {said}",
                    server=server,
                    who=who,
                    within=within,
                    said=said,
                ),
                sentence(
                    "CREATE USER '{who}'@'localhost' IDENTIFIED VIA unix_socket there (on MySQL: WITH auth_socket),"
                    " or configure a password{certified}",
                    who=who,
                    certified=certified if options.tls else "",
                ),
            )
        return AccessDeniedError(
            sentence(
                "{server}: the database refuses {who} with the password given{within}: {said}",
                server=server,
                who=who,
                within=within,
                said=said,
            ),
            sentence(
                "check user and password of [servers.{server}.database]{certified}",
                server=server,
                certified=certified if options.tls else "",
            ),
        )
    if code == _PLUGIN and (plugin := re.search(r"plugin '(?:b')?([\w-]+)", said)):
        return DatabaseError(*_unknown_plugin(server, options, plugin[1]))
    if code in _GONE:
        return ConnectionLostError(
            sentence("{server}: the database closed the connection: {said}", server=server, said=said)
        )
    refused = DatabaseError(
        sentence("{server}: the database says: {said}", server=server, said=said),
        sentence(_WAYS_OUT[code], who=who) if code in _WAYS_OUT else "",
    )
    refused.number = code if isinstance(code, int) else 0
    return refused


def _unknown_plugin(server: str, options: Options, plugin: str) -> tuple[str, str]:
    return (
        sentence(
            "{server}: {user} logs in by {plugin}, which is not supported",
            server=server,
            user=printable(options.user),
            plugin=printable(plugin),
        ),
        sentence("use unix_socket, mysql_native_password or caching_sha2_password for this account"),
    )
