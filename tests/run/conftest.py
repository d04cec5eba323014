"""A vault, a ledger and a configuration of our own for the tests of runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tuibackup.config import Config
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.run.journal import events as ev
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_vault
from tuibackup.run.plan import Plan
from tuibackup.sop import Clock, Outcome
from tuibackup.vault.archive.frames import CompressedFile
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.summary import DatabaseSummary, SnapshotSummary

ANDI = Operator("andi", "andi", "10.0.0.7")


@pytest.fixture
def config(configure: Callable[..., Config]) -> Config:
    """One server that is never reached."""
    return configure()


@pytest.fixture
def plan() -> Plan:
    """A run of both clocks of that server."""
    return Plan(
        run="2026-11-22T013000Z-siakad-4f2a",
        request="2026-11-22T013000Z-0001",
        server="siakad",
        clocks=frozenset(Clock),
        full=False,
        operator=ANDI,
    )


def publish(config: Config, plan: Plan, *, outcome: Outcome = Outcome.DONE, whole: bool = True) -> Snapshot:
    """A small real snapshot of the databases, as a run would have published it."""
    incoming = Incoming.create(open_vault(config), plan.server, plan.run, Clock.DATABASES)
    output = CompressedFile(incoming.dump("siakad"))
    output.write(b"not looked into here")
    incoming.wrote(output.close())
    return incoming.publish(
        SnapshotSummary(
            server=plan.server,
            clock=Clock.DATABASES,
            run=plan.run,
            started=ev.now(),
            finished=ev.now(),
            operator=plan.operator.name,
            outcome=outcome,
            whole=whole,
            databases=(DatabaseSummary(name="siakad", file="siakad.sql.zst"),),
            files=1,
            bytes=20,
        )
    )


def renamed(plan: Plan, run: str) -> Plan:
    """The same plan for another run."""
    return msgspec.structs.replace(plan, run=run)


class Site:
    """One real server: a private sshd, a folder, and where wanted a private mariadbd; with its configuration."""

    def __init__(self, root: Path, configure: Callable[..., Config], sshd: PrivateSshd) -> None:
        self.root = root
        self.sshd = sshd
        self.www = root / "www"
        self._configure = configure
        for number in range(3):
            (self.www / f"app{number}").mkdir(parents=True)
            (self.www / f"app{number}" / "index.php").write_text(f"<?php echo {number};\n" * 500)

    def table(self, name: str = "siakad", more: str = "", *, folders: bool = True) -> str:
        """The server's table of config.toml; `more` are further lines of it."""
        lines = [f"[servers.{name}]", 'host = "127.0.0.1"', f"port = {self.sshd.port}"]
        lines += [f'user = "{self.sshd.user}"', f'key = "{self.sshd.client_key}"']
        lines += [f'folders = ["{self.www}"]'] if folders else []
        return "\n".join([*lines, more, ""])

    def configure(self, *tables: str, trusted: bool = True, **settings: object) -> Config:
        """Write config.toml for these tables (default: the server without a database), with its key known."""
        config = self._configure("\n".join(tables or (self.table(),)), **settings)
        config.state.mkdir(mode=0o700, exist_ok=True)
        known = self.sshd.known_hosts_lines if trusted else []
        (config.state / "known_hosts").write_text("".join(f"{line}\n" for line in known))
        return config


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: nobody's keys, agent or ~/.ssh/config take part."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def site(tmp_path: Path, configure: Callable[..., Config], sshd: PrivateSshd, home: Path) -> Site:
    """A server that is up, on the sshd that all tests share."""
    return Site(tmp_path, configure, sshd)


@pytest.fixture
def own_sshd(tmp_path: Path) -> Iterator[PrivateSshd]:
    """An sshd that the test may break."""
    with PrivateSshd(tmp_path / "own-sshd") as server:
        yield server


@pytest.fixture
def own_site(tmp_path: Path, configure: Callable[..., Config], own_sshd: PrivateSshd, home: Path) -> Site:
    """A server whose sshd the test may break."""
    return Site(tmp_path, configure, own_sshd)


def database_table(server: PrivateMariadb, more: str = "") -> str:
    """The [database] table that goes below a server's own, for logging in over the unix socket."""
    return f'[servers.siakad.database]\nsocket = "{server.socket}"\n{more}\n'


@pytest.fixture
def databases(mariadbd: PrivateMariadb) -> Iterator[PrivateMariadb]:
    """Two small databases, and an account "backup" with the password "right"."""
    mariadbd.sql(
        "CREATE DATABASE siakad; CREATE TABLE siakad.mhs (id INT PRIMARY KEY, nama VARCHAR(60));"
        "INSERT INTO siakad.mhs SELECT seq, CONCAT('mahasiswa ', seq) FROM mysql.seq_1_to_1000;"
        "CREATE DATABASE simpeg; CREATE TABLE simpeg.t (id INT);"
        "CREATE USER backup@localhost IDENTIFIED BY 'right'; GRANT ALL ON *.* TO backup@localhost;"
    )
    yield mariadbd
    mariadbd.sql("DROP DATABASE siakad; DROP DATABASE simpeg; DROP USER backup@localhost;")


@pytest.fixture
def both(site: Site, databases: PrivateMariadb) -> Config:
    """A server with a folder and two databases."""
    return site.configure(site.table(more=database_table(databases)))
