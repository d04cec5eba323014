"""Dates and numbers as Indonesian official letters write them, and in English. Pure; the language is the one in use.

The words come from the catalogue; only the numbers in words need rules of their own.
"""

from datetime import date, datetime, timedelta, tzinfo

from tuibackup.words import _

_BELOW_TWELVE = (
    "nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh", "sebelas",
)  # fmt: skip
# Of zones that tzdata names by their offset alone.
_INDONESIAN = {timedelta(hours=7): "WIB", timedelta(hours=8): "WITA", timedelta(hours=9): "WIT"}


def weekday(day: date) -> str:
    """ "Monday"."""
    names = (
        _("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"),
    )  # fmt: skip
    return names[day.weekday()]


def month(number: int) -> str:
    """ "November", from 1."""
    names = (
        _("January"), _("February"), _("March"), _("April"), _("May"), _("June"), _("July"), _("August"),
        _("September"), _("October"), _("November"), _("December"),
    )  # fmt: skip
    return names[number - 1]


def written(day: date) -> str:
    """ "30 November 2026"."""
    return f"{day.day} {month(day.month)} {day.year:04}"


def with_weekday(day: date) -> str:
    """ "Monday, 30 November 2026"."""
    return f"{weekday(day)}, {written(day)}"


def time_of_day(moment: datetime) -> str:
    """ "08:29"; "08.29" in Indonesian. The moment is local."""
    return _("{hour}:{minute}").format(hour=f"{moment:%H}", minute=f"{moment:%M}")


def zone_name(moment: datetime) -> str:
    """The name of the moment's zone: "WIB", "WITA", "WIT", "UTC"; "+05:30" where it has none."""
    name = moment.tzname() or ""
    if name and not name.startswith(("+", "-")):
        return name
    offset = moment.utcoffset() or timedelta()
    return _INDONESIAN.get(offset) or f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:5]


def in_full(moment: datetime, zone: tzinfo | None = None) -> str:
    """ "Monday, 30 November 2026 08:29 WIB"; `zone` None is the system's."""
    local = moment.astimezone(zone)
    return f"{with_weekday(local.date())} {time_of_day(local)} {zone_name(local)}"


def short(moment: datetime, zone: tzinfo | None = None) -> str:
    """ "30/11/2026 08:29", for the columns of tables."""
    local = moment.astimezone(zone)
    return f"{local:%d/%m/%Y} {time_of_day(local)}"


def short_day(day: date) -> str:
    """ "30/11/2026"."""
    return f"{day:%d/%m/%Y}"


def range_of(first: date, last: date) -> str:
    """ "1–30 November 2026", "28 October – 2 November 2026"."""
    if first == last:
        return written(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{written(last)}"
    start = f"{first.day} {month(first.month)}" if first.year == last.year else written(first)
    return f"{start} – {written(last)}"


def day_in_words(day: date, language: str) -> str:
    """A date as it opens a *berita acara*: "Senin tanggal tiga puluh bulan November tahun dua ribu dua puluh enam".

    English letters write the number.
    """
    if language != "id":
        return with_weekday(day)
    parts = ("tanggal", spelled(day.day), "bulan", month(day.month), "tahun", spelled(day.year))
    return f"{weekday(day)} {' '.join(parts)} ({day:%d-%m-%Y})"


def spelled(number: int) -> str:
    """A number below ten thousand in Indonesian words: 2026 is "dua ribu dua puluh enam"."""
    if number < 12:
        return _BELOW_TWELVE[number]
    if number < 20:
        return f"{_BELOW_TWELVE[number - 10]} belas"
    for size, one, many in ((1000, "seribu", "ribu"), (100, "seratus", "ratus"), (10, "", "puluh")):
        if number >= size:
            head, rest = divmod(number, size)
            word = one if head == 1 else f"{spelled(head)} {many}"
            return f"{word} {spelled(rest)}" if rest else word
    raise AssertionError(number)
