"""What keeps the program waiting: a backup disk that does not answer, a ledger that another process holds."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.silent import silent
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

_HOLDER = """
import sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute("PRAGMA locking_mode = EXCLUSIVE")
ledger.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def cockpit(site: Site) -> Terminal:
    return Terminal([str(TUIBACKUP)], site.environment(), cwd=site.home, columns=120)


@contextmanager
def held(ledger: Path) -> Iterator[int]:
    """For the block another process keeps everybody out of the ledger; its number."""
    words = [sys.executable, "-c", _HOLDER, str(ledger)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
        holder.stdin.close()


@pytest.mark.long
def test_a_backup_disk_that_does_not_answer_is_said_and_keeps_nobody(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    assert site.tuibackup("run", "siakad").code == 0
    with silent(site.vault), ThreadPoolExecutor() as side_by_side, cockpit(site) as seat:
        looking = side_by_side.submit(site.tuibackup, "status")
        running = side_by_side.submit(site.tuibackup, "run", "siakad")
        seat.wait_for("siakad", "fresh", "the backup disk does not answer")
        seat.send("b")
        said, refused = looking.result(), running.result()
        assert said.code == 0, said.out + said.err
        assert "√  siakad  fresh" in said.out, "the ledger tells how the clock stands"
        assert "the backup disk does not answer" in said.out
        assert refused.code == 1
        assert refused.err.startswith("tuibackup: the backup disk does not answer"), refused.err
        seat.wait_for("nothing was started")
        seat.send("\x1b")
        seat.wait_for("× the backup disk does not answer, 1")  # seconds go on
        seat.send("q")
        assert seat.wait() == 0, "the process ends, whoever hangs"


@pytest.mark.long
def test_a_disk_that_answers_again_is_shown_again(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    assert site.tuibackup("run", "siakad").code == 0
    with cockpit(site) as seat:
        seat.wait_for("siakad", "fresh")
        with silent(site.vault):
            seat.wait_for("the backup disk does not answer")
            seat.send("4")
            seat.wait_for("4 LOG", "√ done")
        deadline = time.monotonic() + 60
        while "does not answer" in seat.text:
            assert time.monotonic() < deadline, seat.text
            time.sleep(0.1)
        seat.wait_for("free")


@pytest.mark.long
def test_a_ledger_that_is_held_is_named_and_a_run_waits_for_it(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    assert site.tuibackup("run", "siakad").code == 0
    with held(site.state / "ledger.sqlite") as holder:
        with cockpit(site) as seat:
            seat.wait_for("siakad", "is held by", seconds=30)
            seat.send("q")
            assert seat.wait() == 0
        run = site.reading("run", "siakad", "--json")
        assert run.stdout
        notes: list[str] = []
        for line in run.stdout:
            event = json.loads(line)
            if event["event"] == "run-note":
                notes.append(event["text"])
                break
        assert f"(process {holder})" in notes[0], notes
        assert "waiting, for an hour at most" in notes[0]
        assert "waiting" in site.tuibackup("status").out
    rest = [json.loads(line) for line in run.stdout]
    assert run.wait() == 0
    assert rest[-1]["outcome"] == "done", "it went on when the ledger was free"
