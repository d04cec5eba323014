"""The summary: how all servers stand, its counts in the subject, and below it who needs somebody's eyes."""

from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.jobs.notify.troubles import FAILED, troubles
from tuibackup.jobs.notify.words import SIGNS, footer, host, section, subject
from tuibackup.ledger.entries import iso
from tuibackup.notify.message import Message, message
from tuibackup.notify.queue import Queue
from tuibackup.overview.picture import Picture, clock_word, state_word
from tuibackup.overview.room import full_on, room_of
from tuibackup.overview.unprotected import in_a_line
from tuibackup.run.places import open_ledger
from tuibackup.sop import Standing, State
from tuibackup.text import count, size
from tuibackup.words import _, ngettext

_LATE = (State.OVERDUE, State.NEVER)


class Counts(msgspec.Struct, frozen=True):
    """Servers of each kind; one may count under several."""

    servers: int
    overdue: int
    never: int
    failed: int
    damaged: int
    due: int
    drill: int
    unprotected: int


def summary(picture: Picture, config: Config, queue: Queue) -> Message:
    """Put it together."""
    counts = _counts(picture)
    body = [
        *_opening(picture, counts),
        *_wrong(picture, config),
        *section(_("Soon to be backed up:"), list(_soon(picture))),
        *section(_("Drills that are due:"), list(_drills(picture))),
        *section(_("What no backup holds:"), list(_unprotected(picture))),
        *section(_("Messages that could not be sent:"), list(_unsent(queue))),
        "",
        *_room(picture, config),
        footer(config),
    ]
    document = {
        "event": "summary",
        "time": iso(picture.now),
        "counts": msgspec.to_builtins(counts),
        "lines": [
            {"server": server or None, "what": what, "state": "now", "level": one.level, "text": one.text}
            for server, of in troubles(picture, config).items()
            for what, one in of.items()
        ],
    }
    return message(subject(_subject(counts)), body, document)


def _counts(picture: Picture) -> Counts:
    return Counts(
        servers=len(picture.rows),
        overdue=picture.count("overdue"),
        never=picture.count("never"),
        failed=picture.count("failed") + picture.count("interrupted"),
        damaged=sum(bool(row.damaged or row.lost) for row in picture.rows),
        due=sum(row.has(State.DUE) for row in picture.rows),
        drill=sum(_drill_due(row.drill) for row in picture.rows),
        unprotected=picture.count("unprotected"),
    )


def _drill_due(drill: Standing | None) -> bool:
    return drill is not None and drill.state in (*_LATE, State.DUE)


def _subject(counts: Counts) -> str:
    words = (
        (counts.overdue, _("overdue")),
        (counts.never, _("never backed up")),
        (counts.failed, _("failed")),
        (counts.damaged, _("damaged")),
        (counts.unprotected, _("unprotected")),
        (counts.drill, _("drill due")),
        (counts.due, _("soon due")),
    )
    told = ", ".join(f"{count(number)} {word}" for number, word in words if number)
    of = ngettext("{number} server", "{number} servers", counts.servers).format(number=count(counts.servers))
    return _("summary: {servers}, {how}").format(servers=of, how=told or _("all in time"))


def _opening(picture: Picture, counts: Counts) -> Iterator[str]:
    good = sum(row.states == {State.FRESH} for row in picture.rows)
    text = _("{day}: servers that are backed up in time, with nothing due soon: {good} of {number}")
    yield text.format(day=picture.now.astimezone().date(), good=count(good), number=count(counts.servers))


def _wrong(picture: Picture, config: Config) -> Iterator[str]:
    found = [
        (one.level != FAILED, server.casefold(), f"{SIGNS[one.level]} {server or host()}: {one.text}")
        for server, of in troubles(picture, config).items()
        for one in of.values()
    ]
    yield from section(_("What is wrong:"), [line for _level, _server, line in sorted(found)])


def _soon(picture: Picture) -> Iterator[str]:
    due = [
        (standing.due_by, row.name, clock)
        for row in picture.rows
        for clock, standing in row.standings.items()
        if standing.state is State.DUE and standing.due_by
    ]
    for moment, server, clock in sorted(due):
        text = _("{server}: {clock}, at the latest on {day}")
        yield text.format(server=server, clock=clock_word(clock), day=moment.date())


def _drills(picture: Picture) -> Iterator[str]:
    for row in picture.rows:
        if row.drill and _drill_due(row.drill):
            yield f"{row.name}: {state_word(row.drill.state)}"


def _unprotected(picture: Picture) -> Iterator[str]:
    for row in picture.rows:
        if row.coverage.unprotected:
            yield f"{row.name}: {in_a_line(row.coverage, picture.now)}"


def _unsent(queue: Queue) -> Iterator[str]:
    for way in queue.ways.values():
        if way.failures:
            yield f"{way.name}: {way.error}"


def _room(picture: Picture, config: Config) -> Iterator[str]:
    room = picture.room
    if room is None:
        return
    text = _("{path}: {free} of {total} free")
    said = text.format(path=room.path, free=size(room.free), total=size(room.total))
    free = max(0, room.free - config.vault.least_free(room.total))
    if full := _full(config, free, picture.now):
        said += "; " + _("by the last year's history used up on {day}").format(day=full)
    yield said


def _full(config: Config, free: int, now: datetime) -> date | None:
    try:
        with open_ledger(config, read_only=True) as ledger:
            return full_on(free, room_of(ledger, config.servers, now), now.astimezone().date())
    except TuibackupError:  # said among what is wrong
        return None
