"""A vault, a ledger and a configuration of our own for the tests of runs."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tuibackup.config import Config, load
from tuibackup.run import events as ev
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_vault
from tuibackup.run.plan import Plan
from tuibackup.sop import Clock, Outcome
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import CompressedFile
from tuibackup.vault.snapshot import Incoming
from tuibackup.vault.summary import DatabaseSummary, SnapshotSummary

ANDI = Operator("andi", "andi", "10.0.0.7")

SERVER = """
[servers.siakad]
host = "127.0.0.1"
folders = ["/srv/www"]

[servers.siakad.database]
socket = "/run/mysqld/mysqld.sock"
"""


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    """Write a config.toml with the given servers' tables, and read it."""

    def write(servers: str = SERVER, *, parallel: int = 2, min_free: str = "1 MB") -> Config:
        (tmp_path / "vault").mkdir(exist_ok=True)
        path = tmp_path / "config.toml"
        path.write_text(
            f'state = "{tmp_path}/state"\n[vault]\npath = "{tmp_path}/vault"\nmin_free = "{min_free}"\n'
            f"[run]\nparallel = {parallel}\n{servers}"
        )
        path.chmod(0o600)
        return load(path)

    return write


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
