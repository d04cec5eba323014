"""Connections to real private servers, with a home of their own so that nobody's ~/.ssh plays along."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tuibackup.config import SecretSource, Server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.remote import session
from tuibackup.remote.connect import connecting, hostkeys
from tuibackup.remote.connect.hostkeys import KnownHosts
from tuibackup.remote.questions import Question
from tuibackup.remote.session import Session
from tuibackup.secret import Secret


class Face:
    """Answers questions by their kind: each has a list of answers, taken one after the other; then no more."""

    def __init__(self, **answers: Sequence[str] | str) -> None:
        self._answers = {
            kind.replace("_", "-"): iter([given] if isinstance(given, str) else given)
            for kind, given in answers.items()
        }
        self.asked: list[Question] = []

    @property
    def kinds(self) -> list[str]:
        return [question.kind for question in self.asked]

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        await asyncio.sleep(0.01)
        return next(self._answers.get(question.kind, iter(())), None)


@dataclass
class Site:
    """Our own machine: a home, a state folder, what was noted, and who answers."""

    home: Path
    known_hosts: Path
    notes: list[str] = field(default_factory=list)

    def ssh_config(self, text: str) -> None:
        (self.home / ".ssh/config").write_text(text)

    def trust(self, *servers: PrivateSshd) -> None:
        """Know these servers' host keys, as the user who went there with ssh before."""
        with (self.home / ".ssh/known_hosts").open("a") as file:
            file.writelines(f"{line}\n" for server in servers for line in server.known_hosts_lines)

    async def connect(
        self,
        server: Server,
        face: Face | None = None,
        secret: Callable[[], Any] = lambda: None,
        seconds: float = 30.0,
    ) -> Session:
        async def secrets(source: SecretSource, question: Question) -> Secret | None:
            found = secret()
            return Secret(found) if found is not None else None

        return await session.connect(
            server,
            known_hosts=KnownHosts(self.known_hosts, lambda *_told: None),
            answers=face or Face(),
            secrets=secrets,
            deadline=time.monotonic() + seconds,
            notes=self.notes.append,
        )

    @asynccontextmanager
    async def session(self, server: Server, face: Face | None = None) -> AsyncIterator[Session]:
        async with await self.connect(server, face) as opened:
            yield opened

    async def refused(self, server: Server, kind: type[Exception], face: Face | None = None) -> str:
        """The one line of the error that connecting ends with."""
        with pytest.raises(kind) as caught:
            await (await self.connect(server, face)).close()
        line = str(caught.value)
        assert "\n" not in line
        return line


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(hostkeys, "SYSTEM_KNOWN_HOSTS", ())
    monkeypatch.setattr(connecting, "_PAUSE", 0.05)
    return Site(home, tmp_path / "state/known_hosts")


def a_server(sshd: PrivateSshd, **changes: Any) -> Server:
    """The configuration for `sshd`."""
    return replace(Server("siakad", sshd.host, port=sshd.port, key=sshd.client_key), **changes)


def make_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path), "-a", "1"],
        check=True,
    )
    return path


@pytest.fixture
async def ready(site: Site, sshd: PrivateSshd) -> AsyncIterator[Session]:
    """A session on the shared sshd."""
    site.trust(sshd)
    async with site.session(a_server(sshd)) as opened:
        yield opened


@pytest.fixture
def own_sshd(tmp_path: Path, sshd: PrivateSshd) -> Iterator[PrivateSshd]:
    """An sshd that a test may break; it takes the shared one's client key."""
    with PrivateSshd(tmp_path / "own", client_key=sshd.client_key) as server:
        yield server
