"""Browses the snapshots of a server: one folder at a time, paged from the index; `R` restores what is marked.

`/` finds names anywhere in the snapshot: what was found is listed like a folder, and enter goes to where it lies.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType

from tuibackup.errors import TuibackupError
from tuibackup.jobs.browsing import Browsing
from tuibackup.overview.browse import About, Page, Row, SnapshotLine, parent_of, spec_of
from tuibackup.overview.picture import clock_word
from tuibackup.text import cells, count, printable, shorten, size, when
from tuibackup.tui import actions
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.held import Wait
from tuibackup.tui.lines import Line, cut, ends, left, right, wrapped
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.tui.screens.chosen import Chosen, last_part, restore_command
from tuibackup.tui.screens.dialog import Dialog, Seat, Text
from tuibackup.tui.screens.inside import about_lines, preview_lines
from tuibackup.tui.screens.typed import FindName
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.look_inside import Found

_MARGIN = 200  # rows that are read beyond those in sight, so that moving needs no reading


class Browse(Dialog[Chosen]):
    """Returns what is to be restored. Reading happens in a helper process, so that a silent disk keeps no key."""

    kind = "browse"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("browse")]
    wide = 130

    def __init__(
        self, server: str, browsing: Browsing, now: datetime, opened: Callable[[], None], spec: str = ""
    ) -> None:
        """`spec`: the snapshot to open at once; above it is the list. `opened` is told when it asks for that."""
        super().__init__()
        self._opened = opened
        self._server = server
        self._browsing = browsing
        self._wanted = spec
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
        self._wait: Wait | None = None  # for an answer that changes what keys act on
        self._found: Found | None = None  # what a search found, listed in place of the folder
        self._before_found = 0  # the cursor in the folder, before
        self.title_text = _("snapshots of {server}").format(server=printable(server))

    def on_mount(self) -> None:
        super().on_mount()
        self._read(partial(self._browsing.snapshots, self._server), self._take_snapshots)
        self._opened()

    # Reading

    def _read(self, ask: Callable[[], object], take: Callable[[object], None]) -> None:
        """Ask for what keys act on from then on: they wait for it, but for esc, which does without the answer."""
        self._wait = wait = cast("Seat", self.app).held.wait(self._gave_up)
        self._ask(ask, take, wait)

    def _ask(
        self, ask: Callable[[], object], take: Callable[[object], None], wait: Wait | None = None
    ) -> None:
        self._reading += 1
        self.run_worker(self._answer(ask, take, wait), group="read", name="read")
        self.set_timer(0.3, self.draw)

    async def _answer(
        self, ask: Callable[[], object], take: Callable[[object], None], wait: Wait | None
    ) -> None:
        held = cast("Seat", self.app).held
        failed = False
        try:
            answer = await asyncio.to_thread(ask)
        except TuibackupError as error:
            failed = True
            if wait is None or not wait.over:
                self._said = str(error)
        else:
            if wait is None or not wait.over:
                self._said = ""
                take(answer)
        finally:
            self._reading -= 1
            if wait is not None:
                self._wait = None if self._wait is wait else self._wait
                held.release(wait, failed=failed and not wait.over)
        if self.is_attached:
            self.draw()

    def _gave_up(self) -> None:
        """Esc came before the answer."""
        self._wait = None
        if self._snapshots is None or (self._snapshot is not None and self._page is None):
            self.action_close()
        else:
            self.draw()

    def _take_snapshots(self, answer: object) -> None:
        assert isinstance(answer, tuple)
        self._snapshots = answer
        wanted, self._wanted = self._wanted, ""
        if wanted:
            specs = [spec_of(self._server, one) for one in answer]
            if wanted in specs:
                self._cursor = specs.index(wanted)
                self.action_open()
            else:
                self._notice = _("{snapshot} is not there any more").format(snapshot=wanted)

    def _fetch(self, offset: int | None = None) -> None:
        """Read the rows around the cursor."""
        if self._snapshot is None:
            return
        start = max(0, (self._cursor if offset is None else offset) - _MARGIN)
        ask = partial(
            self._browsing.page, self._server, self._snapshot, self._path, start, self._rows + 2 * _MARGIN
        )
        self._read(ask, self._take_page)

    def _take_page(self, answer: object) -> None:
        assert isinstance(answer, Page)
        if answer.path != self._path or answer.snapshot != self._snapshot:
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
        elif self._wait is not None:
            self.foot.show([cut(((" " + _("reading … esc does without it"), "running"),), self.room)])

    @property
    def _rows(self) -> int:
        """Rows in sight, besides the two lines above them."""
        return max(1, self.most - 3)

    @property
    def _total(self) -> int:
        if self._snapshot is None:
            return len(self._snapshots or ())
        if self._found is not None:
            return len(self._found.rows)
        return self._page.total if self._page else 0

    def _row(self, number: int) -> Row | None:
        if self._found is not None:
            return self._found.rows[number] if number < len(self._found.rows) else None
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
            empty = _("this folder is empty")
            if self._snapshot is None:
                empty = _("there is no snapshot yet")
            elif self._found is not None:
                empty = (
                    _("nothing was found so far") if self._found.late else _("nothing has that in its name")
                )
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
            rows = self._found.rows if self._found else self._page.rows if self._page else ()
            shown = {row.path for row in rows}
            hidden = sum(1 for path in self._marks if path not in shown)
            words = (
                _("{number} marked, {hidden} of them elsewhere, {size}")
                if hidden
                else _("{number} marked, {size}")
            )
            end = words.format(
                number=count(marked), hidden=count(hidden), size=size(sum(self._marks.values()))
            )
        start = f"{clock_word(self._snapshot.clock)} {self._snapshot.name}  "
        place = printable(self._path.replace(b"\0", b".")) or _("all of it")
        if self._found is not None:
            place = _found_words(self._found)
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
            (self.key("browse-open"), _("go there") if self._found is not None else _("open"), True),
            (self.key("mark"), _("mark"), True),
            (self.key("browse-restore"), restore, True),
            (self.key("browse-find"), _("find"), True),
            (self.key("browse-preview"), _("preview"), True),
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
        if row and self._found is not None:
            ask = partial(self._browsing.locate, self._server, self._snapshot, row.path)
            self._read(ask, self._take_place)
        elif row and not row.opens:
            self.action_about()
        elif row:
            self._came_from.append((self._path, self._cursor))
            self._show(self._snapshot, row.path)

    def _take_place(self, answer: object) -> None:
        """Where something that was found lies."""
        assert isinstance(answer, tuple)
        if self._snapshot is not None:
            folder, number = answer
            self._came_from = self._came_from[:1]  # up goes to the folder above
            self._show(self._snapshot, folder, number)

    def action_up(self) -> None:
        if self._snapshot is None:
            return
        if self._found is not None:
            self._found, self._cursor = None, self._before_found
            self.draw()
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
        self._said, self._notice, self._found = "", "", None
        self._fetch()

    def action_mark(self) -> None:
        row = self._row(self._cursor) if self._snapshot else None
        if row:
            if self._marks.pop(row.path, None) is None:
                self._marks[row.path] = row.size or 0
                if row.opens and row.size is None and self._snapshot:
                    self._weigh(self._snapshot, row.path)
            self.action_go(1)

    def action_other(self, by: int) -> None:
        """Go to the same path in the nearest older or newer snapshot in which it differs."""
        if self._snapshot is None:
            return
        row = self._row(self._cursor)
        path = row.path if row else self._path
        ask = partial(self._browsing.other, self._server, self._snapshot, path, by)
        self._read(ask, self._take_other)

    def _take_other(self, answer: object) -> None:
        if answer is None:
            self._notice = _("no other version in that direction")
            return
        assert isinstance(answer, SnapshotLine)
        self._snapshot, self._page, self._found = answer, None, None
        self._fetch()

    def _weigh(self, snapshot: SnapshotLine, path: bytes) -> None:
        """How much lies below a folder that was marked."""

        def take(answer: object) -> None:
            assert isinstance(answer, int)
            if path in self._marks:
                self._marks[path] = answer

        self._ask(partial(self._browsing.amount, self._server, snapshot, path), take)

    def action_find(self) -> None:
        """Look for a name anywhere in the snapshot."""
        snapshot = self._snapshot
        if snapshot is None:
            self._notice = _("open a snapshot first: / finds names in it")
            self.draw()
            return

        def typed(words: str | None) -> None:
            if words:
                self._read(
                    partial(self._browsing.search, self._server, snapshot, words),
                    partial(self._take_found, snapshot),
                )

        self.app.push_screen(FindName(), typed)

    def _take_found(self, snapshot: SnapshotLine, answer: object) -> None:
        if self._snapshot is snapshot:
            if self._found is None:
                self._before_found = self._cursor
            self._found = cast("Found", answer)
            self._cursor = 0

    def action_about(self) -> None:
        """All that is known of the name under the cursor, and its versions."""
        row = self._row(self._cursor) if self._snapshot else None
        if row and self._snapshot:
            title = last_part(row)
            ask = partial(self._browsing.about, self._server, self._snapshot, row.path)

            def show(answer: object) -> None:
                assert isinstance(answer, About)
                self.app.push_screen(Text(title, partial(about_lines, answer, self._now)))

            self._read(ask, show)

    def action_preview(self) -> None:
        """The beginning of the file under the cursor."""
        row = self._row(self._cursor) if self._snapshot else None
        if row is None or self._snapshot is None or (row.opens and row.size is None):
            self._notice = _("a folder has no content of its own: enter opens it")
            self.draw()
            return
        title = last_part(row)

        def show(answer: object) -> None:
            self.app.push_screen(Text(title, partial(preview_lines, answer)))

        self._read(partial(self._browsing.preview, self._server, self._snapshot, row.path), show)

    def action_copy(self) -> None:
        """The command that restores what is marked, or what is under the cursor."""
        if (chosen := self._chosen()) is None:
            return
        self.app.copy_to_clipboard(restore_command(self._server, chosen))
        self._notice = _("copied: {command}").format(command=restore_command(self._server, chosen))
        self.draw()

    def _chosen(self) -> Chosen | None:
        """What is marked, or else what is under the cursor."""
        if self._snapshot is None:
            return Chosen(self._snapshots[self._cursor], ()) if self._snapshots and self._total else None
        row = self._row(self._cursor)
        paths = tuple(self._marks) or ((row.path,) if row else ())
        return Chosen(self._snapshot, paths) if paths else None

    def action_restore(self) -> None:
        if cast("Seat", self.app).read_only:
            self._notice = actions.read_only()
            self.draw()
        elif (chosen := self._chosen()) is not None:
            self.dismiss(chosen)

    def action_close(self) -> None:
        """`esc` goes up one folder, then to the list of snapshots, then closes."""
        if self._snapshot is None:
            self.dismiss(None)
        else:
            self.action_up()


def _found_words(found: "Found") -> str:
    number = count(len(found.rows))
    if found.late:
        return _(
            "{number} found; the time was over before all names were looked at: tuibackup find has more"
        ).format(number=number)
    words = _("{number} found, and more: say more of the name") if found.many else _("{number} found")
    return words.format(number=number)
