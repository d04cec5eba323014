"""A run ends: whatever hangs when its outcome is written, its process is gone within seconds.

A dump once hung in a queue: its outcome was written, and its process stayed, with the server's lock.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import MariadbStarter
from tests.run.conftest import Site, database_table
from tests.run.process.waiting import until
from tuibackup.config import Config
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.sop import Outcome

# A run whose process was forked from one where something hangs at the end: argv is the configuration, and a
# process that is stopped, or those below it.
STARTED = """
import asyncio, os, signal, sys, time
from pathlib import Path
from tuibackup.config import load
from tuibackup.demo.sshd import _descendants
from tuibackup.run import engine
from tuibackup.run.process.launcher import Launcher
from tuibackup.run.operator import identify
from tuibackup.run.plan import make_plans, wants
from tuibackup.run.process.start import start

def freeze():
    pid = int(sys.argv[2])
    for one in list(_descendants(pid)) or [pid]:
        os.kill(one, signal.SIGSTOP)

disconnect = engine.disconnect
{hanging}
config = load(Path(sys.argv[1]))
with Launcher(fork=True) as launcher:
    plans = make_plans(config, wants(config, ["siakad"]), full=False, operator=identify())
    request = start(plans, config.source, launcher)
    request.close()
print(request.journals[0], flush=True)
os._exit(0)
"""
A_THREAD = """
async def hangs(work):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 90)
    await disconnect(work)
engine.disconnect = hangs
"""
THE_LEDGER = """
from tuibackup.ledger.store import Ledger
close, here = Ledger.close, os.getpid()
Ledger.close = lambda self: close(self) if os.getpid() == here else time.sleep(90)
"""
A_TASK = """
async def stays():
    while True:
        try:
            await asyncio.sleep(90)
        except asyncio.CancelledError:
            pass
async def hangs(work):
    engine.kept = asyncio.create_task(stays())
    await disconnect(work)
engine.disconnect = hangs
"""
THE_SERVER = """
async def hangs(work):
    freeze()
    await disconnect(work)
engine.disconnect = hangs
"""
THE_DATABASE = """
from tuibackup.database.connect.login import DatabaseSession
close, closed = DatabaseSession.close, []
async def hangs(self):
    closed.append(self)
    if len(closed) == 2:  # the first was to see whether it lets us in
        freeze()
    await close(self)
DatabaseSession.close = hangs
"""


def ended(config: Config, hanging: str, freeze: str = "") -> tuple[ev.RunFinished, float, float]:
    """How the run ended, and after how many seconds: its last word, and from there its process."""
    program = STARTED.replace("{hanging}", hanging)
    started = subprocess.run(
        [sys.executable, "-c", program, str(config.source), freeze],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    path = Path(started.stdout.strip())
    began = time.monotonic()
    until(lambda: jr.last(path), "the run told its outcome")
    told = time.monotonic()
    until(lambda: not jr.is_live(path), "its process is gone")
    last = jr.last(path)
    assert last is not None
    return last, told - began, time.monotonic() - told


@pytest.mark.parametrize(
    "hanging",
    [
        A_THREAD,
        pytest.param(A_TASK, marks=pytest.mark.long),
        pytest.param(THE_LEDGER, marks=pytest.mark.long),
    ],
    ids=["thread", "task", "ledger"],
)
def test_a_process_that_has_told_its_outcome_is_gone_within_seconds(site: Site, hanging: str) -> None:
    last, _told, gone = ended(site.configure(), hanging)
    assert last.outcome is Outcome.DONE
    assert gone < 10


@pytest.mark.long
def test_a_server_that_stops_answering_at_the_end_holds_nothing_up(own_site: Site) -> None:
    assert own_site.sshd._process is not None
    last, told, gone = ended(own_site.configure(), THE_SERVER, str(own_site.sshd._process.pid))
    assert last.outcome is Outcome.DONE
    assert told < 25
    assert gone < 10


@pytest.mark.long
def test_a_database_that_stops_answering_at_the_end_holds_nothing_up(
    own_site: Site, start_mariadb: MariadbStarter
) -> None:
    server = start_mariadb()
    server.sql("CREATE DATABASE siakad; CREATE TABLE siakad.t (id INT); INSERT INTO siakad.t VALUES (1)")
    config = own_site.configure(own_site.table(folders=False) + database_table(server))
    try:
        last, told, gone = ended(config, THE_DATABASE, str(server.pid))
    finally:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGCONT)
    assert last.outcome is Outcome.DONE, last.error
    assert told < 25
    assert gone < 10
