"""What is typed to filter the log: free text, and words with a colon for the server, kind, outcome and time of entries.

    refused server:lms kind:run outcome:failed since:2026-11-01 until:7d

A time is a local day, or so many days (d), weeks (w) or months (m) ago. The names are known in English and in the
language in use. A word that makes no sense is searched as text, colon and all. Pure.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from tuibackup.ledger.entries import Kind
from tuibackup.sop import Outcome
from tuibackup.words import _, later

SERVER, KIND, OUTCOME, SINCE, UNTIL = (
    later("server"),
    later("kind"),
    later("outcome"),
    later("since"),
    later("until"),
)
_AGO = re.compile(r"(\d{1,4})([dwm])")
_DAYS = {"d": 1, "w": 7, "m": 30}


class LogFilter(msgspec.Struct, frozen=True):
    """What entries must be. `until` is a moment before which they were written; no kinds: any."""

    text: str = ""
    server: str | None = None
    kinds: tuple[str, ...] = ()
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None


def parse(typed: str, now: datetime) -> LogFilter:
    """The filter that somebody typed; every text is one."""
    found, free = LogFilter(), []
    readers = {name: read for word, read in _READERS.items() for name in (word, _(word).casefold())}
    for word in typed.split():
        name, colon, value = word.partition(":")
        read = readers.get(name.casefold()) if colon and value else None
        change = read(value, now) if read else None
        if change:
            found = msgspec.structs.replace(found, **change)
        else:
            free.append(word)
    return msgspec.structs.replace(found, text=" ".join(free))


def _server(value: str, _now: datetime) -> dict[str, object]:
    return {"server": value}


def _kind(value: str, _now: datetime) -> dict[str, object]:
    kinds = tuple(kind.value for kind in Kind if value.casefold() in (kind.value, _(kind.value).casefold()))
    return {"kinds": kinds} if kinds else {}


def _outcome(value: str, _now: datetime) -> dict[str, object]:
    word = value.casefold()
    named = (one.value for one in Outcome if word in (one.value, _(one.value).casefold()))
    return {"outcome": outcome} if (outcome := next(named, "")) else {}


def _since(value: str, now: datetime) -> dict[str, object]:
    moment = _moment(value, now)
    return {"since": moment} if moment else {}


def _until(value: str, now: datetime) -> dict[str, object]:
    """To the end of the day that is named."""
    moment = _moment(value, now)
    return {"until": moment + timedelta(days=1)} if moment else {}


def _moment(value: str, now: datetime) -> datetime | None:
    """When the day began."""
    if match := _AGO.fullmatch(value):
        day = now.astimezone() - timedelta(days=int(match[1]) * _DAYS[match[2]])
        return day.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return datetime.strptime(value, "%Y-%m-%d").astimezone()
    except ValueError:
        return None


_READERS: dict[str, Callable[[str, datetime], dict[str, object]]] = {
    SERVER: _server, KIND: _kind, OUTCOME: _outcome, SINCE: _since, UNTIL: _until,
}  # fmt: skip
