"""Pane 3: the dump of the server under the cursor: what it waits for, what it is at, what it stored."""

from tuibackup.overview.picture import Picture, RunFace, outcome_word
from tuibackup.run.journal.view import RunView, StepView
from tuibackup.sop import Outcome, Step
from tuibackup.text import cells, size, when
from tuibackup.tui import symbols
from tuibackup.tui.lines import Line, Span, cut, rule, wrapped
from tuibackup.tui.panes.pane import Pane
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.tui.panes.steps import progress_bar, step_word, titled
from tuibackup.words import _, ngettext


class DumpPane(Pane):
    """The databases. `tab` is True if the log shares this place, hidden behind it."""

    number = 3

    def __init__(self) -> None:
        super().__init__()
        self.server = ""
        self.tab = False

    def draw(self, picture: Picture) -> tuple[list[Line], int | None]:
        room = self.size.width
        face = picture.face(self.server)
        step = face.view.steps.get(Step.DUMP) if face else None
        end = _state(face, step) if face and step else ""
        other = f" {symbols.RULE}{symbols.RULE} 4 {_('log')}" if self.tab else ""
        title = titled(_("DUMP {server}"), self.server, room - cells(other)) + other
        if cells(end) > room - cells(title) - 9:
            end = ""
        lines = dump_lines(self.server, face, picture, room)
        lines += _others(face, picture, room, self.size.height - 1 - len(lines))
        if self.top:
            lines = self.scrolled(lines)
        else:
            # The newest output counts: if not all fits, its end is shown below the first line.
            rows = self.size.height - 1
            lines = lines if len(lines) <= rows else [lines[0], *lines[len(lines) - rows + 1 :]]
        return [rule(3, title, end, room, active=self.has_focus), *lines], None

    def move(self, by: int) -> None:
        self.top += by
        self.redraw()


def _state(face: RunFace, step: StepView) -> str:
    if step.outcome:
        return outcome_word(step.outcome)
    if step.running and face.active:
        return ""
    return _waits_for(face.view) if face.active else _("not reached")


def _waits_for(view: RunView) -> str:
    before = next((step for step in view.steps.values() if step.outcome is None), None)
    if before is None or before.step is Step.DUMP:
        return ""
    return _("waits for step {number}").format(number=before.step.number)


def dump_lines(server: str, face: RunFace | None, picture: Picture, room: int) -> list[Line]:
    """The first line tells the state, the others are the step's own output, newest last."""
    row = picture.row(server)
    if row is None or not picture.complete:
        return []
    if row.databases is None:
        return [((" " + _("no database is configured for {server}").format(server=server), "muted"),)]
    step = face.view.steps.get(Step.DUMP) if face else None
    if face is None or step is None or not step.started:
        return _last_time(server, picture, room)
    lines: list[Line] = []
    if step.running and face.active:
        lines.append(_running(step, room))
    else:
        outcome = step.outcome or Outcome.INTERRUPTED
        lines += _signed(outcome, step.detail or outcome_word(outcome), room)
    lines += [cut((("   ", ""), (line, "muted")), room) for line in step.output]
    return lines


def _others(shown: RunFace | None, picture: Picture, room: int, rows: int) -> list[Line]:
    """The dumps under way on other servers, each with its newest line, as far as there is room for them."""
    lines: list[Line] = []
    for face in picture.active:
        step = face.view.steps.get(Step.DUMP)
        if face is shown or step is None or not step.running or len(lines) + 3 > rows:
            continue
        title = titled(_("DUMP {server}"), face.view.server, room)
        lines += [rule(0, title, "", room, active=False), _running(step, room)]
        lines += [cut((("   ", ""), (line, "muted")), room) for line in step.output[-1:]]
    return lines


def _running(step: StepView, room: int) -> Line:
    spans: list[Span] = [(f" {symbols.RUNNING} ", "running")]
    progress = step.progress
    if progress is None:
        spans.append((step_word(Step.DUMP), ""))
    else:
        spans += progress_bar(progress, 11)
        if progress.current:
            spans.append((f"  {progress.current}", ""))
    return cut(spans, room)


def _signed(outcome: Outcome, text: str, room: int) -> list[Line]:
    """A sentence after the sign of its outcome, on two lines if it is long."""
    first, *more = wrapped(text, room - 4, 2)
    sign: Span = (f" {SIGNS[outcome.value]} ", outcome.value)
    return [(sign, *first), *((("   ", ""), *line) for line in more)]


def _last_time(server: str, picture: Picture, room: int) -> list[Line]:
    """The newest good dump and what it holds, the biggest databases first."""
    row = picture.row(server)
    last = row.databases.last if row and row.databases else None
    if last is None:
        return [((" " + _("no dump of {server} yet").format(server=server), "muted"),)]
    text = _("last good dump: {time}").format(time=when(last, picture.now))
    stored = picture.stored if picture.stored and picture.stored.server == server else None
    if stored is None:
        return _signed(Outcome.DONE, text, room)
    number = len(stored.databases)
    text += " · " + ngettext("{count} database", "{count} databases", number).format(count=number)
    text += f" · {size(stored.bytes)}"
    biggest = sorted(stored.databases, key=lambda database: -database[1])
    names = " · ".join(f"{name} {size(bytes_)}" for name, bytes_ in biggest)
    return [
        *_signed(Outcome.DONE, text, room),
        *(((("   "), ""), *line) for line in wrapped(names, room - 4, 4, "muted")),
    ]
