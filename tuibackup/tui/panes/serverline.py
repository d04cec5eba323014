"""One server as a line of any width: pure functions. Ages and states are never cut, names only at the very last."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tuibackup.overview.picture import (
    WEEKS,
    LastRun,
    RunFace,
    ServerRow,
    days,
    outcome_word,
    period_word,
    state_word,
)
from tuibackup.run.journal.view import RunView
from tuibackup.sop import Outcome, Period, Standing, State
from tuibackup.text import cells, duration, shorten
from tuibackup.tui import symbols
from tuibackup.tui.lines import Line, Span, left, right
from tuibackup.words import _

SIGNS = {
    "failed": symbols.FAILED, "interrupted": symbols.INTERRUPTED, "overdue": symbols.OVERDUE,
    "never": symbols.NEVER, "running": symbols.RUNNING, "waiting": symbols.WAITING, "due": symbols.DUE,
    "fresh": symbols.FRESH, "done": symbols.DONE, "warnings": symbols.WARNINGS,
    "unknown": symbols.NOT_BEGUN, "damaged": symbols.DAMAGED, "undrilled": symbols.UNDRILLED,
}  # fmt: skip
_WEEK_SIGNS: dict[Outcome | None, Span] = {
    Outcome.DONE: (symbols.FULL, "done"), Outcome.WARNINGS: (symbols.HALF, "warnings"),
    Outcome.FAILED: (symbols.FAILED, "failed"), Outcome.INTERRUPTED: (symbols.FAILED, "interrupted"),
    None: (symbols.NOT_BEGUN, "muted"),
}  # fmt: skip
_NAME_LEAST, _NAME_GOOD, _NAME_MOST = 6, 10, 40
_AGE = 5  # " 999d", of a run
_BRIEF = 7  # "× 999d", "► 100%", "× 07:50": a last run without words
_TOOK = 7  # "1:02:03"
_PROVEN = 6  # "! 999d": a drill without words
_HEAD = 4  # mark, sign and the spaces around them


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths in cells, 0 for a column without room. `clock` holds every state with its age."""

    name: int
    clock: int
    last: int
    took: int
    drill: int
    weeks: int


def columns(room: int, rows: Iterable[ServerRow] = (), *, weeks: bool) -> Columns:
    """How `room` cells are divided: the less needed columns go first, until the names of `rows` have room.

    No wider than they are, so that the column never shrinks as the terminal grows and others come back.
    """
    wanted, clock = _wanted(rows)
    outcome, dated = _outcomes()
    full = max(dated, 2 + cells(_step(4, 100)))
    strip = WEEKS if weeks else 0
    last = took = drill = history = name = 0
    for last, took, drill, history in (
        (full, _TOOK, clock, strip),
        (full, _TOOK, _PROVEN, strip),
        (dated, _TOOK, _PROVEN, strip),
        (full, _TOOK, _PROVEN, 0),
        (dated, _TOOK, _PROVEN, 0),
        (dated, _TOOK, 0, 0),
        (dated, 0, 0, 0),
        (outcome, 0, 0, 0),
        (_BRIEF, 0, 0, 0),
        (0, 0, 0, 0),
    ):
        columns = ((2, last), (1, took), (2, drill), (1, history))
        optional = sum(gap + width for gap, width in columns if width)
        name = room - _beside(clock) - optional
        if name >= wanted:
            break
    return Columns(min(max(name, _NAME_LEAST), wanted), clock, last, took, drill, history)


def least_room(rows: Iterable[ServerRow]) -> int:
    """Cells that the lines of `rows` need for whole names, with a brief last run."""
    wanted, clock = _wanted(rows)
    return wanted + _beside(clock) + 2 + _BRIEF


def whole_room(rows: Iterable[ServerRow]) -> int:
    """Cells that the lines of `rows` need for everything, with the drills in brief."""
    wanted, clock = _wanted(rows)
    _outcome, dated = _outcomes()
    return wanted + _beside(clock) + 2 + dated + 1 + _TOOK + 2 + _PROVEN + 1 + WEEKS


def _outcomes() -> tuple[int, int]:
    """Cells of the longest outcome, and of one with its day."""
    outcome = 2 + max(cells(outcome_word(outcome)) for outcome in Outcome)
    return outcome, outcome + max(_AGE, 1 + cells(_("today")))


def _wanted(rows: Iterable[ServerRow]) -> tuple[int, int]:
    """Cells that the longest name needs, and the widest of the clocks."""
    rows = tuple(rows)
    names = max((cells(row.name) for row in rows), default=0)
    widest = max((sum(map(cells, _stands(clock))) + 1 for clock in _distinct(rows)), default=0)
    return min(max(_NAME_GOOD, names), _NAME_MOST), max(widest, *map(_clock_width, State))


def _distinct(rows: Iterable[ServerRow]) -> Iterable[Standing]:
    """The clocks of `rows`, one of those that look the same."""
    return {(clock.state, clock.age_days): clock for row in rows for clock in row.clocks}.values()


def _beside(clock: int) -> int:
    """Cells that a line has beside the name and the last run."""
    return _HEAD + 1 + 2 * clock + 2


def _clock_width(state: State) -> int:
    """Cells of a state and the highest age it may have: some years, but for *due*, which comes before its limit."""
    oldest = {State.NEVER: "", State.UNKNOWN: "", State.DUE: " " + days(99)}.get(state, " " + days(999))
    return cells(state_word(state) + oldest)


def heading(columns: Columns, files: Period, databases: Period, drill: Period) -> Line:
    """The line of titles, with each clock's limit."""
    text = " ".join(
        (
            " " * (_HEAD - 1),
            left(_("name"), columns.name),
            left(_limited(_("files"), "", period_word(files), columns.clock), columns.clock + 1),
            left(
                _limited(_("databases"), _("dbs"), period_word(databases), columns.clock), columns.clock + 1
            ),
            left(_("last run") if cells(_("last run")) <= columns.last else _("last"), columns.last),
            right(shorten(_("took"), columns.took), columns.took),
            *(
                (left(_limited(_("drill"), "", period_word(drill), columns.drill), columns.drill + 1),)
                if columns.drill
                else ()
            ),
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
    ]
    if columns.last:
        line += [("  ", ""), *_last(row, columns.last, now)]
    if columns.took:
        line.append((" " + right(took(row, now), columns.took), "muted"))
    if columns.drill:
        line += [("  ", ""), _drill(row.drill, columns)]
    if columns.weeks:
        line += [(" ", ""), *(_WEEK_SIGNS[week] for week in row.weeks)]
    return tuple(line)


def _clock(standing: Standing | None, columns: Columns) -> tuple[Span, ...]:
    if standing is None:
        return ((left(symbols.NOTHING, columns.clock), "muted"),)
    word, age = _stands(standing)
    return ((word + right(age, columns.clock - cells(word)), standing.state.value),)


def _drill(standing: Standing | None, columns: Columns) -> Span:
    """The third clock, as the others where there is room, else its sign and age."""
    if columns.drill >= columns.clock or standing is None:
        ((text, style),) = _clock(standing, columns)
        return left(text, columns.drill), style
    state = standing.state.value
    _word, age = _stands(standing)
    return SIGNS[state] + right(age, columns.drill - 1), state


def _stands(standing: Standing) -> tuple[str, str]:
    return state_word(standing.state), "" if standing.age_days is None else days(standing.age_days)


def _last(row: ServerRow, room: int, now: datetime) -> tuple[Span, ...]:
    if row.run:
        sign = "waiting" if row.run.waiting else "running"
        return ((left(f"{SIGNS[sign]} {run_words(row.run, room - 2)}", room), sign),)
    if row.last is None:
        return ((left(symbols.NOTHING, room), "muted"),)
    outcome = row.last.outcome
    if room <= _BRIEF:
        began = row.last.started.astimezone()
        age = f"{began:%H:%M}" if began.date() == now.astimezone().date() else since(row.last, now)
        return ((SIGNS[outcome.value], outcome.value), (right(age, room - 1), "muted"))
    word = f"{SIGNS[outcome.value]} {outcome_word(outcome)}"
    age = since(row.last, now)
    if cells(word) + 1 + cells(age) > room:
        return ((left(word, room), outcome.value),)
    if (row.unusual or row.slow) and cells(word) + 3 + cells(age) <= room:
        remark = f" {symbols.WARNINGS}"
        return (
            (word, outcome.value),
            (remark, "warnings"),
            (right(age, room - cells(word) - cells(remark)), "muted"),
        )
    return ((word, outcome.value), (right(age, room - cells(word)), "muted"))


def state_words(row: ServerRow) -> tuple[str, ...]:
    """The states of a server in the words of its line and of the bar."""
    if row.run:
        now = _("waiting") if row.run.waiting else _("running")
    else:
        now = outcome_word(row.last.outcome) if row.last else ""
    return (now, *(state_word(standing.state) for standing in row.clocks))


def since(last: LastRun, now: datetime) -> str:
    """How many calendar days ago a run began: "today", "9d"."""
    number = (now.astimezone().date() - last.started.astimezone().date()).days
    return days(number) if number > 0 else _("today")


def run_words(face: RunFace, room: int) -> str:
    """What an active run is doing, in at most `room` cells: "step 2 of 4  61%", "61%", "waiting: no slot"."""
    if room < _BRIEF:
        at = face.view.current
        done = percent(face.view)
        return "" if face.waiting or at is None else f"{at.step.number}/4" if done is None else f"{done}%"
    if face.waiting:
        why = {
            "slot": _("waiting: no slot"),
            "needs": _("waiting: needs"),
            "ledger": _("waiting: ledger"),
        }.get(face.view.waiting, _("waiting"))
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
    """How much of the current step is done, by bytes if their total is known, else by items."""
    progress = view.current.progress if view.current else None
    if progress is None:
        return None
    if progress.bytes_total:
        return min(100, progress.bytes * 100 // progress.bytes_total)
    if progress.items_total:
        return min(100, progress.items * 100 // progress.items_total)
    return None


def took(row: ServerRow, now: datetime) -> str:
    """How long the last run took, or the active one has taken so far; "–" if there is none."""
    if row.run:
        started = next((step.started for step in row.run.view.steps.values() if step.started), "")
        if not started:
            return symbols.NOTHING
        return duration((now - datetime.fromisoformat(started)).total_seconds())
    return duration(row.last.seconds) if row.last else symbols.NOTHING
