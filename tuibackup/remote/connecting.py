"""Step 1 in detail: hop by hop to the server, each with its own host-key check, its keys and its time limit."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncssh

from tuibackup.config import SecretSource, Server
from tuibackup.errors import ConnectError, HostKeyError, LoginError, NeedsOperatorError, TuibackupError
from tuibackup.remote import hostkeys, identities, sshconfig
from tuibackup.remote.client import Client
from tuibackup.remote.questions import Answers, Question
from tuibackup.remote.sshconfig import Hop
from tuibackup.secret import Secret
from tuibackup.text import printable

SecretProvider = Callable[[SecretSource, Question], Awaitable[Secret | None]]

ATTEMPT_SECONDS = 20.0
WINDOW = 32 << 20  # asyncssh's default of 2 MiB holds a 20 ms line to a fifth of its speed
PACKET = 256 << 10
_TRIES = 2  # a fault that may pass (refused, timed out) is tried again so often …
_PAUSE = 1.0  # … after so many seconds
_KEEPALIVE = 15.0
_KEEPALIVES = 4

# AES-GCM first: with AES in the processor it costs a third of chacha20
_CIPHERS = (
    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
    "aes128-ctr", "aes192-ctr", "aes256-ctr",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hopping:
    """What all hops of one connection share."""

    server: Server
    known_hosts: Path
    answers: Answers
    secrets: SecretProvider
    notes: Callable[[str], None]


class _PassingError(ConnectError):
    """A fault that may be gone in a moment."""


def hops(server: Server) -> list[Hop]:
    """The way to `server`: jump hosts in order, the server last. Raises ConnectError."""
    return sshconfig.route(Hop(server.host, server.port, server.user), server.jump)


async def open_all(
    hopping: Hopping, deadline: float, *, log_in: bool = True
) -> list[asyncssh.SSHClientConnection]:
    """Connections to every hop, the server's last; on failure none stays open. `deadline` is monotonic time.

    Without `log_in` the last hop is left out when only its login fails: its host key was right.
    """
    server = hopping.server
    opened: list[asyncssh.SSHClientConnection] = []
    way = hops(server)
    try:
        for hop in way:
            for option in sshconfig.ignored(hop.host):
                hopping.notes(f"~/.ssh/config: {option} has no effect here ({hop.host})")
            last = hop is way[-1]
            tunnel = opened[-1] if opened else None
            try:
                opened.append(await _patiently(hopping, hop, tunnel, deadline, last=last))
            except (LoginError, NeedsOperatorError):
                if log_in or not last:
                    raise
    except BaseException:
        close_all(opened)
        raise
    return opened


def close_all(connections: list[asyncssh.SSHClientConnection]) -> None:
    """Drop the connections, the server's first."""
    for connection in reversed(connections):
        connection.abort()


async def _patiently(
    hopping: Hopping, hop: Hop, tunnel: asyncssh.SSHClientConnection | None, deadline: float, *, last: bool
) -> asyncssh.SSHClientConnection:
    for attempt in range(1, _TRIES + 1):
        try:
            return await _open(hopping, hop, tunnel, deadline, last=last)
        except _PassingError as error:
            if attempt == _TRIES or time.monotonic() + _PAUSE >= deadline:
                raise ConnectError(error.message, error.way_out) from error
            await asyncio.sleep(_PAUSE)
    raise AssertionError("unreachable")


async def _open(
    hopping: Hopping, hop: Hop, tunnel: asyncssh.SSHClientConnection | None, deadline: float, *, last: bool
) -> asyncssh.SSHClientConnection:
    """One hop. A host key that is accepted on the way, and a key that is unlocked, lead to another attempt."""
    server = hopping.server
    base = sshconfig.options(hop, known_hosts=b"", client_keys=[], agent_path=None)
    where = _where(hop, base)
    listed = _strings(base, "IdentityFile")
    if last:
        found = await identities.load(server.key, listed, server.name, hopping.answers)
    else:  # a jump host has no key of its own in our configuration: the usual ones, or the server's
        found = await identities.load(None, listed, server.name, hopping.answers, also=server.key)
    while True:
        client = Client(server.name, _name(hop, base), hopping.answers, _password(hopping) if last else None)
        known = await asyncio.to_thread(
            hostkeys.load, [hopping.known_hosts, *_configured(base)], hopping.notes
        )
        try:
            return await _attempt(hop, tunnel, deadline, client, known, found, where)
        except asyncssh.HostKeyNotVerifiable as error:
            await _judge_host_key(hopping, base, where, client, known, error)
        except asyncssh.PermissionDenied as error:
            if client.fault is not None:
                raise client.fault from None
            if not client.unanswered and await identities.unlock(found, server.name, hopping.answers):
                continue
            raise _denied(client, found, where, asked=server.password.prompt and last) from error


async def _attempt(
    hop: Hop,
    tunnel: asyncssh.SSHClientConnection | None,
    deadline: float,
    client: Client,
    known: asyncssh.SSHKnownHosts,
    found: identities.Identities,
    where: str,
) -> asyncssh.SSHClientConnection:
    """Connect and log in once; every fault of the network becomes a ConnectError with its one line."""
    options = sshconfig.options(
        hop,
        client_factory=lambda: client,
        known_hosts=known,
        client_keys=found.pairs or None,
        tunnel=tunnel,
        encryption_algs=_CIPHERS,
        compression_algs=None,
        keepalive_interval=_KEEPALIVE,
        keepalive_count_max=_KEEPALIVES,
        login_timeout=0,  # ours below stops while a person types
        gss_auth=False,
        gss_kex=False,
        agent_forwarding=False,
        x11_forwarding=False,
        request_pty=False,
        send_env=None,
        command=None,
    )
    seconds = max(1.0, min(ATTEMPT_SECONDS, deadline - time.monotonic()))
    limit = _Patience(seconds, client)
    try:
        async with limit:
            connection, _ = await asyncssh.create_connection(
                lambda: client, hop.host, options=options, tunnel=tunnel
            )
            return connection
    except (asyncssh.HostKeyNotVerifiable, asyncssh.PermissionDenied, TuibackupError):
        raise
    except TimeoutError as error:
        raise _PassingError(
            f"{where}: no answer within {seconds:.0f} s", "is it up, and is the address right?"
        ) from error
    except socket.gaierror as error:
        raise ConnectError(
            f"{where}: no such host", "check its name in config.toml or ~/.ssh/config"
        ) from error
    except ConnectionRefusedError as error:
        raise _PassingError(f"{where} refused", "is sshd running there?") from error
    except asyncssh.ChannelOpenError as error:
        raise _PassingError(f"{where}: the jump host cannot reach it: {printable(error.reason)}") from error
    except asyncssh.KeyExchangeFailed as error:
        if hostkeys.known_keys(known, _alias(options, hop), "", options.port):
            raise HostKeyError(
                f"{where}: shows none of the host keys it is known by",
                "if its key was changed on purpose, remove the old one from known_hosts",
            ) from error
        raise ConnectError(f"{where}: no common algorithms: {printable(str(error))}") from error
    except (asyncssh.ProtocolError, asyncssh.ProtocolNotSupported) as error:
        raise ConnectError(f"{where}: is no SSH server", "check the port") from error
    except (asyncssh.ConnectionLost, ConnectionResetError) as error:
        raise _PassingError(
            f"{where}: closed the connection before the login", "see the log of its sshd"
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise ConnectError(f"{where}: {printable(str(error))}") from error


class _Patience:
    """A time limit whose clock stands still while a question waits for its answer."""

    def __init__(self, seconds: float, client: Client) -> None:
        self._seconds = seconds
        self._client = client
        self._timeout: asyncio.Timeout | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(self._seconds)
        timeout = await self._timeout.__aenter__()
        self._client.on_asking = lambda: timeout.reschedule(None)
        self._client.on_answered = lambda: timeout.reschedule(loop.time() + self._seconds)

    async def __aexit__(self, *error: object) -> None:
        assert self._timeout is not None
        await self._timeout.__aexit__(*error)  # type: ignore[arg-type]  # handed through as it came


async def _judge_host_key(
    hopping: Hopping,
    base: asyncssh.SSHClientConnectionOptions,
    where: str,
    client: Client,
    known: asyncssh.SSHKnownHosts,
    error: asyncssh.HostKeyNotVerifiable,
) -> None:
    """Return when the operator accepts an unknown key (it is remembered); refuse everything else."""
    offered = client.offered
    if offered is None:  # a revoked key, or a certificate that is not valid
        raise HostKeyError(f"{where}: {printable(str(error))}") from error
    host = base.host_key_alias or base.host
    before = [hostkeys.host_key(key) for key in hostkeys.known_keys(known, host, "", base.port)]
    if before:
        old = ", ".join(f"{key.algorithm} {key.fingerprint}" for key in before)
        raise HostKeyError(
            f"{where}: its host key has CHANGED: it shows {offered.algorithm} {offered.fingerprint}, known is {old}",
            "somebody may be listening in; if it was changed on purpose, remove the old key from known_hosts"
            f" and run: tuibackup trust {hopping.server.name}",
        ) from error
    question = Question(
        "host-key",
        hopping.server.name,
        "is this its host key? (yes/no)",
        secret=False,
        detail=(
            f"{where} is not known yet. It shows the host key",
            f"{offered.algorithm} {offered.fingerprint}",
            f"compare on its console: {hostkeys.console_command(offered)}",
        ),
    )
    answer = await hopping.answers.ask(question)
    if (answer or "").strip().lower() != "yes":
        raise HostKeyError(
            f"{where}: its host key is not known: {offered.algorithm} {offered.fingerprint}",
            f"tuibackup trust {hopping.server.name}",
        ) from error
    await asyncio.to_thread(hostkeys.remember, hopping.known_hosts, host, base.port, offered)


def _denied(client: Client, found: identities.Identities, where: str, *, asked: bool) -> TuibackupError:
    tried = ", ".join(dict.fromkeys([*found.names, *client.tried])) or "no key was found"
    if asked and client.unanswered:
        return NeedsOperatorError(f"needs an operator: {where} wants a password")
    return LoginError(
        f"{where}: accepts none of our keys or passwords (tried: {tried})",
        "add the public key to its ~/.ssh/authorized_keys",
    )


def _password(hopping: Hopping) -> Callable[[], Awaitable[Secret | None]] | None:
    server = hopping.server
    if server.password == SecretSource():
        return None
    question = Question("ssh-password", server.name, f"SSH password of {server.name}:")
    return lambda: hopping.secrets(server.password, question)


def _configured(base: asyncssh.SSHClientConnectionOptions) -> list[Path]:
    """The known_hosts files that ~/.ssh/config names, or the usual ones."""
    named = _strings(base, "UserKnownHostsFile")
    if not named:
        return list(hostkeys.user_known_hosts())
    return [*(Path(name).expanduser() for name in named), hostkeys.SYSTEM_KNOWN_HOSTS]


def _strings(options: asyncssh.SSHClientConnectionOptions, name: str) -> list[str]:
    """An option of ~/.ssh/config that may be given several times; empty where it is not set."""
    return [str(value) for value in cast("list[str]", options.config.get(name, []))]


def _alias(options: asyncssh.SSHClientConnectionOptions, hop: Hop) -> str:
    return options.host_key_alias or options.host or hop.host


def _name(hop: Hop, options: asyncssh.SSHClientConnectionOptions) -> str:
    return f"{printable(options.username)}@{printable(options.host or hop.host)}"


def _where(hop: Hop, options: asyncssh.SSHClientConnectionOptions) -> str:
    """A hop as errors name it; with the alias too where ~/.ssh/config gave it another name."""
    host = printable(options.host or hop.host)
    alias = f"{printable(hop.host)} (" if host != hop.host else ""
    return f"{alias}{host} port {options.port}{')' if alias else ''}"
