"""Helpers of the database tests: a session and a login to the private servers, and a reporter that collects."""

import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tuibackup.config import Database, SecretSource, Server
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.progress import Finding, Progress
from tuibackup.remote.connect.hostkeys import KnownHosts
from tuibackup.remote.questions import Question
from tuibackup.remote.session import Session, connect
from tuibackup.secret import Secret
from tuibackup.sop import Clock
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.layout import Vault

OBJECTS = """
CREATE OR REPLACE DATABASE akademik; USE akademik;
CREATE TABLE nilai (id INT PRIMARY KEY, huruf VARCHAR(20), isi BLOB);
INSERT INTO nilai SELECT seq, CONCAT('a', CHAR(10), '(', seq), UNHEX(MD5(seq)) FROM seq_1_to_3000;
CREATE VIEW ringkas AS SELECT id FROM nilai;
CREATE SEQUENCE nomor;
CREATE TRIGGER jaga BEFORE INSERT ON nilai FOR EACH ROW SET NEW.huruf = 'x';
CREATE PROCEDURE hitung() SELECT COUNT(*) FROM nilai;
CREATE FUNCTION satu() RETURNS INT RETURN 1;
CREATE EVENT malam ON SCHEDULE EVERY 1 DAY DO SELECT 1;
CREATE OR REPLACE DATABASE `-od.d na``me`; CREATE TABLE `-od.d na``me`.`a.b\nc` (x INT);
INSERT INTO `-od.d na``me`.`a.b\nc` VALUES (1), (2);
CREATE OR REPLACE DATABASE kosong;
"""


NAMES = ("-od.d na`me", "akademik", "kosong")

Tooled = Callable[[str], tuple[tuple[str, str], ...]]


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
        known_hosts=KnownHosts(folder / "known_hosts", lambda *_told: None),
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


@pytest.fixture
def objects(mariadbd: PrivateMariadb) -> Iterator[PrivateMariadb]:
    mariadbd.sql(OBJECTS)
    yield mariadbd
    for name in NAMES:
        mariadbd.sql(f"DROP DATABASE IF EXISTS `{name.replace('`', '``')}`")


def incoming_at(folder: Path) -> Incoming:
    """An incoming folder in the vault `folder`."""
    folder.mkdir(exist_ok=True)
    vault = Vault.open(folder, folder.parent / "state")
    (folder / "siakad").mkdir()
    return Incoming.create(vault, "siakad", "run", Clock.DATABASES)


@pytest.fixture
def incoming(tmp_path: Path) -> Incoming:
    return incoming_at(tmp_path / "vault")


@pytest.fixture
def tooled(tmp_path: Path) -> Tooled:
    """A dump program that is a script of ours; `real` in it is the real one."""

    def make(script: str) -> tuple[tuple[str, str], ...]:
        path = tmp_path / "mariadb-dump"
        path.write_text(
            '#!/bin/sh\nreal() { command mariadb-dump "$@"; }\n'
            f'case "$*" in *--help*) real "$@"; exit;; esac\n{script}\n'
        )
        path.chmod(0o755)
        return ((str(path), "10.11-MariaDB"),)

    return make
