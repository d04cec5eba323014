"""The server's page (`enter`): how it stands, a year at a glance, and lists of snapshots, runs, needs, notes, set-up.

Everything on it comes from the picture and from the helpers of the desk, asked in threads: whoever hangs keeps no key.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Protocol, cast

from textual.binding import Binding, BindingType

from tuibackup.config import Server
from tuibackup.errors import TuibackupError
from tuibackup.overview.desk import Desk
from tuibackup.overview.past import PAGE, Listed, NoteLine, Past, RunLine, SnapshotLine
from tuibackup.overview.picture import (
    Picture,
    ServerRow,
    days,
    state_word,
)
from tuibackup.overview.rule_parts import in_a_line as in_a_line_of_five
from tuibackup.overview.rule_parts import lacking
from tuibackup.overview.unprotected import in_a_line
from tuibackup.run.journal.events import Slow
from tuibackup.run.journal.job_view import JobView
from tuibackup.sop import Outcome, Standing
from tuibackup.text import cells, count, shorten, size
from tuibackup.tui import actions, symbols
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.lines import Line, Span, cut, width, wrapped
from tuibackup.tui.panes.jobs import job_lines
from tuibackup.tui.panes.serverline import SIGNS, run_words
from tuibackup.tui.panes.year import year_lines
from tuibackup.tui.screens.copylines import copy_lines, missing_lines
from tuibackup.tui.screens.details import clock_lines, configured, field, run_details, standing_lines
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.tui.screens.pastlines import (
    note_heading,
    note_line,
    run_heading,
    run_line,
    snapshot_heading,
    snapshot_line,
)
from tuibackup.words import _, ngettext

TABS = ("snapshots", "runs", "newest", "notes", "set-up")
_LISTS = ("snapshots", "runs", "notes")
_LEAST_ROWS = 5  # of the list, however much there is to say above it


class Cockpit(Protocol):
    """The part of the app that this screen knows."""

    def action_act(self, name: str) -> None: ...


class ServerPage(Dialog[None]):
    """Follows the picture. `desk` answers what that does not hold."""

    kind = "server"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("server"),
        *(
            Binding(",".join(one.keys), f"app.act('{one.id}')", show=False, id=one.id, priority=True)
            for one in actions.ACTIONS
            if one.page
        ),
    ]
    wide = 150

    def __init__(
        self,
        server: Server,
        picture: Picture,
        desk: Desk,
        keymap: Mapping[str, str],
        situation: Callable[[], actions.Situation],
    ) -> None:
        """`situation`: that of the main screen, of which the page makes its own."""
        super().__init__()
        self.server = server
        self._picture = picture
        self._desk = desk
        self._keymap = keymap
        self._situation = situation
        self._past: Past | None = None
        self._there: frozenset[str] | None = None  # snapshots on the disk; None: not known
        self._fault = ""
        self._disk_fault = ""
        self._notice = ""
        self._at: dict[str, int] = dict.fromkeys(TABS, 0)  # the cursor of a list, the first line of a text
        self._read: tuple[ServerRow | None, int] | None = None  # what was known when the past was asked for
        self._reading: set[str] = set()
        row, face = self.row, picture.face(server.name)
        trouble = face is not None and (
            face.active or (face.view.finished and not _well(face.view.finished.outcome))
        )
        self.tab = "newest" if trouble or (row and row.last and not _well(row.last.outcome)) else "snapshots"

    # What is known

    @property
    def row(self) -> ServerRow | None:
        return self._picture.row(self.server.name)

    @property
    def _jobs(self) -> tuple[JobView, ...]:
        """The jobs under way, or just ended, that concern this server."""
        mine = (self.server.name, "")
        return tuple(job for job in self._picture.jobs if job.planned and job.planned.server in mine)

    @property
    def situation(self) -> actions.Situation:
        """That of this server alone, whatever is marked on the main screen."""
        line = self.snapshot
        there = line is not None and not line.removed
        return actions.of_page(
            self._situation(), self._picture, self.row, self.run, line.spec if line and there else ""
        )

    @property
    def snapshot(self) -> SnapshotLine | None:
        """The snapshot under the cursor, where these are shown."""
        line = self._listed("snapshots").at(self._at["snapshots"]) if self.tab == "snapshots" else None
        return line if isinstance(line, SnapshotLine) else None

    @property
    def run(self) -> str:
        """The id of the run under the cursor, else of the server's newest; "" for none."""
        line = self._listed("runs").at(self._at["runs"]) if self.tab == "runs" else None
        if isinstance(line, RunLine):
            return line.run
        face = self._picture.face(self.server.name)
        return face.view.run if face else self.row.last.run if self.row and self.row.last else ""

    @property
    def slow(self) -> tuple[Slow, ...]:
        """The slow steps of the run under the cursor whose reason is missing."""
        line = self._listed("runs").at(self._at["runs"])
        return line.slow if isinstance(line, RunLine) and line.reason_missing else ()

    def take(self, picture: Picture, server: Server) -> None:
        """Show a newer picture, and what is configured now; ask for the past again where something was recorded."""
        self._picture, self.server = picture, server
        if self.is_mounted:
            if self._read != self._mark():
                self.load()
            self.draw()

    def _mark(self) -> tuple[ServerRow | None, int]:
        mine = next((one.sequence for one in self._picture.log.rows if one.server == self.server.name), 0)
        return self.row, mine

    # Asking

    def on_mount(self) -> None:
        super().on_mount()
        self.load()

    def load(self) -> None:
        """Ask for everything anew."""
        self._read = self._mark()
        self._ask("past", partial(self._desk.past, self.server.name), self._take_past)
        self._ask("stored", partial(self._desk.stored, self.server.name), self._take_stored)

    def _ask(self, what: str, ask: Callable[[], Any], take: Callable[[Any], None]) -> None:
        if what in self._reading:
            return
        self._reading.add(what)
        self.run_worker(self._answer(what, ask, take), group=what, name=what)

    async def _answer(self, what: str, ask: Callable[[], Any], take: Callable[[Any], None]) -> None:
        fault = ""
        try:
            answer = await asyncio.to_thread(ask)
        except TuibackupError as error:
            fault = str(error)
        finally:
            self._reading.discard(what)
        if what == "stored":
            self._disk_fault = fault
        else:
            self._fault = fault
        if not fault:
            take(answer)
        if self.is_attached:
            self.draw()

    def _take_past(self, past: Past) -> None:
        self._past = past

    def _take_stored(self, specs: frozenset[str]) -> None:
        self._there = specs

    def _listed(self, name: str) -> Listed[Any]:
        return getattr(self._past, name) if self._past and name in _LISTS else Listed()

    def _more(self) -> None:
        """Ask for the page around the cursor, if that has not come."""
        listed, at = self._listed(self.tab), self._at[self.tab]
        if self.tab not in _LISTS or not listed.total or listed.at(at) is not None:
            return
        tab = cast("Any", self.tab)
        offset = max(0, at - PAGE // 2)
        self._ask(
            f"page {tab}", partial(self._desk.page, self.server.name, tab, offset), partial(self._put, tab)
        )

    def _put(self, tab: str, page: "Listed[Any]") -> None:
        if self._past:
            self._past = _with(self._past, tab, page)
            self._more()  # somebody went on meanwhile

    # What is shown

    def draw(self) -> None:
        self.title_text = self._title()
        super().draw()
        if self._notice:
            self.foot.show([cut(((f" {self._notice}", "notice"),), self.room)])

    def tell(self, text: str) -> None:
        """Say something in place of the keys, until the next key."""
        self._notice = text
        if self.is_mounted:
            self.draw()

    def _title(self) -> str:
        """The name and how the clocks stand; where there is no room for all, without the label, then shorter."""
        server, row = self.server, self.row
        clocks = (
            [(_("files"), row.files), (_("databases"), row.databases), (_("drill"), row.drill)] if row else []
        )
        long = [words for word, standing in clocks if (words := _clock_title(word, standing))]
        brief = {_("databases"): _("dbs")}
        short = [
            words
            for word, standing in clocks
            if (words := _clock_title(brief.get(word, word), standing, brief=True))
        ]
        named = f"{server.name} – {server.label}" if server.label else server.name
        titles = (
            " · ".join((name, *parts))
            for name, parts in ((named, long), (server.name, long), (server.name, short))
        )
        return next(
            (title for title in titles if cells(title) <= self.room - 2), shorten(named, self.room - 2)
        )

    def lines(self, room: int) -> list[Line]:
        head = self._head(room)
        head = head[: max(0, self.most - _LEAST_ROWS - 2)]
        tabs = self._tabs(room)
        rows = max(1, self.most - len(head) - 2)
        heading, body = self._body(room, rows)
        self._cursor_line = None
        if self.tab in _LISTS and body and self._listed(self.tab).total:
            self._cursor_line = len(head) + 2 + self._at[self.tab] - self._top
        filled = [*body, *[()] * (rows - len(body))]
        return [*head, tabs, heading, *filled]

    _cursor_line: int | None = None
    _top = 0  # the first line of the list in sight
    _rows = 1

    def at(self) -> int | None:
        return self._cursor_line

    def _head(self, room: int) -> list[Line]:
        row, lines = self.row, list[Line]()
        if row:
            if row.run:
                state = "waiting" if row.run.waiting else "running"
                lines.append(cut(((f"{SIGNS[state]} {run_words(row.run, room)}", state),), room))
            lines += job_lines(self._jobs, room)
            lines += standing_lines(row, self._picture.now, self._keymap, room)
        if self._fault:
            lines += wrapped(f"{symbols.FAILED} {self._fault}", room, 2, "failed")
        if self._past:
            lines += year_lines(self._past, room)
        if row and (row.coverage.unprotected or row.coverage.looked):
            style = "warnings" if row.coverage.unprotected else "muted"
            lines += field(_("unprotected"), in_a_line(row.coverage, self._picture.now), style, room, 2)
        if self._past and self._past.snapshots.total:
            lines += field(_("room"), self._room_words(self._past), "", room, 1)
        if self._past and self._past.rule:
            style = "muted" if all(not one.lacks for one in self._past.rule) else "warnings"
            lines += field("3-2-1-1-0", in_a_line_of_five(self._past.rule), style, room, 1)
        if self._past:
            lines += copy_lines(self._past.copies, self._there, self._picture.now, room)
        if self._disk_fault:
            lines += wrapped(f"{symbols.FAILED} {self._disk_fault}", room, 2, "failed")
        return lines

    def _room_words(self, past: Past) -> str:
        total = past.kept
        text = ngettext("{size} in {count} snapshot", "{size} in {count} snapshots", total)
        words = text.format(size=size(past.stored), count=count(total))
        if past.a_month is not None:
            words += ", " + _("{size} more a month").format(size=size(past.a_month))
        return words

    def _tabs(self, room: int) -> Line:
        names = {
            "snapshots": _("snapshots"),
            "runs": _("runs"),
            "newest": _("newest run"),
            "notes": _("notes"),
            "set-up": _("set-up"),
        }
        spans: list[Span] = []
        for counted in (True, False):  # the numbers are left out where there is no room for them
            spans = [(symbols.RULE, "rule")]
            for number, name in enumerate(TABS, 1):
                total = self._listed(name).total if counted else 0
                words = f"{names[name]} {count(total)}" if total else names[name]
                spans += [(f" {number} ", "key"), (f"{words} ", "title" if name == self.tab else "muted")]
                spans.append((symbols.RULE, "rule"))
            if width(spans) <= room:
                break
        return cut((*spans, (symbols.RULE * max(0, room - width(spans)), "rule")), room)

    def _body(self, room: int, rows: int) -> tuple[Line, list[Line]]:
        self._rows = rows
        if self.tab in _LISTS:
            return self._list(room, rows)
        made = self._set_up(room) if self.tab == "set-up" else self._newest(room)
        top = self._at[self.tab] = max(0, min(self._at[self.tab], len(made) - rows))
        self._top = top
        seen = f"{top + 1}–{min(top + rows, len(made))} / {len(made)}" if len(made) > rows else ""
        return ((seen, "muted"),), made[top : top + rows]

    def _set_up(self, room: int) -> list[Line]:
        lines = configured(self.server, room)
        for number, text in enumerate(lacking(self._past.rule) if self._past else ()):
            lines += field("3-2-1-1-0" if number == 0 else "", text, "warnings", room, 3)
        lines += missing_lines(self._past.copies, self._there, room) if self._past else []
        return [*lines, *clock_lines(self.row, self._picture.now, room)] if self.row else lines

    def _newest(self, room: int) -> list[Line]:
        face = self._picture.face(self.server.name)
        if face is None:
            return [((_("no run yet"), "muted"),)]
        return run_details(face, self._picture.now, room)

    def _list(self, room: int, rows: int) -> tuple[Line, list[Line]]:
        listed, now = self._listed(self.tab), self._picture.now
        heading, line = {
            "snapshots": (snapshot_heading(room), self._snapshot),
            "runs": (run_heading(room), lambda one, room: run_line(one, now, room)),
            "notes": (note_heading(room), lambda one, room: note_line(one, now, room)),
        }[self.tab]
        if self._past is None:
            words = "" if self._fault else _("reading the ledger")
            return heading, [((words, "muted"),)]
        if not listed.total:
            words = {
                "snapshots": _("there is no snapshot yet"),
                "runs": _("no run yet"),
                "notes": _("no note yet; {key} writes one").format(key=self._key("note")),
            }[self.tab]
            return heading, [((words, "muted"),)]
        at = self._at[self.tab] = max(0, min(self._at[self.tab], listed.total - 1))
        self._top = max(0, min(at - rows // 2, listed.total - rows))
        shown = (listed.at(number) for number in range(self._top, min(self._top + rows, listed.total)))
        return heading, [line(one, room) if one is not None else (("…", "muted"),) for one in shown]

    def _snapshot(self, one: SnapshotLine, room: int) -> Line:
        there = self._there is None or one.removed or one.spec in self._there
        return snapshot_line(one, self._picture.now, room, there=there)

    def _key(self, name: str) -> str:
        return actions.key_name(actions.keys_of(actions.BY_ID[name], self._keymap)[0])

    def hints(self) -> list[tuple[str, str, bool]]:
        opens = {"snapshots": _("browse"), "runs": _("output"), "notes": _("read"), "newest": _("output")}
        hints = [(self.key("page-open"), opens[self.tab], True)] if self.tab in opens else []
        return [*hints, *actions.page_hints(self.situation, self._keymap), ("esc", _("back"), True)]

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Every key takes the notice away."""
        self._notice = ""
        return True

    def action_go(self, by: int) -> None:
        at = self._at[self.tab] + by
        self._at[self.tab] = max(0, min(at, self._listed(self.tab).total - 1) if self.tab in _LISTS else at)
        self._more()
        self.draw()

    def action_page(self, by: int) -> None:
        self.action_go(by * max(1, self._rows - 1))

    def action_turn(self, by: int) -> None:
        self.action_show(TABS[(TABS.index(self.tab) + by) % len(TABS)])

    def action_show(self, name: str) -> None:
        self.tab = name
        self._more()
        self.draw()

    def action_open(self) -> None:
        """A snapshot is browsed, a run's output shown, a note read."""
        line = self._listed(self.tab).at(self._at[self.tab])
        if isinstance(line, SnapshotLine):
            cast("Cockpit", self.app).action_act("restore")
        elif isinstance(line, RunLine) or self.tab == "newest":
            cast("Cockpit", self.app).action_act("output")
        elif isinstance(line, NoteLine):
            from tuibackup.tui.screens.dialog import Text

            said, about = line.text, line.run
            self.app.push_screen(
                Text(
                    _("note of {who}").format(who=line.who),
                    lambda room: wrapped(f"{said}\n\n{about}" if about else said, room, 30),
                )
            )

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(f"{self.title_text}\n{self.body.whole}")
        self.tell(_("copied, as far as your terminal allows it (OSC 52)"))


def _well(outcome: Outcome) -> bool:
    return outcome is Outcome.DONE


def _clock_title(word: str, standing: Standing | None, *, brief: bool = False) -> str:
    """A clock's sign, name, state and age; `brief`: without the word for the state."""
    if standing is None:
        return ""
    age = "" if standing.age_days is None else " " + days(standing.age_days)
    if brief:
        return f"{SIGNS[standing.state.value]} {word}{age}"
    return f"{SIGNS[standing.state.value]} {word} {state_word(standing.state)}{age}"


def _with(past: Past, tab: str, page: "Listed[Any]") -> Past:
    from msgspec.structs import replace

    return replace(past, **{tab: page})
