"""The picture for Nagios and its kin: one word, one line with figures, and the servers concerned below it."""

from collections.abc import Iterator
from enum import IntEnum

import msgspec

from tuibackup.config import VaultSettings
from tuibackup.overview.picture import Picture, ServerRow, clock_word, days, outcome_word, state_word
from tuibackup.sop import Outcome, State
from tuibackup.text import count, printable, shorten
from tuibackup.words import _, in_language, ngettext

_LINES = 20  # servers below the first line: NRPE carries a few thousand characters
_WIDTH = 200  # of one line
_LATE = (State.OVERDUE, State.NEVER)


class Level(IntEnum):
    """Nagios' own exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Verdict(msgspec.Struct, frozen=True):
    """What the plug-in says, and how it ends."""

    level: Level
    text: str


def unknown(reason: str) -> Verdict:
    """Nothing could be looked at."""
    return Verdict(Level.UNKNOWN, f"{Level.UNKNOWN.name} - {_plain(reason)}")


def verdict(picture: Picture, vault: VaultSettings) -> Verdict:
    """Judge it.

    CRITICAL: a backup is overdue or was never made, something stored is damaged or gone, or no run could be stored.
    WARNING: a last run that ended otherwise than *done*, a drill that is overdue, data that no backup holds. UNKNOWN:
    ledger or vault could not be read, so that nobody knows.
    """
    troubles = [(row, *found) for row in picture.rows.worst_first for found in _troubles(row)]
    full = picture.room is not None and picture.room.free < vault.least_free(picture.room.total)
    level = max((found for _row, found, _text in troubles), default=Level.OK)
    if full:
        level = Level.CRITICAL
    blind = bool(picture.problems) or any(row.has(State.UNKNOWN) for row in picture.rows)
    if blind and level < Level.CRITICAL:
        level = Level.UNKNOWN
    lines = [f"{level.name} - {'; '.join(_said(picture, full=full))} | {_figures(picture, vault)}"]
    lines += [_line(row.name, text) for row, _level, text in troubles[:_LINES]]
    if (more := len(troubles) - _LINES) > 0:
        lines.append(_("and {number} more: tuibackup status").format(number=count(more)))
    return Verdict(level, "\n".join(lines))


def _troubles(row: ServerRow) -> Iterator[tuple[Level, str]]:
    """What is wrong with one server, in a few words each."""
    for clock, standing in row.standings.items():
        if standing.state in _LATE:
            age = "" if standing.age_days is None else f" {days(standing.age_days)}"
            yield Level.CRITICAL, f"{clock_word(clock)} {state_word(standing.state)}{age}"
    if row.damaged:
        yield Level.CRITICAL, _("damaged")
    for gone in row.lost.values():
        yield Level.CRITICAL, gone
    if row.last and row.last.outcome is not Outcome.DONE:
        said = outcome_word(row.last.outcome)
        error = in_language(row.last.error)
        yield Level.WARNING, _("last run {outcome}").format(outcome=f"{said}: {error}" if error else said)
    if row.drill and row.drill.state in _LATE:
        yield Level.WARNING, _("drill {state}").format(state=state_word(row.drill.state))
    if row.coverage.unprotected:
        yield Level.WARNING, _("unprotected: {number}").format(number=count(len(row.coverage.unprotected)))


def _said(picture: Picture, *, full: bool) -> Iterator[str]:
    """The first line's sentences."""
    for problem in picture.problems:
        yield _plain(problem)
    if full:
        yield _("the backup disk has too little room for a run")
    counted = [
        (word, picture.count(state))
        for state, word in (
            ("overdue", _("overdue")),
            ("never", _("never backed up")),
            ("damaged", _("damaged")),
            ("failed", _("failed")),
            ("interrupted", _("interrupted")),
            ("undrilled", _("drill overdue")),
            ("unprotected", _("unprotected")),
        )
    ]
    if told := ", ".join(f"{count(number)} {word}" for word, number in counted if number):
        yield told
    elif not picture.problems and not full:
        text = ngettext(
            "the backups of {number} server are in time",
            "the backups of {number} servers are in time",
            len(picture.rows),
        )
        yield text.format(number=count(len(picture.rows)))


def _figures(picture: Picture, vault: VaultSettings) -> str:
    """Performance data: `name=value;warning;critical;least;most`, alarmed above none."""
    names = (
        "overdue",
        "never",
        "damaged",
        "failed",
        "interrupted",
        "undrilled",
        "unprotected",
        "running",
    )
    judged: dict[str, str] = {"overdue": "0;0", "never": "0;0", "damaged": "0;0"}
    figures = [f"{name}={picture.count(name)};{judged.get(name, ';')};0" for name in names]
    figures.append(f"servers={len(picture.rows)};;;0")
    if room := picture.room:
        figures.append(f"free={room.free}B;;{vault.least_free(room.total)}:;0;{room.total}")
    return " ".join(figures)


def _line(server: str, text: str) -> str:
    return _plain(f"{server}: {text}")


def _plain(text: str) -> str:
    """One line without the bar that begins performance data."""
    return shorten(printable(in_language(text)).replace("|", "¦"), _WIDTH)
