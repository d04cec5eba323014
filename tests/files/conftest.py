"""Downloads from a real sshd into a vault of the test's own."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.files.sources import application
from tests.toolboxes import acting
from tests.vault import trees
from tuibackup.config import Server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.files.download import Download, download
from tuibackup.progress import Finding, Progress
from tuibackup.remote.connect.hostkeys import KnownHosts
from tuibackup.remote.probe import Probe, probe
from tuibackup.remote.questions import NoAnswers
from tuibackup.remote.session import connect
from tuibackup.sop import Clock
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.index.read import Index
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.restore.files import restore_files
from tuibackup.vault.summary import SnapshotSummary

# As root, permissions would not stop us: what an ordinary account of a server meets is played without these.
HUMBLE = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all "


@dataclass
class Told:
    """What a reporter was told."""

    steps: list[Progress] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def progress(self, progress: Progress) -> None:
        self.steps.append(progress)

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)

    def output(self, line: str) -> None:
        self.lines.append(line)

    @property
    def reasons(self) -> dict[str, str]:
        """The reason by the last part of the subject's path."""
        return {finding.subject.rpartition("/")[2]: finding.reason for finding in self.findings}


@dataclass
class Bench:
    """A place with a vault, and ways to download into it."""

    place: Path
    vault: Vault
    sshd: PrivateSshd
    runs: int = 0
    told: Told = field(default_factory=Told)

    def server(self, *folders: Path, **settings: Any) -> Server:
        return Server(
            name="siakad",
            host=self.sshd.host,
            port=self.sshd.port,
            user=self.sshd.user,
            key=self.sshd.client_key,
            folders=tuple(str(folder) for folder in folders),
            **settings,
        )

    @asynccontextmanager
    async def session(self, server: Server) -> Any:
        known_hosts = self.place / "known_hosts"
        known_hosts.write_text("\n".join(self.sshd.known_hosts_lines) + "\n")

        async def no_secret(*_: object) -> None:
            return None

        async with await connect(
            server,
            known_hosts=KnownHosts(known_hosts, lambda *_told: None),
            answers=NoAnswers(),
            secrets=no_secret,
            deadline=time.monotonic() + 120,
            notes=lambda _: None,
        ) as session:
            yield session

    async def fetch(
        self,
        server: Server,
        *,
        previous: Snapshot | None = None,
        least_free: int = 0,
        tools: dict[str, Any] | None = None,
        full: bool = False,
    ) -> tuple[Download, Incoming]:
        """One download; `tools` changes what the probe found."""
        self.runs += 1
        self.told = Told()
        incoming = Incoming.create(self.vault, server.name, f"run{self.runs}", Clock.FILES)
        async with self.session(server) as session:
            found: Probe = replace(await probe(session), **(tools or {}))
            result = await download(
                session, found, server, incoming, previous, self.told, full=full, least_free=least_free
            )
        return result, incoming

    async def snapshot(self, server: Server, **options: Any) -> tuple[Download, Snapshot]:
        """A download that is published."""
        result, incoming = await self.fetch(server, **options)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return result, incoming.publish(
            SnapshotSummary(
                server=server.name,
                clock=Clock.FILES,
                run=incoming.run,
                started=now,
                finished=now,
                operator="test",
                outcome=result.outcome,
                whole=result.whole,
                folders=result.folders,
                files=result.files,
                bytes=result.bytes,
            )
        )

    async def restored(self, server: Server, **options: Any) -> tuple[Download, Path]:
        """A download, published and restored; the place where the server's root lies."""
        result, snapshot = await self.snapshot(server, **options)
        target = self.place / f"restored-{self.runs}"
        done = restore_files(snapshot, [], target)
        assert done.problems == ()
        return result, target


def listed(incoming: Incoming) -> set[bytes]:
    """Absolute paths in the index of an unpublished download."""
    with Index(incoming.path / "index.sqlite") as index:
        return {entry.path for entry in index.walk()}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other accounts may enter, removed whatever modes are in it."""
    with tempfile.TemporaryDirectory(prefix="tuibackup-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for below, _, _ in os.walk(folder):
            os.chmod(below, 0o700)


@pytest.fixture
def vault(place: Path) -> Vault:
    (place / "vault").mkdir()
    return Vault.open(place / "vault", place / "state")


@pytest.fixture
def bench(place: Path, vault: Vault, sshd: PrivateSshd) -> Bench:
    return Bench(place, vault, sshd)


@pytest.fixture
def humble(place: Path, vault: Vault) -> Iterator[Bench]:
    """A server whose account may read only what the modes allow it, also when the tests run as root."""
    command = f"""{HUMBLE if os.geteuid() == 0 else ""}sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(place / "humble", force_command=command) as sshd:
        yield Bench(place, vault, sshd)


@pytest.fixture
def tricky(place: Path) -> Path:
    return trees.tricky(place / "source")


@pytest.fixture
def server_with(place: Path) -> Iterator[Callable[..., PrivateSshd]]:
    """Starts servers on which one tool is a script of ours, to act in the middle of a download."""
    started: list[PrivateSshd] = []

    def start(tool: str, script: str, more: str = "") -> PrivateSshd:
        started.append(acting(place / f"acting{len(started)}", tool, script, more))
        return started[-1]

    yield start
    for sshd in started:
        sshd.stop()


@pytest.fixture
def mount_point(place: Path) -> Iterator[Path]:
    """A folder in an application's, on which another file system is mounted."""
    folder = application(place / "source", 2) / "uploads"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets us mount nothing")
    try:
        (folder / "there").write_text("x")
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
