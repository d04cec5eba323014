from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tuibackup.ledger import Kind, Ledger
from tuibackup.sop import Clock, Outcome, Step

NOW = datetime(2026, 11, 22, 8, 31, tzinfo=UTC)  # a Sunday
FILES, DATABASES = Clock.FILES, Clock.DATABASES


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite", host="jump01") as ledger:
        yield ledger


def run(
    ledger: Ledger, server: str, moment: datetime, *, seconds: float = 60, error: str = "", **clocks: str
) -> None:
    """A run as the engine records it: clocks as files="done", databases="warnings!" (! = not whole)."""
    bodies: dict[str, Any] = {}
    for clock, word in clocks.items():
        outcome = word.rstrip("!")
        published = outcome in ("done", "warnings")
        bodies[clock] = {
            "outcome": outcome,
            "whole": published and not word.endswith("!"),
            "snapshot": f"{server}/{clock}/{moment:%Y-%m-%dT%H%M%SZ}" if published else "",
            "started": moment.isoformat() if published else "",
        }
    outcomes = [Outcome(body["outcome"]) for body in bodies.values()]
    worst = next(o for o in ("failed", "interrupted", "warnings", "done") if o in outcomes)
    body = {"outcome": worst, "clocks": bodies, "seconds": seconds, "error": error}
    ledger.append(Kind.RUN, body, operator="andi", server=server, run=f"run-{moment:%d%H%M}", time=moment)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_a_clock_counts_from_its_newest_good_snapshot(ledger: Ledger) -> None:
    run(ledger, "siakad", days_ago(9), files="done", databases="done")
    run(ledger, "siakad", days_ago(5), files="warnings")
    run(ledger, "siakad", days_ago(2), files="warnings!")
    run(ledger, "siakad", days_ago(1), files="failed")
    facts = ledger.clock_facts()
    assert facts["siakad", DATABASES].good == days_ago(9)
    fact = facts["siakad", FILES]
    assert (fact.good, fact.tried) == (days_ago(5), days_ago(1))
    assert fact.snapshot == "siakad/files/2026-11-17T083100Z"


def test_a_mark_stays_until_a_done(ledger: Ledger) -> None:
    marks = []
    for days, word in ((5, "warnings"), (4, "failed"), (3, "interrupted"), (2, "warnings!"), (1, "done")):
        run(ledger, "siakad", days_ago(days), files=word)
        marks.append(ledger.clock_facts()["siakad", FILES].mark)
    assert marks == [Outcome.WARNINGS, Outcome.FAILED, Outcome.INTERRUPTED, Outcome.WARNINGS, None]


def test_a_clock_that_was_not_part_of_a_run_keeps_its_mark(ledger: Ledger) -> None:
    run(ledger, "siakad", days_ago(2), files="warnings", databases="done")
    run(ledger, "siakad", days_ago(1), databases="failed")
    facts = ledger.clock_facts()
    assert (facts["siakad", FILES].mark, facts["siakad", DATABASES].mark) == (
        Outcome.WARNINGS,
        Outcome.FAILED,
    )


def test_the_facts_of_all_servers_come_at_once(ledger: Ledger) -> None:
    for name in ("siakad", "simpeg", "Lms"):
        run(ledger, name, days_ago(3), files="done")
        run(ledger, name, days_ago(2), files="failed")
    run(ledger, "arsip", days_ago(1), databases="failed")
    facts = ledger.clock_facts()
    assert set(facts) == {("siakad", FILES), ("simpeg", FILES), ("Lms", FILES), ("arsip", DATABASES)}
    assert facts["arsip", DATABASES].good is None


def test_the_order_of_recording_counts_not_the_clock_of_a_machine_that_went_wrong(ledger: Ledger) -> None:
    run(ledger, "siakad", NOW + timedelta(days=4000), files="done")
    run(ledger, "siakad", NOW, files="done")
    assert ledger.clock_facts()["siakad", FILES].good == NOW


def test_an_empty_ledger_answers_everything(ledger: Ledger) -> None:
    assert ledger.clock_facts() == {}
    assert ledger.last_runs() == {}
    assert ledger.history("siakad", Step.DUMP) == []
    assert ledger.runs_by_week(NOW) == {}
    assert (ledger.log(), ledger.count(), ledger.of_run("x"), ledger.snapshots("x")) == (
        [],
        0,
        [],
        frozenset(),
    )


def test_the_last_run_of_each_server(ledger: Ledger) -> None:
    run(ledger, "siakad", days_ago(2), files="done")
    run(ledger, "siakad", days_ago(1), files="failed", seconds=12, error="connect: refused")
    run(ledger, "lms", days_ago(3), files="done")
    runs = ledger.last_runs()
    assert set(runs) == {"siakad", "lms"}
    last = runs["siakad"]
    assert (last.outcome, last.error, last.operator) == (Outcome.FAILED, "connect: refused", "andi")
    assert last.started == days_ago(1) - timedelta(seconds=12)


def test_history_holds_the_newest_done_times_of_a_step_of_that_server(ledger: Ledger) -> None:
    for seconds, outcome in ((1, "done"), (2, "failed"), (3, "done"), (4, "done"), (5, "warnings")):
        body = {"step": "dump", "outcome": outcome, "seconds": seconds}
        ledger.append(Kind.STEP, body, operator="andi", server="siakad", run="r")
    ledger.append(
        Kind.STEP, {"step": "dump", "outcome": "done", "seconds": 99}, operator="andi", server="lms", run="r"
    )
    assert ledger.history("siakad", Step.DUMP, 2) == [4, 3]
    assert ledger.history("siakad", Step.CONNECT) == []
    run(ledger, "siakad", NOW, files="done", seconds=77)
    assert ledger.history("siakad", "run") == [77]


def test_a_week_shows_its_best_run(ledger: Ledger) -> None:
    zone = ZoneInfo("Asia/Jakarta")
    run(ledger, "siakad", days_ago(0), files="failed")
    run(ledger, "siakad", days_ago(0.1), files="done")
    run(ledger, "siakad", days_ago(7), files="warnings")
    run(ledger, "siakad", days_ago(21), files="failed")
    run(ledger, "siakad", days_ago(400), files="done")
    weeks = ledger.runs_by_week(NOW, 4, zone)["siakad"]
    assert weeks == (Outcome.FAILED, None, Outcome.WARNINGS, Outcome.DONE)


def test_a_week_begins_on_monday_local_time(ledger: Ledger) -> None:
    zone = ZoneInfo("Asia/Jakarta")
    midnight = datetime(2026, 11, 16, tzinfo=zone)  # a Monday
    run(ledger, "before", midnight - timedelta(minutes=1), files="done")
    run(ledger, "after", midnight, files="done")
    weeks = ledger.runs_by_week(NOW, 2, zone)
    assert weeks == {"before": (Outcome.DONE, None), "after": (None, Outcome.DONE)}


@pytest.fixture
def busy(ledger: Ledger) -> Ledger:
    for day in range(10, 0, -1):
        run(ledger, "siakad", days_ago(day), files="done")
        ledger.append(Kind.NEEDS, {"needs": []}, operator="andi", server="siakad", time=days_ago(day))
    ledger.append(Kind.NOTE, {"text": 'a "100%_done" \\ thing'}, operator="Siti", time=days_ago(0))
    return ledger


def test_the_log_is_paged_newest_first(busy: Ledger) -> None:
    assert [entry.seq for entry in busy.log(3)] == [21, 20, 19]
    assert [entry.seq for entry in busy.log(3, 3)] == [18, 17, 16]
    assert busy.count() == 21


def test_the_log_is_filtered_by_server_time_and_kind(busy: Ledger) -> None:
    assert busy.count(server="siakad") == 20
    assert busy.count(server="siakad", kinds=[Kind.RUN]) == 10
    assert busy.count(since=days_ago(2)) == 5
    assert [entry.kind for entry in busy.log(since=days_ago(2), kinds=[Kind.RUN, Kind.NOTE])] == [
        Kind.NOTE, Kind.RUN, Kind.RUN,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("siti", 1), ("SIAKAD", 20), ("100%_DONE", 1), ("100x", 0), ('"100%_done" \\', 1), ("%", 1), ("|", 0),
        ("run-2108", 1), ("needs", 10),
    ],
)  # fmt: skip
def test_the_log_is_searched_for_text_as_it_is_read(busy: Ledger, text: str, found: int) -> None:
    assert busy.count(text=text) == len(busy.log(text=text)) == found


def test_everything_of_one_run_comes_in_order(ledger: Ledger) -> None:
    for kind in (Kind.NEEDS, Kind.STEP, Kind.RUN):
        ledger.append(kind, {}, operator="andi", server="siakad", run="r1")
        ledger.append(kind, {}, operator="andi", server="lms", run="r2")
    assert [entry.kind for entry in ledger.of_run("r1")] == [Kind.NEEDS, Kind.STEP, Kind.RUN]


def test_the_snapshots_that_the_ledger_knows(ledger: Ledger) -> None:
    run(ledger, "siakad", NOW, files="done", databases="failed")
    run(ledger, "siakad", NOW, databases="warnings!")
    assert ledger.snapshots("siakad") == {
        "siakad/files/2026-11-22T083100Z",
        "siakad/databases/2026-11-22T083100Z",
    }


def test_a_drill_that_was_not_carried_out_stands_beside_the_last_that_was(ledger: Ledger) -> None:
    def drilled(outcome: str, **more: Any) -> int:
        body = {"snapshot": f"{outcome}/files/1", "outcome": outcome, "seconds": 2.0, **more}
        return ledger.append(Kind.DRILL, body, operator="siti", server="siakad").seq

    def of_files() -> tuple[str, str]:
        drills = ledger.last_drills()["siakad", Clock.FILES]
        return drills.last.snapshot if drills.last else "", drills.tried.error if drills.tried else ""

    no_room = {"outcome": "failed", "error": 'no room for "items":'}
    drilled(**no_room)
    assert of_files() == ("", 'no room for "items":')
    drilled("failed", items=3, error="it differs")
    assert of_files() == ("failed/files/1", "")
    drilled("interrupted", error="stopped")
    assert of_files() == ("failed/files/1", "stopped")
    drilled("done", items=3)
    assert of_files() == ("done/files/1", "")
    assert ledger.last_drills("siakad") == ledger.last_drills()


def test_a_drill_in_which_nothing_differed_renews_the_third_clock(ledger: Ledger) -> None:
    def drilled(outcome: str, day: int, **more: Any) -> None:
        body = {"snapshot": "siakad/files/1", "outcome": outcome, "seconds": 2.0, **more}
        ledger.append(Kind.DRILL, body, operator="siti", server="siakad", time=days_ago(day))

    def proven() -> datetime | None:
        return ledger.last_drills()["siakad", Clock.FILES].proven

    drilled("failed", 9, items=3)
    assert proven() is None
    drilled("done", 8, items=3)
    drilled("warnings", 7, items=3)
    assert proven() == days_ago(7)
    drilled("failed", 6, items=3)
    drilled("interrupted", 5)
    assert proven() == days_ago(7)


def test_what_a_verify_found_stands_until_a_later_one_finds_nothing(ledger: Ledger) -> None:
    def verified(name: str, outcome: str, day: int, *problems: str) -> None:
        body = {"snapshot": f"siakad/files/{name}", "outcome": outcome, "problems": list(problems)}
        body["problems_total"] = len(problems)
        ledger.append(Kind.VERIFY, body, operator="siti", server="siakad", time=days_ago(day))

    def damages() -> dict[str, tuple[str, int]]:
        found = ledger.damages().get("siakad", ())
        assert found == ledger.damages("siakad").get("siakad", ())
        return {one.snapshot[-1]: (one.problem, one.total) for one in found}

    verified("1", "failed", 9, "it is cut", "and more")
    verified("2", "done", 8)
    assert damages() == {"1": ("it is cut", 2)}
    stopped = {"snapshot": "siakad/files/1", "outcome": "failed", "error": "the disk does not answer"}
    ledger.append(Kind.VERIFY, stopped, operator="siti", server="siakad", time=days_ago(7))
    assert damages() == {"1": ("it is cut", 2)}, "it proves nothing"
    verified("1", "failed", 6, "it is cut now")
    verified("2", "failed", 5, "that too")
    assert damages() == {"2": ("that too", 1), "1": ("it is cut now", 1)}
    verified("1", "done", 4)
    assert damages() == {"2": ("that too", 1)}
    assert ledger.read_again() == {"siakad/files/1": days_ago(4), "siakad/files/2": days_ago(5)}
