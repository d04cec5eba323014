"""Dates and numbers as official letters write them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tuibackup.config.report import Person
from tuibackup.jobs.report import formal
from tuibackup.words import number, speaking


@pytest.fixture
def indonesian() -> Iterator[None]:
    with speaking("id"):
        yield


MOMENT = datetime(2026, 11, 30, 1, 29, tzinfo=UTC)


@pytest.mark.usefixtures("indonesian")
def test_a_moment_is_written_with_the_zone_that_people_there_say() -> None:
    for place, told in (
        ("Asia/Jakarta", "Senin, 30 November 2026 08.29 WIB"),
        ("Asia/Makassar", "Senin, 30 November 2026 09.29 WITA"),
        ("Asia/Jayapura", "Senin, 30 November 2026 10.29 WIT"),
        ("Etc/GMT-7", "Senin, 30 November 2026 08.29 WIB"),
        ("Asia/Shanghai", "Senin, 30 November 2026 09.29 CST"),
        ("UTC", "Senin, 30 November 2026 01.29 UTC"),
        ("Asia/Kathmandu", "Senin, 30 November 2026 07.14 +05:45"),
    ):
        assert formal.in_full(MOMENT, ZoneInfo(place)) == told


@pytest.mark.usefixtures("indonesian")
def test_a_number_has_points_between_thousands_and_a_comma_before_decimals() -> None:
    assert number(1234567.891) == "1.234.567,891"


@pytest.mark.usefixtures("indonesian")
def test_a_day_is_written_in_words() -> None:
    told = formal.day_in_words(date(2026, 11, 30), "id")
    assert told == "Senin tanggal tiga puluh bulan November tahun dua ribu dua puluh enam (30-11-2026)"
    numbers = {
        0: "nol", 1: "satu", 10: "sepuluh", 11: "sebelas", 12: "dua belas", 19: "sembilan belas", 20: "dua puluh",
        21: "dua puluh satu", 31: "tiga puluh satu", 100: "seratus", 111: "seratus sebelas", 200: "dua ratus",
        1000: "seribu", 1999: "seribu sembilan ratus sembilan puluh sembilan", 2000: "dua ribu",
        2010: "dua ribu sepuluh", 2111: "dua ribu seratus sebelas",
    }  # fmt: skip
    assert {one: formal.spelled(one) for one in numbers} == numbers


def test_every_month_and_weekday_has_its_name() -> None:
    with speaking("id"):
        names = [formal.with_weekday(date(2026, month, month)) for month in range(1, 13)]
    assert names[:3] == ["Kamis, 1 Januari 2026", "Senin, 2 Februari 2026", "Selasa, 3 Maret 2026"]
    assert [name.split()[2] for name in names] == [
        "Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober", "November",
        "Desember",
    ]  # fmt: skip
    assert formal.in_full(MOMENT, UTC) == "Monday, 30 November 2026 01:29 UTC"


@pytest.mark.usefixtures("indonesian")
def test_a_span_names_what_its_ends_have_in_common_once() -> None:
    day = date(2026, 11, 1)
    assert formal.range_of(day, day) == "1 November 2026"
    assert formal.range_of(day, date(2026, 11, 30)) == "1–30 November 2026"
    assert formal.range_of(date(2026, 10, 28), day) == "28 Oktober – 1 November 2026"
    assert formal.range_of(date(2025, 12, 31), day) == "31 Desember 2025 – 1 November 2026"


def test_a_nip_is_written_in_its_four_groups() -> None:
    assert Person(nip="199001012015031001").written_nip == "19900101 201503 1 001"
    assert Person().written_nip == ""
