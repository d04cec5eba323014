from typing import Any

import pytest

from tuibackup.ledger.entries import Kind
from tuibackup.ledger.results import Result, results_of

STARTED = "2026-11-22T01:30:00.000Z"
SPEC = "siakad/files/2026-11-22T013000Z"


def files(**changes: Any) -> Result:
    clock = {"outcome": "done", "whole": True, "snapshot": SPEC, "started": STARTED, **changes}
    run, result = results_of("run", {"outcome": "done", "seconds": 3, "clocks": {"files": clock}})
    assert run == Result("run", "done", 3.0)
    return result


@pytest.mark.parametrize(
    ("outcome", "whole", "resets"),
    [
        ("done", True, True),
        ("warnings", True, True),
        ("warnings", False, False),
        ("failed", True, False),
        ("interrupted", True, False),
    ],
)
def test_a_clock_is_reset_by_done_and_by_warnings_when_everything_is_in_it_whole(
    outcome: str, whole: bool, resets: bool
) -> None:
    assert files(outcome=outcome, whole=whole).good is resets


@pytest.mark.parametrize(
    "change", [{"snapshot": ""}, {"started": ""}, {"started": "yesterday"}, {"snapshot": None}]
)
def test_nothing_is_reset_without_a_published_snapshot(change: dict[str, Any]) -> None:
    result = files(**change)
    assert (result.good, result.started, result.snapshot) == (False, None, None)


@pytest.mark.parametrize(
    "started", ["2026-11-22T01:30:00Z", "2026-11-22T08:30:00+07:00", "2026-11-22T013000Z"]
)
def test_the_start_is_kept_in_one_form(started: str) -> None:
    assert files(started=started).started == STARTED


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("needs", {"outcome": "done", "step": "connect"}),
        ("step", {"outcome": "done", "step": "dance"}),
        ("step", {"outcome": "splendid", "step": "connect"}),
        ("run", {"clocks": {"files": {"outcome": "done"}}}),
        ("run", {"outcome": ["done"]}),
        ("note", {}),
    ],
)
def test_what_makes_no_sense_gives_no_result(kind: str, body: dict[str, Any]) -> None:
    assert list(results_of(kind, body)) == []


def test_a_run_keeps_its_own_outcome_when_a_clock_makes_no_sense() -> None:
    body = {"outcome": "failed", "clocks": {"files": "?", "databases": {"outcome": "failed"}}}
    assert [result.what for result in results_of("run", body)] == ["run", "databases"]


def test_a_drill_is_a_result_of_its_clock() -> None:
    body = {"snapshot": "siakad/databases/2026-11-22T013512Z", "outcome": "failed", "seconds": 4.5}
    [found] = results_of(Kind.DRILL, body)
    assert (found.what, found.outcome, found.seconds) == ("drill-databases", "failed", 4.5)
    assert found.snapshot == body["snapshot"]
    assert not found.good
    assert list(results_of(Kind.DRILL, {**body, "snapshot": "nonsense"})) == []
