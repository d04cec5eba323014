"""Step 1 in detail: hop by hop to the server, each with its own host-key check, its keys and its time limit."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import asyncssh

from tuibackup.config import SecretSource
from tuibackup.errors import (
    ConnectError,
    LoginError,
    NeedsOperatorError,
    TuibackupError,
    is_our_bug,
)
from tuibackup.remote.connect.client import Client
from tuibackup.remote.connect.faults import (
    PassingError,
    RefusedForNowError,
    SilentlyClosedError,
    connect_error,
)
from tuibackup.remote.connect.hopkey import HopKey
from tuibackup.remote.connect.hopping import Hopping
from tuibackup.remote.connect.hostkeys import Known
from tuibackup.remote.connect.identities import Identities, Keyring, Wanted
from tuibackup.remote.connect.transport import PACKET as PACKET
from tuibackup.remote.connect.transport import WINDOW as WINDOW
from tuibackup.remote.connect.transport import Direct, Proxied, Through, Way
from tuibackup.remote.questions import Question
from tuibackup.remote.sshconfig import sshconfig
from tuibackup.remote.sshconfig.sshconfig import Hop, Settings
from tuibackup.secret import Secret
from tuibackup.text import duration, printable
from tuibackup.words import joined, sentence, sentence_n

ATTEMPT_SECONDS = 20.0
KEEPALIVE_SECONDS = 15.0  # a line that says nothing is asked so often …
KEEPALIVES = 4  # … and given up when so many were not answered
_TRIES = 2  # a fault that may pass (refused, closed) is tried again so often …
_CLOSED_TRIES = 5  # … one that says nothing at all more often, with growing pauses …
_PAUSE = 1.0  # … after so many seconds
_PENALTY_PAUSES = (2.0, 30.0)  # of those, between tries while a server refuses us: the first, and the longest
_AFTERWARDS = (
    600.0  # seconds in which a hang-up of ours may be why a server says nothing: sshd's longest penalty
)
_CLOSE_SECONDS = 3.0

# AES-GCM first: with AES in the processor it costs a third of chacha20
_CIPHERS = (
    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
    "aes128-ctr", "aes192-ctr", "aes256-ctr",
)  # fmt: skip


async def open_all(hopping: Hopping, *, log_in: bool = True) -> list[asyncssh.SSHClientConnection]:
    """Connections to every hop, the server's last; on failure none stays open.

    Without `log_in` the last hop is only asked for its host key, and left out.
    """
    server = hopping.server
    opened: list[asyncssh.SSHClientConnection] = []
    way = await sshconfig.route(Hop(server.host, server.port, server.user), server.jump)
    try:
        async with Keyring(server.name, hopping.answers, hopping.patience, hopping.note) as keys:
            for hop in way:
                for note in hop.notes:
                    hopping.note(note)
                last = hop is way[-1]
                step = _Step(hopping, hop, opened[-1] if opened else None, keys, last, log_in or not last)
                connection = await step.patiently()
                if connection is not None:
                    opened.append(connection)
    except BaseException:
        await close_all(opened)
        raise
    return opened


async def close_all(connections: Sequence[asyncssh.SSHClientConnection]) -> None:
    """Say goodbye to every hop, the server first; drop those that do not answer."""
    for connection in reversed(connections):
        try:
            connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.wait_closed()
        finally:
            connection.abort()


_hung_up: dict[tuple[str, int], float] = {}  # when (monotonic) we last left a server without a login


class _Step:
    """The way from one hop to the next."""

    def __init__(
        self,
        hopping: Hopping,
        hop: Settings,
        before: asyncssh.SSHClientConnection | None,
        keys: Keyring,
        last: bool,
        log_in: bool,
    ) -> None:
        self._hopping = hopping
        self._hop = hop
        self._before = before
        self._keys = keys
        self._last = last
        self._log_in = log_in
        self._told = False  # that it refuses us
        self._user = f"{printable(hop.user)}@{printable(hop.host)}"
        self._where = _where(hop.hop.host, hop.host, hop.port)
        self._host_key = HopKey(hopping, hop, self._where)

    async def patiently(self) -> asyncssh.SSHClientConnection | None:
        """Connect, and again for faults that may pass; None where only the host key was wanted.

        A server that refuses us for the moment is waited for as long as there is time, and that is said.
        """
        began = time.monotonic()
        tried = 0
        while True:
            try:
                opened = await self._open()
            except PassingError as error:
                pause = self._pause(error, tried)
                if pause is None or self._hopping.patience.left <= pause:
                    took = (
                        sentence(
                            "; tried {tried} times in {time}",
                            tried=tried + 1,
                            time=duration(time.monotonic() - began),
                        )
                        if tried > 1
                        else ""
                    )
                    raise ConnectError(joined("", (error.message, took)), error.way_out) from error
                tried += 1
                await asyncio.sleep(pause)
            else:
                if tried and time.monotonic() - began > _PENALTY_PAUSES[0] * _PAUSE:
                    took = duration(time.monotonic() - began)
                    said = sentence_n(
                        "{where}: connected after {time}, refused once",
                        "{where}: connected after {time}, refused {number} times",
                        tried,
                        where=self._where,
                        time=took,
                        number=tried,
                    )
                    self._hopping.note(said)
                    self._hopping.waited.append(
                        sentence("{where} refused us for {took}", where=self._where, took=took)
                    )
                return opened

    def _pause(self, error: PassingError, tried: int) -> float | None:
        """How long to wait before another attempt after `tried` others; None for no more."""
        silent = isinstance(error, SilentlyClosedError)
        if isinstance(error, RefusedForNowError) or (silent and self._left_lately()):
            said = (
                error.said if isinstance(error, RefusedForNowError) else sentence("it closes the connection")
            )
            if not self._told:  # once, for each note is a line
                self._told = True
                self._hopping.note(
                    sentence(
                        "{where}: refuses new logins for the moment ({said}): trying again for up to {time}",
                        where=self._where,
                        said=said,
                        time=duration(self._hopping.patience.left),
                    )
                )
            first, longest = _PENALTY_PAUSES
            return min(longest, first * 1.5**tried) * _PAUSE
        if tried + 1 >= (_CLOSED_TRIES if silent else _TRIES):
            return None
        return 2.0**tried * _PAUSE

    def _left_lately(self) -> bool:
        left = _hung_up.get((self._hop.host, self._hop.port))
        return left is not None and time.monotonic() - left < _AFTERWARDS

    async def _open(self) -> asyncssh.SSHClientConnection | None:
        """A host key that is accepted on the way, and a key that is unlocked, lead to another attempt."""
        needs_keys = self._log_in and not (self._by_itself and self._hopping.server.key is None)
        found = await self._keys.collect(self._wanted()) if needs_keys else Identities()
        known, elsewhere = await self._host_key.look_up()
        while True:
            client = self._client(found, elsewhere)
            try:
                return await self._attempt(client, known, found)
            except asyncssh.HostKeyNotVerifiable as error:
                self._hung_up()
                await self._host_key.judge(client.offered, known, error)
                if not self._log_in:  # that was all we wanted to know
                    return None
                known, elsewhere = await self._host_key.look_up()
            except asyncssh.PermissionDenied as error:
                self._hung_up()
                if not self._log_in:
                    return None
                if not await self._keys.unlock(found) and client.may_ask:
                    raise self._denied(client, found) from error
            except ConnectError:
                if not await client.unlocked():
                    raise
            finally:
                client.end()
                if client.version:
                    self._hopping.heard(client.version, client.host_key)

    @property
    def _by_itself(self) -> bool:
        """Whether only what the configuration names is to log in here."""
        return self._last and self._hopping.alone

    def _hung_up(self) -> None:
        _hung_up[self._hop.host, self._hop.port] = time.monotonic()

    def _wanted(self) -> Wanted:
        """The keys for this hop. A jump host has none of its own in our configuration: the usual, or the server's."""
        key = self._hopping.server.key
        return Wanted(
            key=key if self._last else None,
            also=None if self._last else key,
            listed=self._hop.keys,
            certificates=self._hop.certificates,
            agent="" if self._by_itself else self._hop.agent,
            only=self._hop.only or self._by_itself,
        )

    def _way(self) -> Way:
        """How this attempt gets there. With a jump host of ours, a ProxyCommand is not asked for."""
        if self._before is not None:
            return Through(self._before)
        if self._hop.proxy_command and not (self._last and self._hopping.server.jump):
            return Proxied(self._hop.proxy_command)
        return Direct(self._hop.family, self._hop.local_address)

    def _client(self, found: Identities, elsewhere: Known) -> Client:
        """Nobody is asked for a password while a key may still be unlocked, nor for a passphrase before the password
        that is configured was tried.
        """
        hopping = self._hopping
        password = self._password() if self._last and self._log_in else None
        return Client(
            hopping.server.name,
            self._user,
            hopping.answers,
            hopping.patience,
            password,
            may_ask=lambda: self._log_in and not found.locked,
            unlock=partial(self._keys.unlock, found) if self._log_in and not password else None,
            elsewhere=elsewhere.keys,
        )

    def _password(self) -> Callable[[], Awaitable[Secret | None]] | None:
        server, secrets = self._hopping.server, self._hopping.secrets
        if server.password == SecretSource():
            return None
        question = Question("ssh-password", server.name, sentence("SSH password of {user}:", user=self._user))
        return lambda: secrets(server.password, question)

    async def _attempt(self, client: Client, known: Known, found: Identities) -> asyncssh.SSHClientConnection:
        """Connect and log in once; every fault of the network becomes a ConnectError with its one line."""
        trusted = (known.keys, known.authorities, known.revoked)
        way = self._way()
        options = sshconfig.options(
            self._hop,
            client_factory=lambda: client,
            known_hosts=lambda host, address, port: trusted,
            server_host_key_algs=self._host_key.kinds(known),
            client_keys=found.pairs or None,  # [] would be asyncssh's own choice
            agent_path=None,
            agent_identities=None,
            tunnel=way,
            encryption_algs=_CIPHERS,
            compression_algs=None,
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=KEEPALIVES,
            login_timeout=0,  # ours stops while a person types
            gss_auth=False,
            gss_kex=False,
            agent_forwarding=False,
            x11_forwarding=False,
            request_pty=False,
            send_env=None,
            command=None,
        )
        patience = self._hopping.patience
        try:
            async with patience.attempt(max(ATTEMPT_SECONDS, self._hop.seconds)):
                connection, _client = await asyncssh.create_connection(
                    lambda: client, self._hop.host, config=[], options=options, tunnel=way
                )
        except Exception as error:
            if client.fault is not None:
                raise client.fault from None
            if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.PermissionDenied | TuibackupError):
                raise
            if is_our_bug(error):
                raise
            if client.speaks:
                self._hung_up()
            ended = await way.ended()
            raise connect_error(error, self._where, client, patience.seconds, way, ended) from error
        if client.fault is not None:  # asking failed, and another way let us in
            connection.abort()
            raise client.fault
        return connection

    def _denied(self, client: Client, found: Identities) -> TuibackupError:
        server = self._hopping.server
        if not client.answered:
            if found.fault is not None:
                return found.fault
            if self._last and server.password.prompt and client.unanswered:
                return NeedsOperatorError(
                    sentence("needs an operator: {unanswered}", unanswered=client.unanswered)
                )
        tried = ", ".join(dict.fromkeys([*found.names, *client.tried])) or sentence("no key was found")
        said = sentence('; it says: "{said}"', said=client.said) if client.said else ""
        user = printable(self._hop.user)
        if client.takes and "publickey" not in client.takes and found.pairs:
            # It takes no keys at all, or ours, and wants this beside it: both look alike from here.
            ways = joined(sentence(" and "), map(printable, client.takes))
            return LoginError(
                sentence(
                    "{where}: a key is not enough for user {user}: it wants {ways} (tried: {tried}){said}",
                    where=self._where,
                    user=user,
                    ways=ways,
                    tried=tried,
                    said=said,
                ),
                sentence(
                    "set password in config.toml; or, on the server, see PubkeyAuthentication and "
                    "AuthenticationMethods in sshd_config"
                ),
            )
        return LoginError(
            sentence(
                "{where}: accepts none of our keys or passwords for user {user} (tried: {tried}){said}",
                where=self._where,
                user=user,
                tried=tried,
                said=said,
            ),
            sentence("check user and password")
            if client.tried and not found.names
            else sentence(
                "add the public key to its ~/.ssh/authorized_keys; where it is, the log of its sshd says "
                "why (AllowUsers, PermitRootLogin, PubkeyAcceptedAlgorithms, AuthenticationMethods)"
            ),
        )


def _where(named: str, host: str, port: int) -> str:
    """A hop as errors name it; with the alias too where ~/.ssh/config gave it another name."""
    there = sentence("{host} port {port}", host=printable(host), port=port)
    return there if host.lower() == named.lower() else joined("", (printable(named), " (", there, ")"))
