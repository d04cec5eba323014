"""Helpers of the database tests: a session and a login to the private servers, and a reporter that collects."""

import contextlib
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tuibackup.config import Database, SecretSource, Server
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.progress import Finding, Progress
from tuibackup.remote.questions import Question
from tuibackup.remote.session import Session, connect
from tuibackup.secret import Secret


@dataclass
class Collected:
    """A reporter that keeps everything."""

    last: Progress | None = None
    findings: list[Finding] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def progress(self, progress: Progress) -> None:
        self.last = progress

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)

    def output(self, line: str) -> None:
        self.lines.append(line)


class Yes:
    """Answers yes to every host key."""

    async def ask(self, question: Question) -> str | None:
        return "yes"


async def no_secret(source: SecretSource, question: Question) -> Secret | None:
    return None


def unpacked(path: Path) -> bytes:
    """The SQL of a dump, by the zstd program."""
    return subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout


@pytest.fixture
def reporter() -> Collected:
    return Collected()


@pytest.fixture
def server(sshd: PrivateSshd, mariadbd: PrivateMariadb) -> Server:
    """The private server, its database through the socket without a password."""
    database = Database(user=account(), socket=str(mariadbd.socket))
    return Server("siakad", sshd.host, port=sshd.port, user=sshd.user, key=sshd.client_key, database=database)


@contextlib.asynccontextmanager
async def opened(server: Server, folder: Path) -> AsyncIterator[Session]:
    """A session with `server`; its known_hosts goes into `folder`."""
    async with await connect(
        server,
        known_hosts=folder / "known_hosts",
        answers=Yes(),
        secrets=no_secret,
        deadline=time.monotonic() + 30,
        notes=lambda text: None,
    ) as session:
        yield session


@pytest.fixture
async def session(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with opened(server, tmp_path) as session:
        yield session
