"""A server, a run, or an entry of the ledger in full, as lines: errors whole, findings one by one."""

import shlex
from collections.abc import Mapping
from datetime import datetime

from tuibackup.config import Server
from tuibackup.overview.findings import findings
from tuibackup.overview.picture import (
    LogRow,
    Picture,
    RunFace,
    ServerRow,
    clock_word,
    days,
    outcome_word,
    state_word,
)
from tuibackup.overview.ways_out import WaysOut, ways_out
from tuibackup.parts import SAID
from tuibackup.run.journal.view import RunView
from tuibackup.sop import Clock, Standing
from tuibackup.text import count, duration, printable, size, when
from tuibackup.tui import actions, symbols
from tuibackup.tui.lines import Line, left, wrapped
from tuibackup.tui.panes.serverline import SIGNS, run_words
from tuibackup.tui.panes.steps import step_lines
from tuibackup.tui.screens.dialog import Reader
from tuibackup.words import _, joined, ngettext

_LABEL = 14  # cells of the left column


def standing_lines(row: ServerRow, now: datetime, keymap: Mapping[str, str], room: int) -> list[Line]:
    """What keeps a server from being in order, a sentence each; nothing where all is well."""
    lines: list[Line] = []
    if row.last and row.last.error and not row.run:
        lines += field(_("error"), row.last.error, "failed", room)
    for clock, standing, reason in row.reasons:
        if not (row.last and reason == row.last.error):
            lines += field(clock_word(clock), reason, standing.state.value, room)
    for gone in row.lost.values():
        lines += field(_("missing"), gone, "failed", room)
    for finding in findings(row, now):
        lines += field(_("damaged"), finding.sentence, "damaged", room)
        lines += way_lines(finding.ways_out, keymap, room)
    for clock, tried in row.tried_drills.items():
        lines += field(_("drill"), tried.sentence(clock, now), "warnings", room)
    if row.unfinished:
        lines += field(_("goes on"), row.unfinished.sentence, "interrupted", room)
    for remark in row.remarks:
        lines += wrapped(f"{symbols.WARNINGS} {remark}", room, 3, "warnings")
    return lines


def clock_lines(row: ServerRow, now: datetime, room: int) -> list[Line]:
    """All of a server's clocks with their dates."""
    lines = field(_("files"), *_clock(row.files, now), room)
    lines += field(_("databases"), *_clock(row.databases, now), room)
    for clock, standing in row.drilled.items():
        lines += field(_("drill"), *_drilled(clock, standing, now), room)
    for drill in row.drills.values():
        text = _("{outcome} {time}, {age}: {snapshot}").format(
            outcome=outcome_word(drill.outcome),
            time=when(drill.time, now),
            age=days(drill.age_days),
            snapshot=drill.snapshot,
        )
        lines += field(_("drill"), text, drill.outcome.value, room)
    return lines


class EntryDetails(Reader):
    """One entry of the ledger with its whole body."""

    def __init__(self, row: LogRow, picture: Picture, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._row, self._picture, self._keymap = row, picture, keymap
        self.title_text = _("entry {number} of the ledger").format(number=count(row.sequence))

    def lines(self, room: int) -> list[Line]:
        row = self._row
        style = row.outcome if row.outcome in SIGNS else ""
        lines = field(_("time"), f"{row.time.astimezone():%Y-%m-%d %H:%M:%S %Z}", "", room)
        lines += field(_("what"), _(row.kind), "", room)
        lines += field(_("server"), row.server or symbols.NOTHING, "", room)
        lines += field(_("who"), row.who, "", room)
        if row.outcome:
            lines += field(_("outcome"), _(row.outcome), style, room)
        lines += way_lines(ways_out(row.kind, row.body), self._keymap, room)
        swap = row.body.get("swap")
        for number, command in enumerate(swap if isinstance(swap, list) else ()):
            lines += field(_("to swap it in") if number == 0 else "", printable(str(command)), "", room)
        lines.append(())
        body = {name: value for name, value in row.body.items() if name != SAID}
        return lines + _tree(body, room, 0)


def way_lines(found: WaysOut | None, keymap: Mapping[str, str], room: int) -> list[Line]:
    """What a finding means, and the next steps with their keys and commands."""
    if found is None:
        return []
    lines = field("", found.meaning, "", room)
    for way in found.ways:
        key = actions.key_name(actions.keys_of(actions.BY_ID[way.action], keymap)[0])
        text = f"{symbols.ARROW} {way.text} ({key}): {shlex.join(('tuibackup', *way.command))}"
        lines += [((" " * _LABEL, ""), *line) for line in wrapped(text, room - _LABEL, 4)]
    return lines


def _tree(value: object, room: int, depth: int) -> list[Line]:
    """A body's JSON as indented lines; texts in it come from servers too."""
    indent = "  " * depth
    lines: list[Line] = []
    if isinstance(value, Mapping):
        for name, inner in value.items():
            lines += _branch(printable(str(name)), inner, room, depth)
    elif isinstance(value, list | tuple):
        for inner in value:
            lines += _branch(symbols.NOT_BEGUN, inner, room, depth)
    else:
        lines += [((indent, ""), *line) for line in wrapped(_scalar(value), max(10, room - len(indent)), 20)]
    return lines


def _branch(name: str, inner: object, room: int, depth: int) -> list[Line]:
    indent = "  " * depth
    if isinstance(inner, Mapping | list | tuple) and depth < 6:
        return [((f"{indent}{name}", "muted"),), *_tree(inner, room, depth + 1)] if inner else []
    start = f"{indent}{left(name, max(len(name), _LABEL - len(indent)))} "
    text = wrapped(_scalar(inner), max(10, room - len(start)), 20)
    return [((start, "muted"), *text[0]), *(((" " * len(start), ""), *line) for line in text[1:])]


def _scalar(value: object) -> str:
    if value is None or value == "":
        return symbols.NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return printable(str(value))


def configured(server: Server, room: int) -> list[Line]:
    """How the server is configured."""
    port = f":{server.port}" if server.port else ""
    user = f"{server.user}@" if server.user else ""
    jump = " " + _("through {jump}").format(jump=server.jump) if server.jump else ""
    lines = field(_("address"), f"{user}{server.host}{port}{jump}", "", room)
    lines += field(_("folders"), "  ".join(server.folders) or symbols.NOTHING, "", room)
    if server.exclude:
        lines += field(_("left out"), "  ".join(server.exclude), "muted", room)
    if server.database:
        configured = server.database
        place = configured.socket or configured.password.option_file or _("usual socket")
        if configured.host and not configured.socket:
            place = f"{configured.host}:{configured.port}"
        lines += field(_("database"), f"{configured.user or server.user or ''} {place}".strip(), "", room)
    return lines


def field(name: str, text: str, style: str, room: int, most: int = 12) -> list[Line]:
    """A name in the left column, and a text of at most `most` lines beside it."""
    found = wrapped(text, room - _LABEL, most, style)
    start = left(name, _LABEL)
    return [((start, "muted"), *found[0]), *(((" " * _LABEL, ""), *line) for line in found[1:])]


def _clock(standing: Standing | None, now: datetime) -> tuple[str, str]:
    if standing is None:
        return _("nothing of the kind is configured"), "muted"
    word = state_word(standing.state)
    if standing.last is None or standing.due_by is None or standing.age_days is None:
        return word, standing.state.value
    text = _("{state}: last good backup {time}, {age}; in time until {until}").format(
        state=word,
        time=when(standing.last, now),
        age=days(standing.age_days),
        until=when(standing.due_by, now),
    )
    return text, standing.state.value


def _drilled(clock: Clock, standing: Standing, now: datetime) -> tuple[str, str]:
    """How the third clock of files, or of databases, stands."""
    start = f"{clock_word(clock)} {state_word(standing.state)}"
    if standing.last is None or standing.due_by is None or standing.age_days is None:
        return start, standing.state.value
    text = _("{state}: proven {time}, {age}; in time until {until}").format(
        state=start,
        time=when(standing.last, now),
        age=days(standing.age_days),
        until=when(standing.due_by, now),
    )
    return text, standing.state.value


def run_details(face: RunFace, now: datetime, room: int) -> list[Line]:
    """A run in full."""
    view = face.view
    lines = _heading(face, now, room)
    if view.finished and view.finished.error:
        lines += field(_("error"), view.finished.error, "failed", room)
    for step in view.steps.values():
        lines += step_lines(step, face, now, room, narrow=room < 70, whole=True)
    lines += _findings(view, room)
    if view.finished or view.needs:
        lines.append(())
    lines += _results(view, room) + _needs(view, room)
    for number, note in enumerate(view.notes):
        lines += field(_("notes") if number == 0 else "", note, "muted", room)
    return lines


def _heading(face: RunFace, now: datetime, room: int) -> list[Line]:
    view = face.view
    if face.active:
        state, style = run_words(face, 40), "waiting" if face.waiting else "running"
    elif view.finished:
        outcome = view.finished.outcome
        state = f"{outcome_word(outcome)}, {duration(view.finished.seconds)}"
        style = outcome.value
    else:
        state, style = _("ended without saying how"), "interrupted"
    sign = SIGNS.get(style, symbols.NOT_BEGUN)
    lines = field(_("run"), view.run, "", room)
    if view.planned:
        began = when(datetime.fromisoformat(view.planned.time), now)
        full = " · " + _("full download") if view.planned.full else ""
        lines += field(_("started"), f"{began} · {view.planned.operator}{full}", "", room)
    return lines + field(_("outcome"), f"{sign} {state}", style, room)


def _results(view: RunView, room: int) -> list[Line]:
    lines: list[Line] = []
    if not view.finished:
        return lines
    for name, result in ((_("files"), view.finished.files), (_("databases"), view.finished.databases)):
        if result is None:
            continue
        parts = [f"{SIGNS[result.outcome.value]} {outcome_word(result.outcome)}"]
        if result.snapshot:
            parts.append(result.snapshot)
        if result.detail:
            parts.append(result.detail)
        elif result.items:
            parts.append(f"{count(result.items)} · {size(result.bytes)}")
        lines += field(name, joined(" · ", parts), result.outcome.value, room)
    return lines


def _needs(view: RunView, room: int) -> list[Line]:
    lines: list[Line] = []
    for number, (need, met, detail) in enumerate(view.needs):
        sign = symbols.DONE if met else symbols.FAILED
        text = f"{sign} {_(need)}: {detail}" if detail else f"{sign} {_(need)}"
        lines += field(_("needs") if number == 0 else "", text, "" if met else "failed", room)
    return lines


def _findings(view: RunView, room: int) -> list[Line]:
    if not view.findings_total:
        return []
    number = view.findings_total
    heading = ngettext("{count} warning", "{count} warnings", number).format(count=count(number))
    lines: list[Line] = [(), ((f"{symbols.WARNINGS} {heading}", "warnings"),)]
    for finding in view.findings:
        style = "failed" if finding.mark else ""
        lines += [
            ((" " if at else f" {finding.step.number} ", "muted"), *line)
            for at, line in enumerate(wrapped(f"{finding.subject}: {finding.reason}", room - 4, 6, style))
        ]
    if number > len(view.findings):
        text = _("… and {count} more; all of them are in the run's journal").format(
            count=count(number - len(view.findings))
        )
        lines.append(((f" {text}", "muted"),))
    if any(finding.mark for finding in view.findings):
        lines.append(
            ((" " + _("those in the colour of an error keep the clock from being renewed"), "muted"),)
        )
    return lines
