"""The record in the cockpit: the log filtered, corrections written, the ledger's state in sight; driven by keys."""

import json
import sqlite3

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal


@pytest.mark.long
def test_the_log_is_filtered_by_server_kind_and_time_a_correction_is_written_and_the_state_shows(
    site: Site,
) -> None:
    for name in ("lms", "siakad"):
        site.servers[name] = f'[servers.{name}]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/etc"]\n'
    site.write_config()
    for server, text in (("lms", "disk changed"), ("lms", "moved to rack 4"), ("siakad", "moved to rack 5")):
        assert site.tuibackup("note", "--server", server, text).code == 0
    assert site.tuibackup("run", "siakad").code == 1
    assert site.tuibackup("ledger", "verify").code in (0, 3)
    with Terminal([str(TUIBACKUP)], site.environment(), columns=140, rows=40, cwd=site.home) as seat:
        seat.wait_for("moved to rack 5", "q quit")
        heading = next(line for line in seat.lines if "LOG" in line)
        assert "checked " in heading, heading
        assert "sealed " in heading, heading
        assert " by " in heading, heading
        seat.send("4/")
        seat.wait_for("server:NAME kind:run outcome:failed")
        for typed, seen, unseen in (
            ("server:lms rack", "moved to rack 4", "moved to rack 5"),
            ("kind:run outcome:failed", "siakad", "moved to"),
            ("kind:note since:0d", "disk changed", "port 9"),
        ):
            seat.send(typed)
            seat.wait_for(f"/{typed} · ")
            seat.wait_for(seen)
            log = "\n".join(seat.lines[next(n for n, line in enumerate(seat.lines) if "LOG" in line) :])
            assert unseen not in log, log
            seat.send("\x1b")
            seat.wait_for("newest first")
            seat.send("/")
        seat.send("disk changed\r")
        seat.wait_for("1 of ")
        seat.send("n")
        seat.wait_for("corrects entry 1, which stays as it is: note lms")
        seat.send("it was the power supply\r")
        seat.wait_for("noted")
        seat.send("q")
        seat.wait()
    with sqlite3.connect(site.state / "ledger.sqlite") as database:
        (body,) = database.execute("SELECT body FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    database.close()
    assert (json.loads(body)["corrects"], json.loads(body)["text"]) == (1, "it was the power supply")
