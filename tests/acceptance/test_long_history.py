"""A long history: lists are printed as they are read, and the log's filter says what is true."""

import json
import os
import subprocess
import time

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.ledger.million import write
from tests.terminal import Terminal

ENTRIES = 7_200  # of 1,200 runs


def filled(site: Site, entries: int) -> Site:
    site.state.mkdir(mode=0o700, parents=True)
    write(site.state / "ledger.sqlite", entries)
    site.servers["server-001"] = '[servers.server-001]\nhost = "127.0.0.1"\nfolders = ["/srv"]\n'
    site.write_config()
    return site


def printed(site: Site, *words: str) -> tuple[float, float, int, int]:
    """Seconds to the first line, and in all; lines; KiB of memory at most."""
    began = time.monotonic()
    with subprocess.Popen(
        [str(TUIBACKUP), *words], env=site.environment(), cwd=site.home, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        lines = first = 0
        soon = 0.0
        for _line in process.stdout:
            lines += 1
            soon = soon or time.monotonic() - began
        first = lines
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return soon, time.monotonic() - began, first, used.ru_maxrss


@pytest.mark.long
def test_the_log_is_one_document_however_long_it_is(site: Site) -> None:
    filled(site, ENTRIES)
    entries = site.tuibackup("log", "--json").json
    assert [entry["seq"] for entry in entries] == list(range(1, ENTRIES + 1))
    of_one = json.loads(site.tuibackup("log", "--json", "--server", "server-001").out)
    assert of_one == [entry for entry in entries if entry["server"] == "server-001"]
    since = entries[ENTRIES // 2]["time"][:10]
    later = site.tuibackup("log", "--json", "--since", since).json
    assert later == entries[-len(later) :]
    assert len(later) > ENTRIES // 3
    assert len(site.tuibackup("log", "--all").out.splitlines()) == ENTRIES + 1


@pytest.mark.long
@pytest.mark.parametrize("words", [("log", "--json"), ("log", "--all")])
def test_a_hundred_thousand_entries_need_no_memory(site: Site, words: tuple[str, ...]) -> None:
    filled(site, 100_000)
    soon, seconds, _lines, memory = printed(site, *words)
    assert memory < 100 * 1024, f"{memory} KiB"
    assert soon < seconds / 4, f"the first line came after {soon:.1f} of {seconds:.1f} s"


@pytest.mark.long
def test_the_filter_of_the_log_claims_nothing_before_it_has_looked(site: Site) -> None:
    filled(site, ENTRIES)
    with Terminal([str(TUIBACKUP)], site.environment(), cwd=site.home, columns=120) as seat:
        seat.wait_for("newest first · 1–", "of 1,200")
        seat.send("4/nowhere")
        seat.wait_for("/nowhere · 0 of 1,200", "nothing fits the filter")
        assert b"1,200 of 1,200" not in seat.raw
        seat.send("\x1b")
        seat.send("/done")
        seat.wait_for("/done · 1,000+ of 1,200")
        seat.send("\r")
        seat.wait_for("enter details")
        heading = next(number for number, line in enumerate(seat.lines) if "/done" in line)
        row = seat.lines[heading + 2]  # below the names of the columns
        name = next(word for word in row.split() if word.startswith("server-"))
        seat.send("\r")
        seat.wait_for("of the ledger", name)
