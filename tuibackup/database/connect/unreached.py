"""Why sshd opens no channel to the database: because it may not, or because nothing listens there."""

from tuibackup.database.connect.optionfile import Options
from tuibackup.errors import ForbiddenError, RemoteCommandError
from tuibackup.remote.command import quote
from tuibackup.remote.session import Session
from tuibackup.words import sentence

_SECONDS = 30.0
_NOTHING = sentence("check that the database server runs and listens there")
_KEY = sentence("in authorized_keys restrict or no-port-forwarding (write restrict,port-forwarding)")
_NO_TCP = sentence(
    "sshd there forbids forwarding: see AllowTcpForwarding, DisableForwarding and PermitOpen "
    "in its config, and {key}",
    key=_KEY,
)
_NO_SOCKET = sentence(
    "a database listens there, and sshd forbids forwarding: see AllowStreamLocalForwarding "
    "and DisableForwarding in its config, and {key}",
    key=_KEY,
)


async def way_out(session: Session, options: Options, error: RemoteCommandError) -> str:
    """What to do when sshd refused the channel of `options` with `error`. Raises ConnectionLostError.

    For a forbidden socket sshd says the same as for a missing one, "open failed". So the server's kernel is asked
    whether a program listens there.
    """
    if isinstance(error, ForbiddenError):
        return _NO_TCP
    if options.socket and await _listens(session, options.socket):
        return _NO_SOCKET
    return _NOTHING


async def _listens(session: Session, path: str) -> bool:
    name = quote(path)
    script = (
        b"test -S " + name + b" || exit 1; real=$(readlink -f -- " + name + b" 2>/dev/null);"
        b' grep -F -e " "' + name + b' -e " ${real:-/}" /proc/net/unix | grep -q " 00010000 "'
    )
    try:
        return (await session.run(script, timeout=_SECONDS)).ok
    except RemoteCommandError:  # without a shell nobody can tell
        return False
