"""status, log, snapshots: what they show and their JSON (docs/json.md)."""

import json
from datetime import datetime, timedelta

import pytest

from tests.cli.conftest import Record, Tuibackup
from tests.run.conftest import publish
from tuibackup.config import Config
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.run.operator import Operator
from tuibackup.run.plan import make_plans, wants


def test_status_shows_both_clocks_worst_first_and_exits_with_4(
    tuibackup: Tuibackup, config: Config, record_run: Record
) -> None:
    record_run("siakad", 40, "databases")
    record_run("siakad", 2, "files")
    record_run("arsip", 1, "files")
    said = tuibackup("status")
    assert said.code == 4, said.out + said.err
    lines = said.out.splitlines()
    assert "files ≤ 7d" in lines[0]
    assert "databases ≤ 1mo" in lines[0]
    assert lines[1].split()[:6] == ["!", "siakad", "fresh", "2d", "OVERDUE", "40d"]
    assert lines[2].split()[:5] == ["√", "arsip", "fresh", "1d", "–"]


def test_status_is_0_when_nothing_is_late(tuibackup: Tuibackup, config: Config, record_run: Record) -> None:
    record_run("siakad", 1, "files", "databases")
    record_run("arsip", 6, "files")
    assert tuibackup("status").code == 0


def test_status_as_json(tuibackup: Tuibackup, config: Config, record_run: Record) -> None:
    record_run("arsip", 3, "files", outcome="failed", error="connect: refused")
    document = json.loads(tuibackup("status", "--json").out)
    assert set(document) == {"time", "vault", "problems", "messages", "servers"}
    servers = {server["server"]: server for server in document["servers"]}
    assert set(servers["siakad"]) == {
        "server", "label", "condition", "files", "databases", "missing", "drills",
        "drills-not-carried-out", "drill", "damaged", "run", "last-run", "resumable", "coverage", "unusual",
        "reason-missing",
    }  # fmt: skip
    assert servers["siakad"]["drills"] == {"files": None, "databases": None}
    assert servers["siakad"]["drills-not-carried-out"] == {"files": None, "databases": None}
    assert servers["siakad"]["label"] == "SIAKAD"
    assert servers["siakad"]["files"] == {
        "state": "never",
        "last": None,
        "age-days": None,
        "due-by": None,
        "why": "",
    }
    assert servers["arsip"]["databases"] is None
    assert servers["arsip"]["last-run"]["error"] == "connect: refused"
    assert servers["arsip"]["last-run"]["outcome"] == "failed"


def test_log_has_the_newest_last_and_errors_in_full(
    tuibackup: Tuibackup, config: Config, record_run: Record
) -> None:
    error = "10.10.0.9 port 22 refused; is sshd running? " * 4
    record_run("siakad", 2, "files")
    record_run("arsip", 1, "files", outcome="failed", error=error)
    lines = tuibackup("log").out.splitlines()
    assert [line.split()[0] for line in lines[:1]] == ["time"]
    assert "siakad" in lines[1]
    assert lines[2].endswith(error.strip())
    assert "× failed" in lines[2]


def test_log_of_one_server_and_from_a_date_on(
    tuibackup: Tuibackup, config: Config, record_run: Record
) -> None:
    for days in (30, 3, 1):
        record_run("siakad", days, "files")
    record_run("arsip", 1, "files")
    day = f"{datetime.now() - timedelta(days=5):%Y-%m-%d}"
    found = json.loads(tuibackup("log", "--server", "siakad", "--since", day, "--json").out)
    assert len(found) == 2
    assert all(entry["server"] == "siakad" for entry in found)
    assert set(found[0]) == {
        "seq",
        "time",
        "kind",
        "operator",
        "host",
        "server",
        "run",
        "body",
        "prev",
        "hash",
    }


@pytest.mark.parametrize("text", ["yesterday", "2026", "2026-13-01", "01-11-2026"])
def test_a_date_that_is_none_is_refused(tuibackup: Tuibackup, config: Config, text: str) -> None:
    said = tuibackup("log", "--since", text)
    assert said.code == 2
    assert "is no date" in said.err


def test_log_of_an_unknown_server_names_the_nearest(tuibackup: Tuibackup, config: Config) -> None:
    said = tuibackup("log", "--server", "siakat")
    assert said.code == 2
    assert "did you mean siakad?" in said.err


def test_what_a_server_said_cannot_steer_the_terminal(tuibackup: Tuibackup, config: Config) -> None:
    with Ledger.open(config.state / "ledger.sqlite") as ledger:
        ledger.append(Kind.NOTE, {"text": "\x1b[2Jgone\u202e"}, operator="andi", server="siakad")
    for words in (["log"], ["log", "--json"]):
        out = tuibackup(*words).out
        assert "gone" in out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_snapshots_of_a_vault_that_is_not_there(tuibackup: Tuibackup, config: Config) -> None:
    config.vault.path.rmdir()
    said = tuibackup("snapshots")
    assert said.code == 1
    assert "backup disk not mounted?" in said.err


def test_what_a_dead_run_had_stored_is_not_overdue(config: Config, tuibackup: Tuibackup) -> None:
    plan = make_plans(config, wants(config, ["siakad"]), full=False, operator=Operator("andi"))[0]
    publish(config, plan)
    planned = tuibackup("run", "--overdue", "--only", "databases", "--dry-run")
    assert (planned.code, planned.out) == (0, "nothing is overdue\n")
