"""The words of a message: what changed, a summary, a test. In the language in use."""

import socket
from collections.abc import Iterator, Sequence
from datetime import datetime

from tuibackup.config import Config
from tuibackup.jobs.notify.troubles import DONE, FAILED, WARNINGS
from tuibackup.ledger.entries import iso
from tuibackup.notify.message import Message, message
from tuibackup.notify.queue import Line, Way
from tuibackup.text import count, when
from tuibackup.words import _, in_language, ngettext

_NAMED = 4  # servers in a subject
_LISTED = 40  # lines below one heading
SIGNS = {FAILED: "×", WARNINGS: "▲", DONE: "√"}


def news(way: Way, config: Config, now: datetime) -> Message:
    """One message of all that waits on one way."""
    lines = sorted(way.waiting.values(), key=lambda line: (line.server.casefold(), line.time, line.what))
    bad = [line for line in lines if line.state in ("new", "changed", "still")]
    well = [line for line in lines if line.state == "recovered"]
    counts = {
        FAILED: len({line.server for line in bad if line.level == FAILED}),
        WARNINGS: len({line.server for line in bad if line.level == WARNINGS}),
        "recovered": len({line.server for line in well}),
        DONE: len({line.server for line in lines if line.state == DONE}),
    }
    told = ", ".join(f"{count(number)} {_state_word(state)}" for state, number in counts.items() if number)
    names = list(dict.fromkeys(line.server or host() for line in (*bad, *well, *lines)))
    body = [*_ended(way), *_listed(lines, now), "", footer(config)]
    document = {
        "event": "news",
        "time": iso(now),
        "counts": counts,
        "runs": dict(way.ended),
        "lines": [
            {"server": line.server or None, "what": line.what, "state": line.state, "level": line.level,
             "text": line.text, "time": line.time}
            for line in lines
        ],
    }  # fmt: skip
    return message(subject(f"{told}: {_few(names)}"), body, document)


def test_message(operator: str, config: Config, now: datetime) -> Message:
    """What `notify --test` sends."""
    text = _("This is a test by {operator}, sent at {time}. Messages of tuibackup arrive.")
    body = [text.format(operator=operator, time=f"{now.astimezone():%Y-%m-%d %H:%M:%S}"), "", footer(config)]
    return message(subject(_("a test")), body, {"event": "test", "time": iso(now), "lines": []})


def subject(text: str) -> str:
    return f"[tuibackup {host()}] {text}"


def host() -> str:
    return socket.gethostname().partition(".")[0]


def _ended(way: Way) -> Iterator[str]:
    total = sum(way.ended.values())
    if total:
        parts = [f"{count(number)} {_state_word(state)}" for state, number in sorted(way.ended.items())]
        runs = ngettext("{number} backup ended: {how}", "{number} backups ended: {how}", total)
        yield runs.format(number=count(total), how=", ".join(parts))


def _listed(lines: Sequence[Line], now: datetime) -> Iterator[str]:
    headings = (
        (("new", "changed"), _("What is wrong:")),
        (("still",), _("What is still wrong (told again once a week):")),
        (("recovered",), _("What is well again:")),
        ((DONE,), _("What went well:")),
    )
    for states, heading in headings:
        yield from section(heading, [_line(line, now) for line in lines if line.state in states])


def section(heading: str, lines: Sequence[str], most: int = _LISTED) -> Iterator[str]:
    """A heading and its lines, the rest of them counted; nothing where there are none."""
    if not lines:
        return
    yield ""
    yield heading
    yield from (f"  {line}" for line in lines[:most])
    if (more := len(lines) - most) > 0:
        yield "  " + _("… and {number} more").format(number=count(more))


def _line(line: Line, now: datetime) -> str:
    sign = SIGNS[DONE] if line.state in ("recovered", DONE) else SIGNS[line.level]
    moment = datetime.fromisoformat(line.time)
    late = "" if (now - moment).total_seconds() < 3600 else f" ({when(moment, now)})"
    named = line.server or host()
    return f"{sign} {named}: {in_language(line.text)}{late}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f", … {more}" if more > 0 else "")


def _state_word(state: str) -> str:
    return {
        FAILED: _("failed"),
        WARNINGS: _("with warnings"),
        DONE: _("done"),
        "interrupted": _("interrupted"),
        "recovered": _("well again"),
    }.get(state, state)


def footer(config: Config) -> str:
    """The last line of every message."""
    return _("tuibackup on {host}, configuration {file}; more: tuibackup status").format(
        host=host(), file=config.source
    )
