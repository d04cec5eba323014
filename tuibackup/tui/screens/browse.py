"""Browses the snapshots of a server: one folder at a time, paged from the index; `R` restores what is marked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar, cast

from textual.binding import BindingType

from tuibackup.errors import TuibackupError
from tuibackup.overview.browse import Browser, Page, Row, SnapshotLine, parent_of, spec_of
from tuibackup.overview.picture import clock_word
from tuibackup.sop import Clock
from tuibackup.text import cells, count, printable, shorten, size, when
from tuibackup.tui import actions
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.lines import Line, cut, ends, left, right, wrapped
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.tui.screens.dialog import Dialog, Seat
from tuibackup.words import _, ngettext

_MARGIN = 200  # rows that are read beyond those in sight, so that moving needs no reading


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be restored: paths of a snapshot, or databases; none: all of it."""

    snapshot: SnapshotLine
    paths: tuple[bytes, ...]


class Browse(Dialog[Chosen]):
    """Returns what is to be restored. Reading happens in threads, so that a silent disk keeps no key."""

    kind = "browse"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("browse")]
    wide = 130

    def __init__(self, server: str, browser: Browser, now: datetime) -> None:
        super().__init__()
        self._server = server
        self._browser = browser
        self._now = now.astimezone()
        self._snapshots: tuple[SnapshotLine, ...] | None = None
        self._snapshot: SnapshotLine | None = None  # None: the list of snapshots is shown
        self._path = b""
        self._page: Page | None = None
        self._tops: tuple[bytes, ...] = ()
        self._cursor = 0
        self._marks: dict[bytes, int] = {}  # paths, with their bytes where known
        self._came_from: list[tuple[bytes, int]] = []  # folders above, with their cursors
        self._said = ""
        self._notice = ""  # in place of the keys, until the next one
        self._reading = 0  # questions under way
        self.title_text = _("snapshots of {server}").format(server=printable(server))

    def on_mount(self) -> None:
        super().on_mount()
        self._read(self._browser.snapshots, self._take_snapshots)

    def on_unmount(self) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._browser.close)

    # Reading

    def _read(self, ask: Callable[[], object], take: Callable[[object], None]) -> None:
        self._reading += 1
        self.run_worker(self._answer(ask, take), group="read", name="read")
        self.set_timer(0.3, self.draw)

    async def _answer(self, ask: Callable[[], object], take: Callable[[object], None]) -> None:
        try:
            answer = await asyncio.to_thread(ask)
        except TuibackupError as error:
            self._said = str(error)
        else:
            self._said = ""
            take(answer)
        finally:
            self._reading -= 1
        if self.is_attached:
            self.draw()

    def _take_snapshots(self, answer: object) -> None:
        assert isinstance(answer, tuple)
        self._snapshots = answer

    def _fetch(self, offset: int | None = None) -> None:
        """Read the rows around the cursor."""
        if self._snapshot is None:
            return
        start = max(0, (self._cursor if offset is None else offset) - _MARGIN)
        ask = partial(self._browser.page, self._snapshot, self._path, start, self._rows + 2 * _MARGIN)
        self._read(ask, self._take_page)

    def _take_page(self, answer: object) -> None:
        assert isinstance(answer, Page)
        if answer.path != self._path or answer.snapshot is not self._snapshot:
            return  # somebody went on meanwhile
        self._page = answer
        if not self._path:
            self._tops = tuple(row.path for row in answer.rows)
        self._cursor = max(0, min(self._cursor, answer.total - 1))

    # What is shown

    def draw(self) -> None:
        super().draw()
        if self._notice:
            self.foot.show([cut(((f" {self._notice}", "notice"),), self.room)])

    @property
    def _rows(self) -> int:
        """Rows in sight, besides the two lines above them."""
        return max(1, self.most - 3)

    @property
    def _total(self) -> int:
        if self._snapshot is None:
            return len(self._snapshots or ())
        return self._page.total if self._page else 0

    def _row(self, number: int) -> Row | None:
        page = self._page
        if page is None or not page.offset <= number < page.offset + len(page.rows):
            return None
        return page.rows[number - page.offset]

    def lines(self, room: int) -> list[Line]:
        head = self._head(room)
        if self._said:
            return [head, (), *wrapped(self._said, room, 6, "failed")]
        if self._snapshots is None or (self._snapshot is not None and self._page is None):
            words = _("reading …") if self._reading else ""
            return [head, (), ((words, "muted"),)]
        if not self._total:
            empty = _("there is no snapshot yet") if self._snapshot is None else _("this folder is empty")
            return [head, (), ((empty, "muted"),)]
        top = max(0, min(self._cursor - self._rows // 2, self._total - self._rows))
        shown = range(top, min(top + self._rows, self._total))
        self._at = 2 + self._cursor - top
        if self._snapshot is None:
            return [head, (), *(self._snapshot_line(number, room) for number in shown)]
        return [head, (), *(self._entry_line(number, room) for number in shown)]

    _at: int | None = None

    def at(self) -> int | None:
        return self._at if self._total and not self._said else None

    def _head(self, room: int) -> Line:
        if self._snapshot is None:
            return cut(((_("enter opens one; the newest first"), "muted"),), room)
        end = ""
        if marked := len(self._marks):
            words = _("{number} marked, {size}")
            end = words.format(number=count(marked), size=size(sum(self._marks.values())))
        start = f"{clock_word(self._snapshot.clock)} {self._snapshot.name}  "
        place = printable(self._path.replace(b"\0", b".")) or _("all of it")
        place = shorten(place, max(10, room - cells(start) - cells(end) - 2), middle=True)
        return ends(((start + place, "strong"),), ((end, "key"),), room)

    def _snapshot_line(self, number: int, room: int) -> Line:
        assert self._snapshots
        one = self._snapshots[number]
        state = one.outcome.value if one.outcome else "failed"
        return cut(
            (
                (f"{SIGNS[state]} ", state),
                (left(clock_word(one.clock), 11), ""),
                (left(when(one.started, self._now), 14), ""),
                (right(count(one.items), 10), ""),
                (right(size(one.bytes), 12) + "  ", ""),
                (_(state), state),
            ),
            room,
        )

    def _entry_line(self, number: int, room: int) -> Line:
        row = self._row(number)
        if row is None:
            return (("…", "muted"),)
        mark = "*" if row.path in self._marks else " "
        amount = "" if row.size is None else size(row.size)
        if row.rows is not None:
            amount = (
                ngettext("{count} row", "{count} rows", row.rows).format(count=count(row.rows))
                + "  "
                + right(amount, 9)
            )
        end = right(amount, 11)
        if row.time is not None and room >= 60:
            end += f"  {left(row.owner, 10)} {right(when(row.time, self._now), 12)}"
        name = row.words + ("/" if row.opens and row.rows is None else "")
        problem = f"  ▲ {row.problem}" if row.problem else ""
        names = max(10, room - 2 - cells(end))
        return cut(
            (
                (f"{mark} ", "key"),
                (left(name + problem, names, middle=not problem), "warnings" if problem else ""),
                (end, "muted"),
            ),
            room,
        )

    def hints(self) -> list[tuple[str, str, bool]]:
        if self._snapshot is None:
            return [
                (self.key("browse-open"), _("open"), True),
                (self.key("browse-restore"), _("restore all of it"), True),
                ("esc", _("close"), True),
            ]
        restore = _("restore marked") if self._marks else _("restore this")
        return [
            (self.key("browse-open"), _("open"), True),
            (self.key("mark"), _("mark"), True),
            (self.key("browse-restore"), restore, True),
            (f"{self.key('browse-older')} {self.key('browse-newer')}", _("other version"), True),
            (self.key("browse-up"), _("up"), True),
            ("esc", _("back"), True),
        ]

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Every key takes the notice away."""
        self._notice = ""
        return True

    def action_go(self, by: int) -> None:
        self._cursor = max(0, min(self._total - 1, self._cursor + by))
        if self._snapshot is not None and self._total and self._row(self._cursor) is None:
            self._fetch()
        self.draw()

    def action_page(self, by: int) -> None:
        self.action_go(by * self._rows)

    def action_open(self) -> None:
        if self._snapshot is None:
            if self._snapshots and self._total:
                self._came_from = [(b"", self._cursor)]
                self._show(self._snapshots[self._cursor], b"")
            return
        row = self._row(self._cursor)
        if row and row.opens:
            self._came_from.append((self._path, self._cursor))
            self._show(self._snapshot, row.path)

    def action_up(self) -> None:
        if self._snapshot is None:
            return
        if not self._path:
            self._back_to_snapshots()
            return
        path, cursor = parent_of(self._path, self._tops), 0
        if len(self._came_from) > 1:
            path, cursor = self._came_from.pop()
        self._show(self._snapshot, path, cursor)

    def _back_to_snapshots(self) -> None:
        cursor = self._came_from[0][1] if self._came_from else 0
        self._came_from, self._snapshot, self._page, self._path = [], None, None, b""
        self._marks.clear()
        self._cursor = cursor
        self._said = ""
        self.draw()

    def _show(self, snapshot: SnapshotLine, path: bytes, cursor: int = 0) -> None:
        self._snapshot, self._path, self._page, self._cursor = snapshot, path, None, cursor
        self._said = ""
        self._fetch()

    def action_mark(self) -> None:
        row = self._row(self._cursor) if self._snapshot else None
        if row:
            if self._marks.pop(row.path, None) is None:
                self._marks[row.path] = row.size or 0
            self.action_go(1)

    def action_other(self, by: int) -> None:
        """Go to the same path in the nearest older or newer snapshot in which it differs."""
        if self._snapshot is None:
            return
        row = self._row(self._cursor)
        path = row.path if row else self._path
        self._read(partial(self._browser.other, self._snapshot, path, by), self._take_other)

    def _take_other(self, answer: object) -> None:
        if answer is None:
            self._notice = _("no other version in that direction")
            return
        assert isinstance(answer, SnapshotLine)
        self._snapshot, self._page = answer, None
        self._fetch()

    def action_restore(self) -> None:
        if cast("Seat", self.app).read_only:
            self._notice = actions.read_only()
            self.draw()
            return
        if self._snapshot is None:
            if self._snapshots and self._total:
                self.dismiss(Chosen(self._snapshots[self._cursor], ()))
            return
        row = self._row(self._cursor)
        paths = tuple(self._marks) or ((row.path,) if row else ())
        if paths:
            self.dismiss(Chosen(self._snapshot, paths))

    def action_close(self) -> None:
        """`esc` goes up one folder, then to the list of snapshots, then closes."""
        if self._snapshot is None:
            self.dismiss(None)
        else:
            self.action_up()


def chosen_words(server: str, chosen: Chosen) -> str:
    """What is to be restored, in a few words."""
    spec = spec_of(server, chosen.snapshot)
    if not chosen.paths:
        return spec
    names = [printable(path.replace(b"\0", b".")) for path in chosen.paths]
    first = (
        names[0]
        if len(names) == 1
        else _("{name} and {number} more").format(name=names[0], number=len(names) - 1)
    )
    return f"{spec}: {first}"


def is_database(chosen: Chosen) -> bool:
    """Whether it is of a databases snapshot."""
    return chosen.snapshot.clock is Clock.DATABASES
