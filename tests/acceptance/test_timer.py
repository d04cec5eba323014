"""`run --due`, as a timer calls it: the standard is kept, a server that is down makes no entry an hour."""

import json
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.acceptance.slow import go_on
from tuibackup.demo.sshd import PrivateSshd


def runs(site: Site) -> int:
    """Entries of runs in the record."""
    return [entry["kind"] for entry in site.tuibackup("log", "--json").json].count("run")


def test_a_timer_takes_what_is_due_and_leaves_a_server_alone_that_is_down(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    down = PrivateSshd(tmp_path / "down").start()
    site.settings = '[sop]\nconnect_within = "10 seconds"\n'
    site.add("siakad", sshd, [application])
    site.add("simpeg", down, [application])
    down.stop()
    first = site.tuibackup("run", "--due")
    assert first.code == 1
    assert runs(site) == 2
    again = site.tuibackup("run", "--due")
    assert again.code == 1, "what failed and waits is not done"
    assert again.err == "", "a timer mails what stands there"
    (line,) = again.out.splitlines()
    assert line.startswith("simpeg failed 1 time, last ")
    assert line.endswith("tuibackup run simpeg tries now")
    assert runs(site) == 2
    (told,) = site.tuibackup("run", "--overdue", "--json").events
    assert (told["event"], told["server"], told["clocks"]) == ("run-postponed", "simpeg", ["files"])
    assert (told["failed"], told["outcome"]) == (1, "failed")
    assert told["last"] < told["again"]
    assert site.tuibackup("run", "simpeg").code == 1, "by name it is tried at once"
    assert "simpeg failed 2 times" in site.tuibackup("run", "--due").out
    del site.servers["simpeg"]
    site.settings = 'language = "id"\n' + site.settings.replace('language = "id"\n', "")
    site.write_config()
    nothing = site.tuibackup("run", "--due")
    assert (nothing.code, nothing.out, nothing.err) == (0, "tidak ada yang jatuh tempo\n", "")


@pytest.mark.long
def test_a_timer_starts_no_second_run_beside_one_under_way(slow: Site) -> None:
    """Every hour of a long first run was an entry and a mail: another run held the server."""
    started = slow.reading("run", "--due", "--json")
    assert started.stdout is not None
    run = json.loads(started.stdout.readline())["run"]
    assert any('"step":"download"' in line for line in started.stdout), "it ended before"
    said = slow.tuibackup("run", "--due")
    assert (said.code, said.out) == (0, f"siakad is being backed up already: {run}\n")
    go_on(slow)
    started.stdout.read()
    assert started.wait(60) == 0
    assert runs(slow) == 1
