"""What a timer takes, and when it tries again what failed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.run.planned import BOTH, SERVERS, good
from tuibackup.config import Config
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.facts import Attempts
from tuibackup.run.due import DUE, LATE, due, next_try
from tuibackup.run.places import open_ledger
from tuibackup.sop import Clock, Outcome, Period, standing

FILES = frozenset({Clock.FILES})


def now() -> datetime:
    """Not when the suite began: a try after that would lie in the future."""
    return datetime.now(UTC)


def failed(config: Config, server: str, clock: Clock, outcome: Outcome = Outcome.FAILED) -> None:
    body = {"outcome": outcome.value, "seconds": 60.0, "clocks": {clock.value: {"outcome": outcome.value}}}
    with open_ledger(config) as ledger:
        ledger.append(Kind.RUN, body, operator="cron", server=server)


def test_due_is_taken_by_a_timer_and_overdue_is_what_is_late(configure: Callable[..., Config]) -> None:
    """With what is overdue alone, once a week was missed every week: it is so from the eighth day on."""
    config = configure(SERVERS)
    assert due(config, now(), LATE).wants == {"siakad": BOTH, "files-only": FILES}
    good(config, "siakad", Clock.FILES, timedelta(days=9))
    good(config, "siakad", Clock.DATABASES, timedelta(days=9))
    good(config, "files-only", Clock.FILES, timedelta(days=6))
    assert due(config, now(), LATE).wants == {"siakad": FILES}, "due is not overdue"
    assert due(config, now(), DUE).wants == {"siakad": FILES, "files-only": FILES}
    assert due(config, now(), DUE, Clock.DATABASES).wants == {}


def test_a_server_that_fails_is_tried_again_after_growing_pauses(configure: Callable[..., Config]) -> None:
    config = configure(SERVERS)
    good(config, "files-only", Clock.FILES, timedelta(days=1))
    pauses = []
    for number in range(1, 9):
        failed(config, "siakad", Clock.FILES)
        failed(config, "siakad", Clock.DATABASES)
        found = due(config, now())
        assert found.wants == {}
        (one,) = found.postponed
        assert (one.server, one.clocks, one.failed, one.exit_code) == ("siakad", tuple(Clock), number, 1)
        pauses.append(round((one.again - one.last) / timedelta(hours=1)))
        assert due(config, one.again + timedelta(minutes=1)).wants == {"siakad": BOTH}
    assert pauses == [1, 2, 4, 8, 16, 20, 20, 20]
    good(config, "siakad", Clock.DATABASES, timedelta())
    assert due(config, now()).postponed[0].clocks == (Clock.FILES,), "what was renewed has no failures"


def test_a_clock_that_a_run_does_not_reset_is_left_alone_like_one_that_failed(
    configure: Callable[..., Config],
) -> None:
    config = configure(SERVERS)
    failed(config, "files-only", Clock.FILES, Outcome.WARNINGS)
    found = due(config, now())
    assert found.wants == {"siakad": BOTH}
    assert [(one.server, one.exit_code) for one in found.postponed] == [("files-only", 3)]


def test_a_try_from_the_future_postpones_nothing(configure: Callable[..., Config]) -> None:
    """This machine's clock was years ahead, once: the server would have been left alone until then."""
    config = configure(SERVERS)
    failed(config, "siakad", Clock.FILES)
    assert due(config, now() - timedelta(days=400)).wants["siakad"] == BOTH


@pytest.mark.parametrize("every_hours", [1, 24])
def test_no_pause_makes_a_timer_miss_a_day_or_the_last_hours(every_hours: int) -> None:
    """From the day on which it is due to long after: a timer that comes by every hour, or once a day."""
    started = datetime(2026, 11, 16, 2, 0, tzinfo=UTC)
    stands = standing(started, Period.parse("1 week"), started + timedelta(days=6), UTC)
    assert stands.due_by is not None
    tries: list[datetime] = []
    for number in range(0, 24 * 12, every_hours):
        moment = started + timedelta(days=6, hours=number, seconds=number % 7)
        last = Attempts(len(tries), Outcome.FAILED, tries[-1], tries[-1]) if tries else None
        if last is None or next_try(last, stands) <= moment:
            tries.append(moment)
    days = {moment.date() for moment in tries}
    assert len(days) == 12, "every day has a try"
    if every_hours == 1:
        in_time = [moment for moment in tries if moment <= stands.due_by]
        assert stands.due_by - in_time[-1] <= timedelta(hours=2)
        assert len(tries) < 24
