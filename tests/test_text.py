from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.text import cells, count, duration, printable, rate, shorten, size, when

JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("siakad", "siakad"),
        ("naïve 日本 👍", "naïve 日本 👍"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\r\t", "two\\x0alines\\x0d\\x09"),
        ("\x7f\x9b31m", "\\x7f\\x9b31m"),
        ("exe\u202egpj", "exe\\u202egpj"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028sep", "line\\u2028sep"),
        ("no\u00a0break", "no\\xa0break"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("half\ud800", "half\\ud800"),
        ("byte\udcff", "byte\\xff"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf\\xe9"),
        (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("system\\x2dcryptsetup", "system\\x2dcryptsetup"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_as_code(raw: str | bytes, shown: str) -> None:
    assert printable(raw) == shown


@given(st.binary() | st.text(st.characters(codec=None)))
def test_whatever_comes_in_one_printable_line_comes_out(raw: str | bytes) -> None:
    shown = printable(raw)
    assert shown.isprintable()
    shown.encode()
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (9.94 * 1024, "9.9 KiB"), (9.96 * 1024, "10 KiB"),
        (1023.4 * 1024, "1023 KiB"), (1023.6 * 1024, "1.0 MiB"), (281 * 2**20, "281 MiB"),
        (1.2 * 2**40, "1.2 TiB"), (5000 * 2**60, "5000 EiB"), (-5, "0 B"),
    ],
)  # fmt: skip
def test_sizes_are_binary_and_short(number: float, shown: str) -> None:
    assert size(number) == shown


@given(st.integers(0, 2**69))
def test_a_size_takes_at_most_eight_cells(number: int) -> None:
    assert len(size(number)) <= 8


def test_rates_are_sizes_a_second() -> None:
    assert rate(84 * 2**20) == "84 MiB/s"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (4.9, "0:04"), (72, "1:12"), (3599.9, "59:59"), (3722, "1:02:02"), (-1, "0:00")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_counts_have_their_thousands_apart() -> None:
    assert count(14210) == "14,210"


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 22, 1, 31, tzinfo=UTC), "08:31"),
        (datetime(2026, 11, 21, 17, 0, tzinfo=UTC), "00:00"),
        (datetime(2026, 11, 21, 16, 59, tzinfo=UTC), "21 Nov 23:59"),
        (datetime(2025, 3, 1, tzinfo=UTC), "1 Mar 2025"),
    ],
)
def test_times_are_local_with_the_date_where_it_is_not_today(moment: datetime, shown: str) -> None:
    now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert when(moment, now, JAKARTA) == shown


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)), st.timedeltas(timedelta(0), timedelta(900)))
def test_a_time_takes_at_most_twelve_cells(moment: datetime, age: timedelta) -> None:
    now = moment.replace(tzinfo=UTC)
    assert cells(when(now - age if now.year > 2003 else now, now, UTC)) <= 12


@pytest.mark.parametrize(
    ("text", "width", "middle", "shown"),
    [
        ("siakad", 6, False, "siakad"),
        ("siakad", 5, False, "siak…"),
        ("siakad", 1, False, "…"),
        ("siakad", 0, False, ""),
        ("/var/www/siakad/krs.pdf", 15, True, "/var/ww…krs.pdf"),
        ("日本語", 5, False, "日本…"),
        ("日本語", 4, False, "日…"),
        ("日本語日本語", 6, True, "日…語"),
        ("ae\u0301x" * 3, 4, True, "ae\u0301…x"),
    ],
)
def test_what_is_too_long_is_cut_with_a_sign(text: str, width: int, middle: bool, shown: str) -> None:
    assert shorten(text, width, middle=middle) == shown


@given(st.text(), st.integers(0, 40), st.booleans())
def test_a_cut_text_never_takes_more_than_its_width(raw: str, width: int, middle: bool) -> None:
    text = printable(raw)
    short = shorten(text, width, middle=middle)
    assert cells(short) <= width
    assert short == text or cells(text) > width
