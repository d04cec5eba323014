"""What is told and what is not, over days: pure."""

from datetime import UTC, datetime, timedelta

from tuibackup.jobs.notify.changes import changes
from tuibackup.jobs.notify.troubles import FAILED, WARNINGS, Trouble
from tuibackup.notify.queue import Told

BEGIN = datetime(2026, 11, 22, 2, tzinfo=UTC)
DOWN = {"run": Trouble(FAILED, "failed: refused", "failed refused")}


class Days:
    """Each call is a look; it returns what is told."""

    def __init__(self, on: str = "warnings") -> None:
        self.on, self.told = on, dict[str, dict[str, Told]]()

    def look(self, hours: float, **found: dict[str, Trouble]) -> list[str]:
        now = BEGIN + timedelta(hours=hours)
        lines, self.told = changes(self.told, found, ("siakad", "simpeg"), self.on, now)
        return [f"{line.server} {line.what} {line.state}" for line in lines]


def test_a_trouble_is_told_once_again_every_week_and_when_it_is_over() -> None:
    days = Days()
    assert days.look(0, siakad=DOWN, simpeg={}) == ["siakad run new"]
    told = [days.look(hour, siakad=DOWN, simpeg={}) for hour in range(1, 24 * 15)]
    assert [one for one in told if one] == [["siakad run still"]] * 2
    assert days.look(24 * 15, siakad={}, simpeg={}) == ["siakad run recovered"]
    assert days.look(24 * 15 + 1, siakad={}, simpeg={}) == []


def test_another_reason_is_told_and_another_time_in_it_is_not() -> None:
    days = Days()
    days.look(0, siakad=DOWN)
    other = {"run": Trouble(FAILED, "failed: disk full", "failed disk full")}
    assert days.look(1, siakad=other) == ["siakad run changed"]


def test_a_server_of_which_nothing_is_known_stays_as_it_was() -> None:
    days = Days()
    days.look(0, siakad=DOWN)
    assert days.look(1) == [], "a ledger that cannot be read is no recovery"
    assert days.look(2, siakad={}) == ["siakad run recovered"]


def test_levels_leave_out_what_is_less() -> None:
    mild = {"run": Trouble(WARNINGS, "with warnings")}
    days = Days("failed")
    assert days.look(0, siakad=mild) == []
    assert days.look(1, siakad=DOWN) == ["siakad run new"]
    assert days.look(2, siakad=mild) == ["siakad run recovered"]


def test_a_server_that_was_never_backed_up_is_told_after_a_day() -> None:
    days = Days()
    new = {"files": Trouble(FAILED, "never", patient=True)}
    assert [bool(days.look(hour, siakad=new)) for hour in (0, 12, 24, 36)] == [False, False, True, False]
