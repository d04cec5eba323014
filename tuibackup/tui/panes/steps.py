"""Pane 2: the run of the server under the cursor, step by step, each with its actual time of its standard."""

from datetime import datetime

from tuibackup.overview.picture import Picture, RunFace, clock_word, outcome_word
from tuibackup.run.journal.events import StepProgress
from tuibackup.run.journal.view import RunView, StepView
from tuibackup.sop import Outcome, Step, is_slow, limit
from tuibackup.text import cells, count, duration, rate, shorten, size, unit_word, when
from tuibackup.tui import symbols
from tuibackup.tui.lines import Line, Span, cut, left, right, rule, width, wrapped
from tuibackup.tui.panes.pane import Pane
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.words import _, joined, ngettext

_ERROR_LINES = 3
_BAR = 18  # cells of a progress bar where there is room


class StepsPane(Pane):
    """The run; `server` is set by the screen when the cursor moves."""

    number = 2

    def __init__(self) -> None:
        super().__init__()
        self.server = ""

    def draw(self, picture: Picture) -> tuple[list[Line], int | None]:
        room, rows = self.size.width, self.size.height - 1
        face = picture.face(self.server)
        title, end = run_title(self.server, face, picture, room)
        lines: list[Line]
        if face is None:
            text = _no_run(self.server, picture)
            lines = [((" ", ""), *line) for line in wrapped(text, room - 2, max(1, min(rows, 3)), "muted")]
        else:
            lines = run_lines(face, picture.now, room, rows) + self._remarks(face, picture, room)
        others = [other for other in picture.active if other is not face]
        lines += _others(others, picture, room, rows - len(lines))
        return [rule(2, title, end, room, active=self.has_focus), *self.scrolled(lines)], None

    def _remarks(self, face: RunFace, picture: Picture, room: int) -> list[Line]:
        """What is unusual about the run that is shown, and that a reason is missing."""
        row = picture.row(self.server)
        if row is None or face.active or row.last is None or row.last.run != face.view.run:
            return []
        return [
            ((" ", ""), *line)
            for remark in row.remarks
            for line in wrapped(f"{symbols.WARNINGS} {remark}", room - 2, 2, "warnings")
        ]

    def move(self, by: int) -> None:
        self.top += by
        self.redraw()


def _no_run(server: str, picture: Picture) -> str:
    if not server:
        return "" if picture.rows else _("there is nothing to run yet")  # the filter shows no server
    row = picture.row(server)
    if row and row.last is None and picture.complete:
        if row.condition == "unknown":  # the ledger did not answer
            return _("the last run of {server} is not known").format(server=server)
        return _("{server} was never backed up; b plans its first run").format(server=server)
    return _("reading the last run of {server}").format(server=server)


def titled(title: str, server: str, room: int) -> str:
    """`title` ("RUN {server}") with as much of the name as fits into a rule of `room` cells."""
    return title.format(
        server=shorten(server, room - cells(title.format(server="")) - 6, middle=True)
    ).strip()


def run_title(
    server: str, face: RunFace | None, picture: Picture, room: int, *, keys: bool = True
) -> tuple[str, str]:
    """The pane's title and the text at the right end of its rule; the name has priority over the outcome."""
    title = titled(_("RUN {server}"), server, room)
    if face is None:
        return title, ""
    view = face.view
    parts = []
    if view.planned:
        parts.append(" + ".join(clock_word(clock) for clock in view.planned.clocks))
        parts.append(view.planned.operator)
        parts.append(when(datetime.fromisoformat(view.planned.time), picture.now))
    spared = list(parts)
    if not face.active and view.finished:
        parts.append(f"{SIGNS[view.finished.outcome.value]} {outcome_word(view.finished.outcome)}")
    if keys and len(picture.active) > (1 if face.active else 0):
        parts.append(_("[ ] next run"))
        spared.append(parts[-1])
    spared = [*spared, *(part for part in parts if part not in spared)]
    while spared and cells(joined(" · ", parts)) > room - cells(title) - 9:
        parts.remove(spared.pop(0))
    return title, joined(" · ", parts)


def run_lines(face: RunFace, now: datetime, room: int, rows: int) -> list[Line]:
    """A run in about `rows` lines: its steps, what it is doing, what was found, and how it failed."""
    view = face.view
    lines: list[Line] = []
    narrow = room < 70
    steps = list(view.steps.values())
    if view.finished and view.finished.error:
        # The error needs its lines more than steps that did not begin because of it.
        while len(steps) > rows - _ERROR_LINES and not steps[-1].started:
            steps.pop()
    for whole in (
        narrow and not face.active,
        False,
    ):  # beside the servers there is little width, and often height
        lines = [
            line for step in steps for line in step_lines(step, face, now, room, narrow=narrow, whole=whole)
        ]
        if len(lines) <= rows // 2:
            break
    lines += _summary(face, now, room, max(1, rows - len(lines)))
    return lines


def step_lines(
    step: StepView, face: RunFace, now: datetime, room: int, *, narrow: bool, whole: bool = False
) -> list[Line]:
    """One step's line; in a narrow pane the rate and the time left of the running step go on a second one.

    A detail that does not fit beside it is cut; `whole`: it stands below, in full.
    """
    alive = face.active
    sign, style = step_sign(step, alive=alive)
    actual = step_seconds(step, now, alive=alive)
    slow = step.slow or (actual is not None and is_slow(actual, limit(step.standard, step.expected)))
    start: list[Span] = [
        (f" {sign} ", style),
        (left(f"{step.step.number} {step_word(step.step)}", 11), style if step.running and alive else ""),
        (right(symbols.NOTHING if actual is None else duration(actual), 7), ""),
        ("  " + left(allowed(step), _allowed_width(face.view) + (1 if narrow else 3)), "muted"),
    ]
    late: Span = (f"{symbols.WARNINGS} " + _("slow") + "  ", "warnings")
    moving = step.running and alive
    if slow and not (narrow and moving):
        start.append(late)
    rest = room - sum(cells(text) for text, _style in start)
    if moving:
        first, second = _moving(step, face, now, rest, narrow=narrow)
    elif step.outcome in (Outcome.FAILED, Outcome.INTERRUPTED):
        # The full error is below the steps, so it is not repeated, cut, beside them.
        error = face.view.finished.error if face.view.finished else ""
        said = outcome_word(step.outcome) if error.startswith(step.detail) else step.detail
        first, second = ((said, step.outcome.value),), ()
    elif whole and cells(step.detail) > rest:
        below = wrapped(step.detail, room - 6, 6, "muted")
        return [cut(start, room), *(((" " * 5, ""), *line) for line in below)]
    else:
        first, second = ((step.detail, "muted"),), ()
    lines = [cut((*start, *first), room)]
    if slow and narrow and moving:
        second = (late, *second)
    if second:
        indent = max(3, min(15, room - 1 - sum(cells(text) for text, _style in second)))
        lines.append(cut(((" " * indent, ""), *second), room))
    return lines


def step_sign(step: StepView, *, alive: bool) -> tuple[str, str]:
    if step.outcome is not None:
        return SIGNS[step.outcome.value], step.outcome.value
    if step.running:
        return (symbols.RUNNING, "running") if alive else (symbols.INTERRUPTED, "interrupted")
    return symbols.NOT_BEGUN, "muted"


def step_word(step: Step) -> str:
    return {
        Step.CONNECT: _("connect"), Step.DOWNLOAD: _("download"), Step.LOGIN: _("login"), Step.DUMP: _("dump"),
    }[step]  # fmt: skip


def step_seconds(step: StepView, now: datetime, *, alive: bool) -> float | None:
    """The actual time: as recorded, or as passed so far."""
    if step.seconds is not None:
        return step.seconds
    if step.running and alive:
        return max(0.0, (now - datetime.fromisoformat(step.started)).total_seconds())
    return None


def allowed(step: StepView) -> str:
    """The time to compare with: the SOP's standard, or about what history lets expect."""
    if step.standard is not None:
        return _("of {time}").format(time=duration(step.standard).rjust(5))
    if step.expected is not None:
        return _("of {time}").format(time=("~" + duration(step.expected)).rjust(5))
    return ""


def _allowed_width(view: RunView) -> int:
    """Cells of the column beside the actual times: an hour is longer than most."""
    usual = cells(_("of {time}").format(time="~00:00"))
    return max([usual, *(cells(allowed(step)) for step in view.steps.values())])


def _moving(
    step: StepView, face: RunFace, now: datetime, room: int, *, narrow: bool
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    progress = step.progress
    if progress is None:
        return (), ()
    pace = _pace(progress, face, now)
    beside = 5 if narrow else 5 + 3 + sum(cells(text) for text, _style in pace)
    bar = progress_bar(progress, max(6, min(_BAR, room - beside - 1)))
    if progress.lost:  # beside the bar there is no room for both
        said: Span = (progress.current, "warnings")
        return (bar, (said,)) if narrow else ((said,), ())
    if not bar:
        seen = f"{count(progress.items)} {unit_word(progress.unit, progress.items)}"
        text = f"{seen} · {size(progress.bytes)}" if progress.bytes else seen
        return ((text + "   ", ""), *pace), ()
    if narrow:
        return bar, pace
    return (*bar, ("   ", ""), *pace), ()


def progress_bar(progress: StepProgress, room: int) -> tuple[Span, ...]:
    """A bar and its percentage; nothing if the total is not known."""
    done, total = (
        (progress.bytes, progress.bytes_total)
        if progress.bytes_total
        else (progress.items, progress.items_total)
    )
    if not total:
        return ()
    share = min(1.0, done / total)
    full = int(room * share)
    return (
        (symbols.FULL * full, "running"),
        (symbols.REST * (room - full), "muted"),
        (f" {int(share * 100):>3}%", "strong"),
    )


def stalled(face: RunFace, now: datetime) -> float | None:
    """Seconds for which an active run has made no progress, if they are enough to mention."""
    return face.view.stalled(now) if face.active else None


def _pace(progress: StepProgress, face: RunFace, now: datetime) -> tuple[Span, ...]:
    still = stalled(face, now)
    if still is not None:
        return ((_("stalled {time}").format(time=_seconds(still)), "warnings"),)
    parts = []
    if progress.rate:
        parts.append(rate(progress.rate))
    if progress.left is not None:
        parts.append(_("{time} left").format(time=duration(progress.left)))
    elif progress.bytes_total and progress.bytes < progress.bytes_total:
        parts.append(_("{time} left").format(time=symbols.NOTHING))  # no rate yet to tell it by
    if progress.limit:  # last, because it is the first to drop if there is no room for all
        parts.append(_("limit {rate}").format(rate=rate(progress.limit)))
    return ((joined("   ", parts), ""),)


def _seconds(number: float) -> str:
    return _("{seconds} s").format(seconds=int(number)) if number < 100 else duration(number)


def _summary(face: RunFace, now: datetime, room: int, rows: int) -> list[Line]:
    """The lines below the steps: the error first, as much of it as fits."""
    view = face.view
    lines: list[Line] = []
    finished = view.finished
    if finished and finished.error:
        lines += [
            ((" ", ""), *line)
            for line in wrapped(finished.error, room - 2, max(1, min(rows, _ERROR_LINES)), "failed")
        ]
    elif not face.active and finished is None:
        text = _("the process of this run is gone; it ends as interrupted")
        lines += [((" ", ""), *line) for line in wrapped(text, room - 2, rows, "interrupted")]
    elif face.waiting:
        waits = wrapped(_waits(view), room - 2, max(1, min(rows, 2)), "waiting")
        lines += [((" ", ""), *line) for line in waits]
    current = view.current
    lines += _counted(view, face, room, rows - len(lines))
    moving = current.progress if current and face.active else None
    if moving and moving.current and not moving.lost and len(lines) < rows:
        start = "   " + _("now") + "  "
        lines.append(((start, "muted"), (shorten(moving.current, room - cells(start) - 1, middle=True), "")))
    for finding in view.findings[: rows - len(lines)] if rows > len(lines) else ():
        start = f"   {finding.step.number} "
        text = f"{finding.subject}: {finding.reason}"
        lines.append(
            ((start, "muted"), (shorten(text, room - cells(start) - 1), "failed" if finding.mark else ""))
        )
    free = min(2, rows - len(lines))
    for note in view.notes[-free:] if free > 0 else ():
        lines.append(((f"   {note}", "muted"),))
    return [cut(line, room) for line in lines]


def _counted(view: RunView, face: RunFace, room: int, rows: int) -> list[Line]:
    """How much the running step has done, and how many warnings there are: on two lines if one is too short."""
    current = view.current
    done = _amount(current.progress) if current and current.progress and face.active else ""
    amount: Line = (("   " + done, ""),) if done else ()
    if rows < 1 or not (done or view.findings_total):
        return []
    if not view.findings_total:
        return [amount]
    word = ngettext("{count} warning", "{count} warnings", view.findings_total)
    word = word.format(count=count(view.findings_total))
    sign: Span = (f"{symbols.WARNINGS} {word}", "warnings")
    hint: Span = (" " + _("(enter lists them)"), "muted")
    gap: Span = (" · " if done else "   ", "muted")
    if width((*amount, gap, sign, hint)) <= room:
        return [(*amount, gap, sign, hint)]
    if done and rows > 1:
        return [amount, (("   ", ""), sign, hint)]
    if width((*amount, gap, sign)) <= room:
        return [(*amount, gap, sign)]
    short: Line = (gap, (f"{symbols.WARNINGS} {count(view.findings_total)}", "warnings"))
    return [(*cut(amount, room - width(short)), *short)]


def _waits(view: RunView) -> str:
    match view.waiting:
        case "slot":
            return _("waits for a free slot: as many runs as [run] parallel allows are under way")
        case "needs":
            return _("waits until all servers of this request are connected and every question is answered")
        case _:
            return _("starting")


def _amount(progress: StepProgress) -> str:
    """ "14,210 of 23,257 files · 171 of 281 MiB"; without totals what is known."""
    unit = unit_word(progress.unit, progress.items_total or progress.items)
    if progress.items_total:
        items = _("{some} of {all} {unit}").format(
            some=count(progress.items), all=count(progress.items_total), unit=unit
        )
    else:
        items = f"{count(progress.items)} {unit}"
    if not progress.bytes and not progress.bytes_total:
        return items
    if progress.bytes_total:
        total = size(progress.bytes_total)
        number, _space, scale = size(progress.bytes).partition(" ")
        some = number if total.endswith(" " + scale) else size(progress.bytes)
        return f"{items} · " + _("{some} of {all}").format(some=some, all=total)
    return f"{items} · {size(progress.bytes)}"


def _others(others: list[RunFace], picture: Picture, room: int, rows: int) -> list[Line]:
    """The other active runs, as far as they fit whole below the first."""
    lines: list[Line] = []
    for face in others:
        title, end = run_title(face.view.server, face, picture, room, keys=False)
        current = face.view.current
        body = step_lines(current, face, picture.now, room, narrow=room < 70) if current else []
        body += _summary(face, picture.now, room, 1 if body else 2)
        if len(lines) + 1 + len(body) > rows:
            break
        lines += [rule(0, title, end, room, active=False), *body]
    return lines
