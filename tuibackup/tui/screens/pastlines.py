"""The lists of a server's page, a line each: snapshots, runs, notes. Pure functions of any width."""

from datetime import datetime

from tuibackup.overview.past import NoteLine, RunLine, SnapshotLine
from tuibackup.overview.picture import clock_word, days, outcome_word
from tuibackup.run.unusual import sentence, slow_sentence
from tuibackup.sop import Clock, Outcome
from tuibackup.text import cells, duration, shorten, size, when
from tuibackup.tui import symbols
from tuibackup.tui.lines import Line, cut, left, right
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.words import _, joined

_TIME, _SIZE, _AGE, _TOOK = 12, 9, 8, 7
_WIDE = 110  # cells from which on a line tells more


def snapshot_heading(room: int) -> Line:
    """The titles of the columns."""
    new, stored, verified = _("new"), _("stored"), _("verified")
    text = (
        f"  {left(_('snapshot'), _clock())} {left(_('time'), _TIME)}{right(_('size'), _SIZE)}{right(new, _SIZE)}"
        f"{right(stored, _SIZE)}  {left(_('outcome'), _outcome())} {left(verified, _AGE)}"
    )
    return cut(((text, "muted"),), room)


def snapshot_line(one: SnapshotLine, now: datetime, room: int, *, there: bool) -> Line:
    """`there`: whether it lies on the backup disk, as far as that is known."""
    state = one.outcome.value
    mark = (symbols.WARNINGS, "warnings") if one.unusual else (" ", "")
    new = symbols.NOTHING if one.new is None else size(one.new)
    checked = symbols.NOTHING
    if one.verified:
        age = (now.astimezone().date() - one.verified.astimezone().date()).days
        checked = days(age) if age > 0 else _("today")
    remark = ""
    if one.removed:
        remark = _("removed by a rule")
    elif not there:
        remark = _("not on the disk")
    elif one.held:
        remark = _(one.held)
    elif one.unusual:
        remark = sentence(one.clock, one.unusual[0]).partition(": ")[2]
    elif not one.good:
        remark = _("does not reset its clock")
    verified = left(checked if one.sound else f"{symbols.FAILED} {_('damaged')}", _AGE)
    return cut(
        (
            mark,
            (" " + left(clock_word(one.clock), _clock()) + " ", "muted" if one.removed or not there else ""),
            (left(when(one.started, now), _TIME), ""),
            (right(size(one.bytes), _SIZE) + right(new, _SIZE) + right(size(one.stored), _SIZE) + "  ", ""),
            (left(f"{SIGNS[state]} {outcome_word(one.outcome)}", _outcome()) + " ", state),
            (verified, "" if one.sound else "failed"),
            (
                f" {remark}" if remark else "",
                "failed" if not there else "muted" if one.removed or one.held else "warnings",
            ),
        ),
        room,
    )


def _clock() -> int:
    return max(cells(clock_word(clock)) for clock in Clock)


def _outcome() -> int:
    return 2 + max(cells(outcome_word(outcome)) for outcome in Outcome)


def run_heading(room: int) -> Line:
    """The titles of the columns."""
    who = f" {left(_('who'), 10)}" if room >= _WIDE else ""
    text = (
        f"  {left(_('time'), _TIME)} {left(_('outcome'), _outcome())}{right(_('took'), _TOOK)}{who}"
        f"  {left(_('what'), _what())} {_('detail')}"
    )
    return cut(((text, "muted"),), room)


def run_line(one: RunLine, now: datetime, room: int) -> Line:
    """One run; its detail is the error, else that a reason is missing, else what was unusual, else what it stored."""
    state = one.outcome.value
    who = f" {left(one.who, 10)}" if room >= _WIDE else ""
    both = len(one.clocks) == len(Clock)
    what = _("both") if both else next((clock_word(clock) for clock in one.clocks), symbols.NOTHING)
    mark = (symbols.WARNINGS, "warnings") if one.reason_missing or _odd(one) else (" ", "")
    detail, style = _detail(one)
    start: Line = (
        mark,
        (f" {left(when(one.started, now), _TIME)} ", ""),
        (left(f"{SIGNS[state]} {outcome_word(one.outcome)}", _outcome()), state),
        (right(duration(one.seconds), _TOOK) + who, "muted"),
        (f"  {left(what, _what())} ", ""),
    )
    rest = room - sum(cells(text) for text, _style in start)
    return cut((*start, (shorten(detail, max(1, rest)), style)), room)


def _what() -> int:
    return max(_clock(), cells(_("both")))


def _odd(one: RunLine) -> bool:
    return any(result.unusual for result in one.clocks.values())


def _detail(one: RunLine) -> tuple[str, str]:
    if one.error:
        return one.error, one.outcome.value
    if one.reason_missing:
        return _("reason missing: {what}").format(what=slow_sentence(one.slow[0])), "warnings"
    for clock, result in one.clocks.items():
        if result.unusual:
            return sentence(clock, result.unusual[0]), "warnings"
    return joined(" · ", (result.detail for result in one.clocks.values() if result.detail)), "muted"


def note_heading(room: int) -> Line:
    """The titles of the columns."""
    return cut(((f"  {left(_('time'), _TIME)} {left(_('who'), 10)} {_('note')}", "muted"),), room)


def note_line(one: NoteLine, now: datetime, room: int) -> Line:
    """One note; that of a run says of which."""
    about = f" ({_('run')} {one.run})" if one.run else ""
    return cut(
        (
            (f"  {left(when(one.time, now), _TIME)} {left(one.who, 10)} ", "muted"),
            (one.text, ""),
            (about, "muted"),
        ),
        room,
    )
