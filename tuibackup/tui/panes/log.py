"""Pane 4: the ledger, newest first; the filter is part of the query, so that a million entries cost nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tuibackup.overview.picture import LogRow, Picture, outcome_word
from tuibackup.sop import Outcome
from tuibackup.text import cells, count, duration, shorten, when
from tuibackup.tui import symbols
from tuibackup.tui.lines import Kept, Line, Span, cut, left, right, rule
from tuibackup.tui.panes.pane import Pane
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.words import _

PAGE = 500  # entries that are kept in the picture
_TIME = 12  # "21 Nov 16:02"
_WIDE = 100  # cells from which on the table shows who and how long
_WHO = 20
_BESIDE = 28  # cells of the heading that are the rule's and the title's
_DETAIL, _DETAIL_LEAST = (
    30,
    12,
)  # cells below which other columns give way to the detail, and at last the names


class LogPane(Pane):
    """The log's table. The cursor stays on its entry when newer ones come in above."""

    number = 4
    can_filter = True

    @property
    def hint(self) -> str:
        return _("text, server:NAME kind:run outcome:failed since:2026-11-01 until:7d")

    def __init__(self) -> None:
        super().__init__()
        self.sequence: int | None = None  # of the entry under the cursor; None: the newest
        self.tab = False
        self.junction: int | None = None  # column at which a dividing line of the panes above ends
        self._kept = Kept()
        self._widths: tuple[tuple[LogRow, ...], int, Widths] | None = None  # of which rows, in which room

    def move(self, by: int) -> None:
        rows = self.rows
        if rows:
            at = max(0, min(len(rows) - 1, self._at() + by))
            self.sequence = None if at == 0 else rows[at].sequence
            self.redraw()

    def pick(self, line: int) -> None:
        rows = self.rows[self.top :]
        if 0 <= line - 2 < len(rows):
            self.sequence = rows[line - 2].sequence
            self.redraw()

    @property
    def rows(self) -> tuple[LogRow, ...]:
        """The entries of the page for this filter; none until that page has come, rather than others."""
        return self.picture.log.rows if self.picture and self.picture.log.filter == self.filter else ()

    @property
    def chosen(self) -> LogRow | None:
        """The entry under the cursor."""
        return self.rows[self._at()] if self.rows else None

    def _at(self) -> int:
        if self.sequence is None:
            return 0
        return next((at for at, row in enumerate(self.rows) if row.sequence == self.sequence), 0)

    def draw(self, picture: Picture) -> tuple[list[Line], int | None]:
        room, height = self.size.width, max(0, self.size.height - 2)
        rows, at = self.rows, self._at()
        self.top = max(0, min(min(max(self.top, at - height + 1), at), len(rows) - height))
        title = f"3 {_('dump')} {symbols.RULE}{symbols.RULE} 4 {_('LOG')}" if self.tab else _("LOG")
        heading = rule(0 if self.tab else 4, title, self._title(picture, height), room, active=self.has_focus)
        if self.junction is not None:
            heading = _with_junction(heading, self.junction)
        table = self._table(rows, room)
        lines = [heading, _headings(table, room)]
        lines += self._kept.lines(
            _line(row, picture, room, table) for row in rows[self.top : self.top + height]
        )
        if not rows and picture.complete and picture.log.read:
            nothing = _("nothing fits the filter") if self.filter else _("nothing was done yet")
            lines.append((("  " + (_("searching…") if self._searching(picture) else nothing), "muted"),))
        return lines, 2 + at - self.top if rows and self.has_focus else None

    def _table(self, rows: tuple[LogRow, ...], room: int) -> "Widths":
        """See `widths`; worked out anew only for another page or another room."""
        if self._widths is None or self._widths[0] is not rows or self._widths[1] != room:
            self._widths = rows, room, widths(rows, room)
        return self._widths[2]

    def _title(self, picture: Picture, height: int) -> str:
        page, rows = picture.log, self.rows
        if self._searching(picture):
            found = f" {count(page.matching)}" if page.filter == self.filter and page.matching else ""
            return f"/{self.filter} · " + _("searching…") + found if self.filter else _("searching…")
        if self.filter:
            some = count(page.matching) + ("+" if page.more else "")
            return f"/{self.filter} · " + _("{some} of {all}").format(some=some, all=count(page.total))
        if not rows:
            return ""
        last = min(self.top + height, len(rows))
        seen = _("{first}–{last} of {all}").format(first=self.top + 1, last=last, all=count(page.matching))
        usual = _("newest first") + " · " + seen
        for state in (page.state.told(picture.now), page.state.told(picture.now, short=True)):
            if state and cells(state) + cells(usual) + _BESIDE < self.size.width:
                return f"{state} · {usual}"
        return usual

    def _searching(self, picture: Picture) -> bool:
        """Whether the page for this filter is not complete yet."""
        return picture.log.read and (picture.log.filter != self.filter or picture.log.searching)


def _with_junction(line: Line, column: int) -> Line:
    """The rule with a tee where the dividing line above meets it, unless the title stands there."""
    spans: list[Span] = []
    at = 0
    for text, style in line:
        inside = column - at
        at += cells(text)
        if 0 <= inside < len(text) and text[inside] == symbols.RULE:
            text = text[:inside] + symbols.TEE_UP + text[inside + 1 :]
        spans.append((text, style))
    return tuple(spans)


@dataclass(frozen=True, slots=True)
class Widths:
    """Cells of each column but the time and the detail; 0 for one without room, `outcome` 1: its sign alone."""

    server: int
    kind: int
    outcome: int
    who: int


def widths(rows: Iterable[LogRow], room: int) -> Widths:
    """How `room` cells are divided: names first, then a useful width for the detail, then the others."""
    outcome = 2 + max(cells(outcome_word(outcome)) for outcome in Outcome)
    names, people, kinds = 10, 8, 7
    for row in rows:
        names, people = max(names, cells(row.server)), max(people, min(_WHO, cells(row.who)))
        kinds = max(kinds, cells(_(row.kind)))
    names = max(names, 14) if room >= _WIDE else names
    found = Widths(names, 0, 1, 0)
    for tried, detail in (
        (Widths(names, max(8, kinds), outcome, people), _DETAIL if room >= _WIDE else room),
        (Widths(names, kinds, outcome, 0), _DETAIL),
        (Widths(names, 0, outcome, 0), _DETAIL_LEAST),
    ):
        if _detail(tried, room) >= detail:
            found = tried
            break
    short = max(0, _DETAIL_LEAST - _detail(found, room))
    return replace(found, server=max(6, found.server - short))


def _detail(table: Widths, room: int) -> int:
    """Cells that are left for the detail."""
    beside = (table.kind + 1 if table.kind else 0) + (table.who + 9 if table.who else 0)
    return room - (1 + _TIME + 1 + table.server + 1 + beside + table.outcome + 1 + 1)


def _headings(table: Widths, room: int) -> Line:
    server, kind, outcome, who = table.server, table.kind, table.outcome, table.who
    what = left(_("what"), kind) + " " if kind else ""
    ended = left(_("outcome") if outcome > 1 else "", outcome)
    start = f" {left(_('time'), _TIME)} {left(_('server'), server)} {what}{ended} {_('detail')}"
    end = f"{_('took')} {left(_('who'), who)}" if who else ""
    gap = room - cells(start) - cells(end) - 1
    return ((start + " " * gap + end if gap > 0 else start, "muted"),)


def _line(
    row: LogRow, picture: Picture, room: int, table: Widths
) -> tuple[object, tuple[object, ...], Callable[[], Line]]:
    """The entry's line for `Kept`."""
    made_of = (row, room, table, picture.now.astimezone().date())
    return row.sequence, made_of, lambda: log_line(row, picture, room, table)


def log_line(row: LogRow, picture: Picture, room: int, table: Widths) -> Line:
    """One entry; the detail takes what is left, and is cut before the names are."""
    server, kind, outcome, who = table.server, table.kind, table.outcome, table.who
    style = row.outcome if row.outcome in SIGNS else ""
    word = f"{SIGNS[row.outcome]} {outcome_word(Outcome(row.outcome))}" if style else row.outcome
    start: tuple[Span, ...] = (
        (f" {left(when(row.time, picture.now), _TIME)} ", "muted"),
        (left(row.server or symbols.NOTHING, server, middle=True) + " ", ""),
        (left(_(row.kind), kind) + " " if kind else "", "muted"),
        ((left(word, outcome) if outcome > 1 else SIGNS[row.outcome] if style else " ") + " ", style),
    )
    seconds = symbols.NOTHING if row.seconds is None else duration(row.seconds)
    end = f" {right(seconds, 7)} {left(row.who, who)}" if who else ""
    detail = row.detail if kind or row.kind == "run" else f"{_(row.kind)}: {row.detail}"
    rest = room - sum(cells(text) for text, _style in start) - cells(end) - 1
    return cut((*start, (left(shorten(detail, rest), max(0, rest)), ""), (end, "muted")), room)
