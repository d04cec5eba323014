"""What goes wrong on the way to a server, as the one line that people read."""

import errno
import os
import re
import socket

import asyncssh

from tuibackup.errors import ConnectError, LoginError
from tuibackup.remote.connect.client import Client
from tuibackup.remote.connect.transport import Way
from tuibackup.remote.refusals import way_out
from tuibackup.text import printable, shorten
from tuibackup.words import joined, sentence

_LONGEST = 300  # cells of what a server says
_NO_MATCH = re.compile(r"No matching (.+) found, sent (\S*) and received (\S*)")
_NOT_NOW = {socket.EAI_AGAIN, getattr(socket, "EAI_SYSTEM", socket.EAI_AGAIN)}


# What sshd writes in the place of its version when it lets nobody in (MaxStartups), or not us after logins that failed
# and connections that we hung up (PerSourcePenalties, on by default since OpenSSH 9.8).
_FOR_NOW = re.compile(r"not allowed at this time|exceeded maxstartups", re.IGNORECASE)


class PassingError(ConnectError):
    """A fault that may be gone in a moment."""


class RefusedForNowError(PassingError):
    """The server will not let us in just now, and will in seconds or minutes. `said`: its words."""

    def __init__(self, message: str, way_out: str, said: str) -> None:
        super().__init__(message, way_out)
        self.said = said


class SilentlyClosedError(PassingError):
    """The connection was closed before the server had said anything."""


def connect_error(
    error: Exception, where: str, client: Client, seconds: float, way: Way, ended: str
) -> ConnectError:
    """The error for an attempt that failed, other than for the host key. `ended`: how the ProxyCommand did."""
    said = shorten(printable(str(error)), _LONGEST)
    jump = way.jump
    if _FOR_NOW.search(way.heard) and not client.speaks:
        return RefusedForNowError(
            sentence('{where}: refuses new logins for the moment: "{heard}"', where=where, heard=way.heard),
            sentence(
                "its sshd counts failed logins (PerSourcePenalties) or connections (MaxStartups): try "
                "again in minutes"
            ),
            way.heard,
        )
    if ended and not client.speaks:
        return ConnectError(
            sentence("{where}: the ProxyCommand of ~/.ssh/config ended: {ended}", where=where, ended=ended),
            sentence("try it in a shell, or see ~/.ssh/config"),
        )
    match error:
        case socket.gaierror() if error.errno in _NOT_NOW:
            return PassingError(
                sentence("{where}: its name cannot be looked up: {error}", where=where, error=error.strerror),
                sentence("is the network up?"),
            )
        case socket.gaierror():
            return ConnectError(
                sentence("{where}: no such host", where=where),
                sentence("check its name in config.toml or ~/.ssh/config"),
            )
        case TimeoutError():
            return _silence(where, client, seconds)
        case asyncssh.ChannelOpenError() if jump:
            return _beyond(error, where, jump)
        case asyncssh.KeyExchangeFailed() if found := _NO_MATCH.search(str(error)):
            what, ours, theirs = map(printable, found.groups())
            return ConnectError(
                shorten(
                    sentence(
                        "{where}: no {what} in common: it has {theirs}; we have {ours}",
                        where=where,
                        what=what,
                        theirs=theirs,
                        ours=ours,
                    ),
                    2 * _LONGEST,
                ),
                sentence(
                    "see Ciphers, MACs, KexAlgorithms and HostKeyAlgorithms in its sshd_config and in "
                    "~/.ssh/config"
                ),
            )
        case asyncssh.ConnectionLost() | ConnectionResetError() | BrokenPipeError():
            return _closed(where, client, way.heard)
        case asyncssh.DisconnectError():
            return _goodbye(error, where, client)
        case OSError() if not client.reached:
            return _unreached(error, where)
    # asyncssh hands through whatever a malformed packet made it stumble over
    return ConnectError(
        sentence(
            "{where}: sent what no SSH server sends: {said}", where=where, said=said or type(error).__name__
        )
    )


def _silence(where: str, client: Client, seconds: float) -> ConnectError:
    if not client.reached:
        return ConnectError(
            sentence("{where}: no answer within {seconds} s", where=where, seconds=f"{seconds:g}"),
            sentence("is it up, and is the address right?"),
        )
    if not client.speaks:
        return ConnectError(
            sentence(
                "{where}: connected, but no SSH server answered within {seconds} s",
                where=where,
                seconds=f"{seconds:g}",
            ),
            sentence("check the port"),
        )
    return ConnectError(
        sentence("{where}: did not finish the login within {seconds} s", where=where, seconds=f"{seconds:g}"),
        sentence("see the log of its sshd"),
    )


def _closed(where: str, client: Client, heard: str) -> ConnectError:
    if client.said:
        return LoginError(
            sentence('{where}: refused the login and says: "{said}"', where=where, said=client.said),
            way_out(client.said),
        )
    if client.speaks:
        return PassingError(
            sentence("{where}: closed the connection before the login", where=where),
            sentence("see the log of its sshd"),
        )
    if heard:
        return PassingError(
            sentence('{where}: closed the connection and said "{heard}"', where=where, heard=heard),
            sentence("check the port, or see the log of its sshd"),
        )
    return SilentlyClosedError(
        sentence("{where}: closed the connection before the login", where=where),
        sentence("check the port, or see the log of its sshd"),
    )


def _goodbye(error: asyncssh.DisconnectError, where: str, client: Client) -> ConnectError:
    """The server said why it disconnects, or asyncssh does because of what it sent."""
    reason = shorten(printable(error.reason), _LONGEST)
    if not client.speaks:
        return ConnectError(sentence("{where}: is no SSH server", where=where), sentence("check the port"))
    if "too many authentication failures" in reason.lower():
        return LoginError(
            sentence("{where}: refused us after too many keys", where=where),
            sentence("name the right one for this server in config.toml: key = …"),
        )
    return ConnectError(sentence("{where}: broke off the connection: {reason}", where=where, reason=reason))


def _beyond(error: asyncssh.ChannelOpenError, where: str, jump: str) -> ConnectError:
    reason = shorten(printable(error.reason), _LONGEST)
    if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        return ConnectError(
            sentence(
                "{where}: the jump host {jump} forwards no connections: {reason}",
                where=where,
                jump=jump,
                reason=reason,
            ),
            sentence("see AllowTcpForwarding there"),
        )
    return PassingError(
        sentence(
            "{where}: the jump host {jump} cannot reach it: {reason}", where=where, jump=jump, reason=reason
        ),
        sentence("is it up?"),
    )


def _unreached(error: OSError, where: str) -> ConnectError:
    """The network's own errors. asyncio joins those of several addresses to one text without a number."""
    numbers = [error.errno] if error.errno else [int(n) for n in re.findall(r"\[Errno (\d+)\]", str(error))]
    if numbers and all(number == errno.ECONNREFUSED for number in numbers):
        return PassingError(sentence("{where} refused", where=where), sentence("is sshd running there?"))
    if not numbers:
        return ConnectError(joined(": ", (where, shorten(printable(str(error)), _LONGEST))))
    others = [number for number in numbers if number != errno.ECONNREFUSED]
    return ConnectError(
        joined(": ", (where, os.strerror(others[-1]))), sentence("is it up, and is the address right?")
    )
