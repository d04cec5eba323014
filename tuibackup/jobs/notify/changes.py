"""What is to be told: what is new, what changed, what still goes on after a week, and what is well again. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from tuibackup.config.notify import LEVELS
from tuibackup.jobs.notify.troubles import DONE, FAILED, Trouble
from tuibackup.ledger.entries import iso
from tuibackup.notify.queue import Line, Told
from tuibackup.words import _

WEEK = timedelta(days=7) - timedelta(hours=1)  # a timer is not exact
_PATIENCE = timedelta(hours=23)


def changes(
    told: Mapping[str, Mapping[str, Told]],
    found: Mapping[str, Mapping[str, Trouble]],
    servers: Collection[str],
    on: str,
    now: datetime,
) -> tuple[list[Line], dict[str, dict[str, Told]]]:
    """The lines, and what is known from now on.

    `found` lacks servers of which nothing is known now, or of which nothing is to be told yet: they stay as they are.
    `servers` are those of the configuration; others are forgotten. `on`: the least level that is told.
    """
    lines: list[Line] = []
    known: dict[str, dict[str, Told]] = {}
    for server in servers:
        before = told.get(server, {})
        if server not in found:
            known[server] = dict(before)
            continue
        here = {what: one for what, one in found[server].items() if on != FAILED or one.level == FAILED}
        known[server] = {}
        for what, one in here.items():
            line, known[server][what] = _judged(server, what, one, before.get(what), now)
            lines += [line] if line else []
        for what, gone in before.items():
            if what not in here and gone.told:
                text = _("well again (was: {what})").format(what=gone.text)
                lines.append(Line(server, what, "recovered", gone.level, text, iso(now)))
    return lines, {server: of for server, of in known.items() if of}


def _judged(
    server: str, what: str, one: Trouble, before: Told | None, now: datetime
) -> tuple[Line | None, Told]:
    """The line about one trouble, None where nothing is to be said now; and how it is remembered."""
    since = before.since if before else iso(now)
    if before is None or not before.told:
        if one.patient and datetime.fromisoformat(since) > now - _PATIENCE:
            return None, Told(one.level, one.cause, one.text, since, "")
        state = "new"
    elif (before.level, before.cause) != (one.level, one.cause):
        state = "changed"
    elif now - datetime.fromisoformat(before.told) >= WEEK:
        state = "still"
    else:
        return None, before
    return Line(server, what, state, one.level, one.text, iso(now)), Told(
        one.level, one.cause, one.text, since, iso(now)
    )


def done_lines(ended: Mapping[str, str], on: str, now: datetime) -> list[Line]:
    """What went well, where everything is to be told. `ended`: outcome by server."""
    if on != LEVELS[-1]:
        return []
    return [
        Line(server, "done", DONE, DONE, _("backed up"), iso(now))
        for server, outcome in ended.items()
        if outcome == DONE
    ]
