"""A server's row in words: why a clock stands as it does."""

from datetime import UTC, datetime, timedelta

from tuibackup.overview.picture import ServerRow
from tuibackup.sop import Clock, Period, State, standing


def test_a_clock_whose_backup_is_from_a_day_to_come_has_a_reason() -> None:
    now = datetime(2026, 11, 22, 8, 31, tzinfo=UTC)
    ahead = standing(now + timedelta(days=9), Period(1, "week"), now, UTC)
    row = ServerRow("siakad", files=ahead, why={Clock.DATABASES: "refused"})
    ((clock, stands, reason),) = row.reasons
    assert (clock, stands.state) == (Clock.FILES, State.OVERDUE)
    assert "2026-12-01" in reason
    assert "9 days ahead of this machine's clock" in reason
