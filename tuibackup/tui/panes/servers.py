"""Pane 1: the servers. Rows keep their places under the cursor; they are sorted at opening and when asked to."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from tuibackup.overview.picture import Picture, Rows, ServerRow
from tuibackup.sop import State
from tuibackup.tui import symbols
from tuibackup.tui.lines import Kept, Line, cut, rule, width, wrapped
from tuibackup.tui.panes.pane import Pane
from tuibackup.tui.panes.serverline import Columns, columns, heading, server_line, state_words
from tuibackup.words import _, joined, ngettext

T = TypeVar("T")

WEEKS_FROM = 110  # columns from which on the history strip is shown; beside other panes always


class ServersPane(Pane):
    """The table of servers: a cursor, marks, a filter."""

    number = 1
    can_filter = True

    def __init__(self, *, divided: bool = False) -> None:
        super().__init__()
        self.order: list[str] = []
        self.marks: frozenset[str] = frozenset()
        self.cursor = ""  # name of the server under the cursor
        self._expected = ""  # the cursor goes there as soon as it is known
        self.sorted = False  # whether the order is still the one that sorting made
        self.divided = divided  # whether a line at the right end parts it from other panes
        self._worked_out: dict[object, Any] = {}  # from the rows and the order
        self._kept = Kept()

    def _once(self, what: object, work: Callable[[], T]) -> T:
        """What follows from hundreds of rows is worked out once, not at every key and picture."""
        if what not in self._worked_out:
            self._worked_out[what] = work()
        found: T = self._worked_out[what]
        return found

    def take(self, picture: Picture) -> None:
        if picture.rows is not self.rows:
            self._worked_out.clear()
        known = picture.rows.by_name.keys()
        if not self.order or (not self.sorted and picture.complete):
            self._sort(picture)
            self.sorted = picture.complete
        elif known != set(self.order):
            self.order = [name for name in self.order if name in known] + sorted(known - set(self.order))
            self._worked_out.clear()
        self.marks &= known
        if self._expected in known:
            self.cursor, self._expected = self._expected, ""
            if self.cursor not in self.shown:
                self.filter = ""
        if self.cursor not in known:
            self.cursor = self.order[0] if self.order else ""
        super().take(picture)

    def sort(self) -> None:
        """Put the rows in order, worst first; the cursor stays on its server."""
        if self.picture:
            self._sort(self.picture)
            self.redraw()

    def _sort(self, picture: Picture) -> None:
        self._worked_out.clear()
        first = not self.order or not self.sorted
        self.order = [row.name for row in picture.rows.worst_first]
        if first and self.order:
            self.cursor = self.order[0]

    @property
    def rows(self) -> Rows | None:
        """The rows of the picture that is shown."""
        return self.picture.rows if self.picture else None

    @property
    def shown(self) -> list[str]:
        """The names that pass the filter, in their order."""
        return self._once(("shown", self.filter), self._fitting) if self.picture else []

    @property
    def chosen(self) -> str:
        """The server under the cursor, if the filter shows it: actions are about nothing that nobody sees."""
        return self.cursor if self.cursor in self.shown else ""

    @property
    def hidden_marks(self) -> list[str]:
        """The marked servers that the filter hides."""
        shown = frozenset(self.shown)
        return [name for name in self.order if name in self.marks and name not in shown]

    def _fitting(self) -> list[str]:
        assert self.picture
        rows = self.picture.rows.by_name
        return [name for name in self.order if name in rows and _fits(rows[name], self.filter.casefold())]

    def move(self, by: int) -> None:
        names = self.shown
        if names:
            at = names.index(self.cursor) if self.cursor in names else 0
            self.go(names[max(0, min(len(names) - 1, at + by))])

    def pick(self, line: int) -> None:
        names = self.shown[self.top :]
        if 0 <= line - 2 < len(names):
            self.go(names[line - 2])

    def go(self, name: str) -> None:
        """Put the cursor on a server."""
        if name != self.cursor:
            self.cursor = name
            self.redraw()
            self.changed()

    def expect(self, name: str) -> None:
        """Put the cursor on a server that comes with the next configuration; a filter that hides it goes."""
        self._expected = name
        if self.picture:  # it may have come already
            self.take(self.picture)
            self.changed()

    def mark(self, names: Iterable[str]) -> None:
        """Change the marks of these servers: all get one; if all have one, all lose it."""
        chosen = frozenset(names)
        self.marks = self.marks - chosen if chosen <= self.marks else self.marks | chosen
        self.redraw()
        self.changed()

    def late(self) -> frozenset[str]:
        """The servers with a clock that is overdue or has never run, of those that the filter shows."""
        return self._once(("late", self.filter), lambda: self._standing(State.OVERDUE, State.NEVER))

    def due(self) -> frozenset[str]:
        """These, and the servers with a clock that is due: those that `run --due` would back up."""
        states = (State.OVERDUE, State.NEVER, State.DUE)
        return self._once(("due", self.filter), lambda: self._standing(*states))

    def _standing(self, *states: State) -> frozenset[str]:
        return self.picture.rows.standing(*states) & frozenset(self.shown) if self.picture else frozenset()

    def set_filter(self, text: str) -> None:
        self.filter = text
        names = self.shown
        if names and self.cursor not in names:
            self.cursor = names[0]
        super().set_filter(text)

    def draw(self, picture: Picture) -> tuple[list[Line], int | None]:
        room = self.size.width - (1 if self.divided else 0)
        names = self.shown
        rows = max(0, self.size.height - 2)
        at = names.index(self.cursor) if self.cursor in names else None
        self._keep_in_sight(at, rows, len(names))
        table = self._once(
            ("columns", room, self.divided),
            lambda: columns(
                room - (1 if self.divided else 0),
                picture.rows,
                weeks=self.divided or room >= WEEKS_FROM,
            ),
        )
        lines = [rule(1, _("SERVERS"), self._title(picture, names, rows), room, active=self.has_focus)]
        if not picture.rows:
            lines += _none_configured(room, picture.source)
        else:
            sop = picture.sop
            titles = heading(table, sop.files_within, sop.databases_within, picture.drill_within)
            lines.append(titles)
            lines += self._kept.lines(
                self._line(picture.rows.by_name[name], table, picture.now)
                for name in names[self.top : self.top + rows]
            )
        if self.divided:
            lines = _divided(lines, room, self.size.height)
        return lines, None if at is None else 2 + at - self.top

    def _line(
        self, row: ServerRow, table: Columns, now: datetime
    ) -> tuple[object, tuple[object, ...], Callable[[], Line]]:
        """The row's line for `Kept`: how long a run takes is told in seconds, ages in days."""
        marked = row.name in self.marks
        moment = now.replace(microsecond=0) if row.run else now.astimezone().date()
        return (
            row.name,
            (row, table, marked, moment),
            lambda: server_line(row, table, now, marked=marked),
        )

    def _order_word(self, picture: Picture) -> str:
        if len(self.order) < 2:
            return ""
        names = self._once("worst first", lambda: [row.name for row in picture.rows.worst_first])
        sorted_now = names == self.order
        return _(", worst first") if sorted_now else _(", s sorts them")

    def _keep_in_sight(self, at: int | None, rows: int, total: int) -> None:
        if at is not None:
            self.top = min(max(self.top, at - rows + 1), at)
        self.top = max(0, min(self.top, total - rows))

    def _title(self, picture: Picture, names: list[str], rows: int) -> str:
        total = len(picture.rows)
        parts = []
        if self.marks:
            hidden = len(self.hidden_marks)
            text = _("{count} marked, {hidden} of them hidden") if hidden else _("{count} marked")
            parts.append(text.format(count=len(self.marks), hidden=hidden))
        if self.filter:
            parts.append(
                _("{some} of {all} /{filter}").format(some=len(names), all=total, filter=self.filter)
            )
        elif total:
            parts.append(
                ngettext("{count} server", "{count} servers", total).format(count=total)
                + self._order_word(picture)
            )
        if len(names) > rows > 0:
            parts.append(f"{self.top + 1}{symbols.NOTHING}{min(self.top + rows, len(names))}")
        return joined(" · ", parts)


def _fits(row: ServerRow, wanted: str) -> bool:
    """Whether a part of the name or label is `wanted`, or how a state begins: "due" is not found in "OVERDUE"."""
    return any(wanted in text.casefold() for text in (row.name, row.label)) or any(
        word.casefold().startswith(wanted) for word in state_words(row)
    )


def _none_configured(room: int, source: str) -> list[Line]:
    text = _(
        "No server is configured yet. Press a to add one: it asks, tries every answer, and writes {file}."
        " In a plain terminal: tuibackup add."
    ).format(file=source)
    return [(), *(((" ", ""), *line) for line in wrapped(text, room - 2, 6))]


def _divided(lines: list[Line], room: int, height: int) -> list[Line]:
    """The lines with a bar at their right end, down to the pane's foot."""
    full: list[Line] = []
    for y in range(height):
        line = cut(lines[y], room) if y < len(lines) else ()
        end = symbols.TEE_DOWN if y == 0 else symbols.BAR
        full.append((*line, (" " * (room - width(line)), ""), (end, "rule")))
    return full
