"""The keys we show a server: the configured one, else those of ~/.ssh/config or the usual places, then the agent's.

A key that needs its passphrase is asked for only when nothing else lets us in, and once for all hops. The agent
is asked here, not by asyncssh, which would show its keys first: a server hangs up after six that it does not know.
"""

import asyncio
import contextlib
import os
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh
import msgspec

from tuibackup.errors import LoginError, NeedsOperatorError, TuibackupError
from tuibackup.remote.connect.patience import Patience
from tuibackup.remote.questions import Answers, Question
from tuibackup.text import printable
from tuibackup.words import sentence

_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")
_TRIES = 3
_AGENT_SECONDS = 5.0


class Wanted(msgspec.Struct, frozen=True):
    """Which keys to show. `key`, of our configuration, must be usable; without it `listed` (IdentityFile) or the
    default ones are taken as far as they are there. `also` comes after those. `certificates` (CertificateFile) count
    beside those that lie beside a key. `only`: nothing else of the agent's.
    """

    key: Path | None = None
    listed: Sequence[Path] = ()
    also: Path | None = None
    certificates: Sequence[Path] = ()
    agent: str = ""
    only: bool = False


class Identities(msgspec.Struct):
    """What one hop is shown, in order; keys still locked; what they are called; why one stayed locked."""

    pairs: list[asyncssh.SSHKeyPair] = msgspec.field(default_factory=list)
    locked: list[Path] = msgspec.field(default_factory=list)
    names: list[str] = msgspec.field(default_factory=list)
    fault: TuibackupError | None = None


class _LockedError(Exception):
    """The key needs its passphrase."""


class Keyring:
    """The keys of one connection with all its hops. Leave its block to close the agent."""

    def __init__(
        self, server: str, answers: Answers, patience: Patience, note: Callable[[str], None]
    ) -> None:
        """`note` is told what is worth knowing of a key that can be used all the same."""
        self._server = server
        self._note = note
        self._answers = answers
        self._patience = patience
        self._unlocked: dict[Path, Sequence[asyncssh.SSHKeyPair]] = {}
        self._faults: dict[Path, TuibackupError] = {}
        self._certificates: dict[
            Path, Sequence[Path]
        ] = {}  # CertificateFile, for the keys that were looked at
        self._agents: dict[str, asyncssh.SSHAgentClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for agent in self._agents.values():
            agent.close()
            with contextlib.suppress(OSError):
                await agent.wait_closed()

    async def collect(self, wanted: Wanted) -> Identities:
        """The keys for one hop. Raises LoginError for a configured key that cannot be used."""
        found = Identities()
        held = await self._held(wanted.agent)
        if wanted.key is not None:
            await self._add(found, wanted.key, held, wanted)
        else:
            for path in await asyncio.to_thread(_usual, wanted):
                try:
                    await self._add(found, path, held, wanted)
                except LoginError as error:  # said where nothing else lets us in
                    found.names.append(error.message)
        if not wanted.only:
            shown = {pair.public_data for pair in found.pairs}
            others = [pair for pair in held if pair.public_data not in shown]
            found.pairs += others
            if others:
                found.names.append("agent")
        return found

    async def unlock(self, found: Identities) -> Sequence[asyncssh.SSHKeyPair]:
        """Ask for the passphrase of the next key that is locked; what there is to show now, nothing at the end."""
        while found.locked:
            path = found.locked.pop(0)
            if path not in self._unlocked and path not in self._faults:
                await self._ask(path)
            if path in self._unlocked:
                found.pairs[:0] = self._unlocked[path]
                return self._unlocked[path]
            found.fault = found.fault or self._faults[path]
        return ()

    async def _add(
        self, found: Identities, path: Path, held: Sequence[asyncssh.SSHKeyPair], wanted: Wanted
    ) -> None:
        name = printable(str(path))
        pairs = self._unlocked.get(path, ())
        certificates = await asyncio.to_thread(_readable, wanted.certificates)
        self._certificates[path] = certificates
        try:
            pairs = pairs or await asyncio.to_thread(_load, path, None, certificates)
        except _LockedError:
            pairs = await self._twins(path, held, wanted.agent)
            if not pairs:
                found.locked.append(path)
            await self._tell_exposed(path)
        except asyncssh.KeyImportError as error:
            pairs = await self._twins(path, held, wanted.agent)  # a public key names one that the agent holds
            if not pairs:
                raise await asyncio.to_thread(_unusable, path, name, error) from error
        except OSError as error:  # also where only the public half is here, and the agent has the key
            pairs = await self._twins(path, held, wanted.agent)
            if not pairs:
                raise _unreadable(path, name, error) from error
        except ValueError as error:  # an unknown cipher; a .pub beside it of another key
            raise LoginError(
                sentence("key {name} cannot be used: {error}", name=name, error=printable(str(error)))
            ) from error
        else:
            await self._tell_exposed(path)
        found.pairs += pairs
        found.names.append(name)

    async def _tell_exposed(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            if warning := await asyncio.to_thread(_exposed, path):
                self._note(warning)

    async def _ask(self, path: Path) -> None:
        name = printable(str(path))
        detail: tuple[str, ...] = ()
        for attempt in range(1, _TRIES + 1):
            question = Question(
                "passphrase", self._server, sentence("passphrase of {name}:", name=name), detail=detail
            )
            with self._patience.asking():
                phrase = await self._answers.ask(question)
            if phrase is None:
                self._faults[path] = NeedsOperatorError(
                    sentence("needs an operator: passphrase of {name}", name=name),
                    sentence("unlock the key in an agent, or start the run from the cockpit"),
                )
                return
            try:
                certificates = self._certificates.get(path, ())
                self._unlocked[path] = await asyncio.to_thread(_load, path, phrase, certificates)
                return
            except (ValueError, OSError):
                detail = (sentence("wrong passphrase ({attempt} of {tries})", attempt=attempt, tries=_TRIES),)
        self._faults[path] = LoginError(
            sentence(
                "key {name}: {tries} passphrases were tried, and none was right", name=name, tries=_TRIES
            )
        )

    async def _held(self, path: str) -> Sequence[asyncssh.SSHKeyPair]:
        """The keys that the agent holds; none where there is no agent, or one that does not answer."""
        if not path:
            return ()
        agent = self._agents.setdefault(path, asyncssh.SSHAgentClient(path))
        try:
            async with asyncio.timeout(_AGENT_SECONDS):
                return await agent.get_keys()
        except (OSError, ValueError, asyncssh.Error, TimeoutError):
            agent.close()
            return ()

    async def _twins(
        self, path: Path, held: Sequence[asyncssh.SSHKeyPair], agent: str
    ) -> list[asyncssh.SSHKeyPair]:
        """What the agent holds of the key at `path`, by the public half beside it; with the certificate beside it."""
        public = await asyncio.to_thread(_public, path)
        twins = [pair for pair in held if public and pair.public_data == public]
        beside = [Path(f"{path}-cert.pub"), *self._certificates.get(path, ())]
        certificate = await asyncio.to_thread(_certificate, beside, public) if twins else None
        if certificate is not None:
            certified = [pair for pair in await self._held(agent) if pair.public_data == public]
            for pair in certified:
                pair.set_certificate(certificate)
            twins[:0] = certified
        return twins


def _usual(wanted: Wanted) -> list[Path]:
    """The keys that are there, of those listed or of the default ones, and the one to try after them.

    Of a listed one the public half is enough: the agent may hold the rest.
    """
    if wanted.listed:
        there = [path for path in wanted.listed if os.path.exists(path) or os.path.exists(f"{path}.pub")]
    else:
        there = [path for name in _DEFAULTS if os.path.exists(path := Path("~/.ssh").expanduser() / name)]
    return list(dict.fromkeys([*there, *([wanted.also] if wanted.also else [])]))


def _load(
    path: Path, passphrase: str | None = None, certificates: Sequence[Path] = ()
) -> Sequence[asyncssh.SSHKeyPair]:
    """The key at `path`, with its certificate where there is one: beside it, or among `certificates`."""
    try:
        pairs = asyncssh.load_keypairs(str(path), passphrase)
    except asyncssh.KeyImportError as error:
        if passphrase is None and str(error).startswith("Passphrase"):
            raise _LockedError from error
        raise
    certificate = _certificate(certificates, pairs[-1].public_data) if certificates and pairs else None
    if certificate is not None:
        return [*asyncssh.load_keypairs([(str(path), certificate)], passphrase), *pairs]
    return pairs


def _readable(paths: Sequence[Path]) -> Sequence[Path]:
    """Of several files those that are there: as with ssh, a CertificateFile may be absent."""
    return [path for path in paths if os.path.isfile(path)]


def _unusable(path: Path, name: str, error: Exception) -> LoginError:
    """A file that is no key for us, with the way to make it one where it is PuTTY's."""
    try:
        with open(path, "rb") as file:
            putty = file.read(24).startswith(b"PuTTY-User-Key-File")
    except OSError:
        putty = False
    if putty:
        new = printable(str(path.with_suffix("")))
        new = new if new != name else f"{name}.openssh"
        return LoginError(
            sentence("key {name} is PuTTY's", name=name),
            sentence(
                "convert it: puttygen {quote} -O private-openssh -o {quote2}; then name that one",
                quote=shlex.quote(name),
                quote2=shlex.quote(new),
            ),
        )
    return LoginError(sentence("key {name} cannot be used: {error}", name=name, error=error))


def _unreadable(path: Path, name: str, error: OSError) -> LoginError:
    if isinstance(error, FileNotFoundError) and os.path.exists(f"{path}.pub"):
        return LoginError(
            sentence("key {name} is not here, only its public half, and no agent holds it", name=name),
            sentence("add it to the agent: ssh-add"),
        )
    return LoginError(
        sentence("key {name} cannot be read: {error}", name=name, error=error.strerror),
        sentence("it must be there, be this account's, and have mode 600"),
    )


def _exposed(path: Path) -> str:
    """What ssh says, and refuses, of a key file of ours that others may read; "" where they may not."""
    status = os.stat(path)
    if status.st_uid != os.geteuid() or not status.st_mode & 0o077:
        return ""
    name = printable(str(path))
    return sentence(
        "key {name} can be read by others (mode {s_imode}), ssh would refuse it; chmod 600 {quote}",
        name=name,
        s_imode=f"{stat.S_IMODE(status.st_mode):04o}",
        quote=shlex.quote(name),
    )


def _public(path: Path) -> bytes:
    """The public half of a locked private key, from the file beside it, or the public key that `path` is."""
    for name in (f"{path}.pub", str(path)):
        try:
            return asyncssh.read_public_key(name).public_data
        except (OSError, ValueError):
            continue
    return b""


def _certificate(paths: Sequence[Path], public: bytes) -> asyncssh.SSHCertificate | None:
    """The first certificate of `paths` that is the key's with this public half."""
    for path in paths:
        try:
            certificate = asyncssh.read_certificate(str(path))
        except (OSError, ValueError):
            continue
        if certificate.key.public_data == public:
            return certificate
    return None
