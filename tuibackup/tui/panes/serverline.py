"""How one server looks in a line, at any width: pure functions. Ages and states are never cut, names are."""

from dataclasses import dataclass
from datetime import datetime

from tuibackup.run.view import RunView
from tuibackup.sop import Outcome, Period, Standing, State
from tuibackup.text import cells, duration, shorten
from tuibackup.tui import symbols
from tuibackup.tui.lines import Line, Span, left, right
from tuibackup.tui.model import (
    WEEKS,
    LastRun,
    RunFace,
    ServerRow,
    days,
    outcome_word,
    period_word,
    state_word,
)
from tuibackup.words import _

SIGNS = {
    "failed": symbols.FAILED, "interrupted": symbols.INTERRUPTED, "overdue": symbols.OVERDUE,
    "never": symbols.NEVER, "running": symbols.RUNNING, "waiting": symbols.WAITING, "due": symbols.DUE,
    "fresh": symbols.FRESH, "done": symbols.DONE, "warnings": symbols.WARNINGS,
    "unknown": symbols.NOT_BEGUN,
}  # fmt: skip
_WEEK_SIGNS: dict[Outcome | None, Span] = {
    Outcome.DONE: (symbols.FULL, "done"), Outcome.WARNINGS: (symbols.HALF, "warnings"),
    Outcome.FAILED: (symbols.FAILED, "failed"), Outcome.INTERRUPTED: (symbols.FAILED, "interrupted"),
    None: (symbols.NOT_BEGUN, "muted"),
}  # fmt: skip
_NAME_LEAST, _NAME_GOOD, _NAME_MOST = 6, 10, 40
_AGE = 5  # " 999d", of a run
_TOOK = 7  # "1:02:03"
_HEAD = 4  # mark, sign and the spaces around them


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths in cells, 0 for a column without room. `clock` holds every state with its age."""

    name: int
    clock: int
    last: int
    took: int
    weeks: int


def columns(room: int, *, weeks: bool, names: int = _NAME_GOOD) -> Columns:
    """How `room` cells are shared out: what can be spared goes first, until there is room for the `names`."""
    clock = max(_clock_width(state) for state in State)
    outcome = 2 + max(cells(outcome_word(outcome)) for outcome in Outcome)
    dated = outcome + max(_AGE, 1 + cells(_("today")))
    full = max(dated, 2 + cells(_step(4, 100)))
    strip = WEEKS if weeks else 0
    name = 0
    for last, took, history in (
        (full, _TOOK, strip),
        (dated, _TOOK, strip),
        (full, _TOOK, 0),
        (dated, _TOOK, 0),
        (dated, 0, 0),
        (outcome, 0, 0),
    ):
        optional = (took + 1 if took else 0) + (history + 1 if history else 0)
        name = room - (_HEAD + 1 + 2 * (clock + 2) + last + optional)
        if name >= max(_NAME_GOOD, min(names, _NAME_MOST)):
            break
    return Columns(min(max(name, _NAME_LEAST), _NAME_MOST), clock, last, took, history)


def _clock_width(state: State) -> int:
    """Cells of a state and the highest age it may have: some years, but for *due*, which comes before its limit."""
    oldest = {State.NEVER: "", State.DUE: " " + days(99)}.get(state, " " + days(999))
    return cells(state_word(state) + oldest)


def heading(columns: Columns, files: Period, databases: Period) -> Line:
    """The line of titles, with each clock's limit."""
    text = " ".join(
        (
            " " * (_HEAD - 1),
            left(_("name"), columns.name),
            left(_limited(_("files"), "", period_word(files), columns.clock), columns.clock + 1),
            left(
                _limited(_("databases"), _("dbs"), period_word(databases), columns.clock), columns.clock + 1
            ),
            left(_("last run"), columns.last),
            right(shorten(_("took"), columns.took), columns.took),
            left(_("13 weeks"), columns.weeks),
        )
    )
    return ((text.rstrip(), "muted"),)


def _limited(word: str, short: str, limit: str, room: int) -> str:
    texts = (f"{word} ≤ {limit}", f"{short or word} ≤ {limit}", f"{short or word} ≤{limit}")
    return next((text for text in texts if cells(text) <= room), word)


def server_line(row: ServerRow, columns: Columns, now: datetime, *, marked: bool) -> Line:
    line: list[Span] = [
        (" *" if marked else "  ", "key"),
        (SIGNS[row.condition] + " ", row.condition),
        (left(row.name, columns.name, middle=True) + " ", "strong" if marked else ""),
        *_clock(row.files, columns),
        ("  ", ""),
        *_clock(row.databases, columns),
        ("  ", ""),
        *_last(row, columns.last, now),
    ]
    if columns.took:
        line.append((" " + right(took(row, now), columns.took), "muted"))
    if columns.weeks:
        line += [(" ", ""), *(_WEEK_SIGNS[week] for week in row.weeks)]
    return tuple(line)


def _clock(standing: Standing | None, columns: Columns) -> tuple[Span, ...]:
    if standing is None:
        return ((left(symbols.NOTHING, columns.clock), "muted"),)
    age = "" if standing.age_days is None else days(standing.age_days)
    word = state_word(standing.state)
    return ((word + right(age, columns.clock - cells(word)), standing.state.value),)


def _last(row: ServerRow, room: int, now: datetime) -> tuple[Span, ...]:
    if row.run:
        sign = "waiting" if row.run.waiting else "running"
        return ((left(f"{SIGNS[sign]} {run_words(row.run, room - 2)}", room), sign),)
    if row.last is None:
        return ((left(symbols.NOTHING, room), "muted"),)
    outcome = row.last.outcome
    word = f"{SIGNS[outcome.value]} {outcome_word(outcome)}"
    age = since(row.last, now)
    if cells(word) + 1 + cells(age) > room:
        return ((left(word, room), outcome.value),)
    return ((word, outcome.value), (right(age, room - cells(word)), "muted"))


def since(last: LastRun, now: datetime) -> str:
    """How many calendar days ago a run began: "today", "9d"."""
    number = (now.astimezone().date() - last.started.astimezone().date()).days
    return days(number) if number > 0 else _("today")


def run_words(face: RunFace, room: int) -> str:
    """What an active run is at, in at most `room` cells: "step 2 of 4  61%", "waiting: no slot"."""
    if face.waiting:
        why = {"slot": _("waiting: no slot"), "needs": _("waiting: needs")}.get(
            face.view.waiting, _("waiting")
        )
        return why if cells(why) <= room else shorten(_("waiting"), room)
    current = face.view.current
    if current is None:
        return shorten(_("starting") if not _begun(face.view) else _("recording"), room)
    long = _step(current.step.number, percent(face.view))
    if cells(long) <= room:
        return long
    done = percent(face.view)
    short = _("step {number}").format(number=current.step.number)
    return shorten(short if done is None else f"{short} {done:>3}%", room)


def _begun(view: RunView) -> bool:
    return any(step.started for step in view.steps.values())


def _step(number: int, done: int | None) -> str:
    text = _("step {number} of 4").format(number=number)
    return text if done is None else f"{text} {done:>3}%"


def percent(view: RunView) -> int | None:
    """How much of the current step is done, by bytes where their total is known, else by items."""
    progress = view.current.progress if view.current else None
    if progress is None:
        return None
    if progress.bytes_total:
        return min(100, progress.bytes * 100 // progress.bytes_total)
    if progress.items_total:
        return min(100, progress.items * 100 // progress.items_total)
    return None


def took(row: ServerRow, now: datetime) -> str:
    """How long the last run took, or the active one has taken up to now; "–" where there is nothing to tell."""
    if row.run:
        started = next((step.started for step in row.run.view.steps.values() if step.started), "")
        if not started:
            return symbols.NOTHING
        return duration((now - datetime.fromisoformat(started)).total_seconds())
    return duration(row.last.seconds) if row.last else symbols.NOTHING
