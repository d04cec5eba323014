from datetime import UTC, datetime
from pathlib import Path

import pytest

from tuibackup.config import (
    RunSettings,
    VaultSettings,
    units,
)


@pytest.mark.parametrize(
    ("text", "total", "free"),
    [
        ("10%", 1000, 100),
        ("0.5 %", 1000, 5),
        ("0%", 1000, 0),
        ("50 GB", 1, 50 * 10**9),
        ("1.5GiB", 1, 3 * 2**29),
    ],
)
def test_least_free_is_a_share_or_a_size(text: str, total: int, free: int) -> None:
    assert VaultSettings(Path("/x"), text).least_free(total) == free


@pytest.mark.parametrize(
    ("hour", "megabytes"), [(7, 20), (8, 5), (12, 1), (13, 5), (17, 20), (22, None), (3, None)]
)
def test_the_first_fitting_bandwidth_from_the_right_holds(hour: int, megabytes: int | None) -> None:
    rules = ("06:00-22:00 20 MB/s", "08:00-17:00 5 MB/s", "12:00-13:00 1 MB/s")
    rate = RunSettings(bandwidth=rules).bytes_per_second(datetime(2026, 11, 22, hour, tzinfo=UTC), UTC)
    assert rate == (megabytes and megabytes * 10**6)


def test_bandwidth_hours_may_span_midnight() -> None:
    rule = units.bandwidth("22:00-06:00 1 MiB/s")
    fits = [rule.fits(datetime(2026, 1, 1, hour).time()) for hour in (21, 22, 0, 5, 6)]
    assert fits == [False, True, True, True, False]
    assert rule.bytes_per_second == 2**20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MB/s",
        "0 MB/s",
        "5 B/s",
        "99 kB/s",
        "5 MB",
        "08:00 5 MB/s",
        "8:00-9:00 5 MB/s",
        "08:00-08:00 5 MB/s",
    ],
)
def test_a_bandwidth_that_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f'^"{text}"'):
        units.bandwidth(text)
