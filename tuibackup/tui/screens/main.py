"""The main screen: four panes, the bar above, the keys below. It holds where the cursor is; the picture comes in.

What an action does to a pane or opens as a dialog is here; what reaches runs and processes is in `app`.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Protocol, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Input

from tuibackup.config import Config
from tuibackup.overview.gather import Wish
from tuibackup.overview.picture import Picture, ServerRow
from tuibackup.tui import actions
from tuibackup.tui.field import Field
from tuibackup.tui.lines import COMPONENTS, Line, Lines, plain, wrapped
from tuibackup.tui.panes.bar import Bar, Keys
from tuibackup.tui.panes.dump import DumpPane
from tuibackup.tui.panes.jobs import Jobs
from tuibackup.tui.panes.log import LogPane
from tuibackup.tui.panes.pane import Pane
from tuibackup.tui.panes.serverline import least_room, whole_room
from tuibackup.tui.panes.servers import ServersPane
from tuibackup.tui.panes.steps import StepsPane
from tuibackup.tui.private import DrawnOnce
from tuibackup.tui.screens.choose import Choice, Choose
from tuibackup.tui.screens.dialog import Text
from tuibackup.tui.screens.help import help_lines
from tuibackup.tui.themes import Themes
from tuibackup.words import _

LEAST = (60, 16)  # below: one line that says what is needed
SMALL = (80, 24)  # below: one pane at a time
WIDE = 110  # columns from which on dump and log stand side by side
LARGE = (132, 36)
RUN_LEAST = 46  # columns that a run needs beside the servers
_THEME = "theme:"  # in front of a theme's name in the palette


def layout_for(width: int, height: int, rows: Iterable[ServerRow] = ()) -> str:
    """The layout for a terminal's size: tiny, single, small, wide or large.

    Nothing stands beside the servers before their pane has room for the whole names of `rows`.
    """
    if width < LEAST[0] or height < LEAST[1]:
        return "tiny"
    if width < SMALL[0] or height < SMALL[1]:
        return "single"
    if width >= max(LARGE[0], servers_width(width, rows) + RUN_LEAST) and height >= LARGE[1]:
        return "large"
    return "wide" if width >= WIDE else "small"


def servers_width(width: int, rows: Iterable[ServerRow]) -> int:
    """Columns of the servers' pane when others are beside it, with the line at its right end."""
    rows = tuple(rows)
    return max(width * 9 // 14, least_room(rows) + 2, min(whole_room(rows) + 2, width - RUN_LEAST))


class Cockpit(Protocol):
    """The part of the app that this screen knows; starting runs is the app's own work."""

    config: Config
    themes: Themes
    starting: bool  # whether a request still asks its questions

    @property
    def situation(self) -> actions.Situation:
        """What decides which actions can be used now, on whichever screen."""

    def wake(self) -> None:
        """Get the next picture now."""

    def action_act(self, name: str) -> None:
        """Carry out an action of the registry, or say why not."""


class MainScreen(DrawnOnce, Screen[None], inherit_bindings=False):
    """The one screen; every binding goes through the registry of actions."""

    CSS_PATH = "main.tcss"
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        # Priority: the app itself carries them out in the order of the keys. Given to the focused widget they would
        # be late, and what was typed ahead on a slow line ("/dns") would come in as commands.
        Binding(",".join(action.keys), f"app.act('{action.id}')", show=False, id=action.id, priority=True)
        for action in actions.ACTIONS
        if not action.anywhere
    ]
    BINDINGS.append(Binding("escape", "clear_filter", show=False, priority=True))

    def __init__(self, picture: Picture, keymap: Mapping[str, str], *, read_only: bool) -> None:
        super().__init__()
        self.picture = picture
        self.keymap = keymap
        self.read_only = read_only
        self.layout_name = ""
        self._servers_width = 0  # of their pane in the large layout
        self.number = 1  # of the focused pane
        self._ready = False
        self.bar = Bar("bar")
        self.body = Container(id="body")
        self.small = Lines("small")
        self.field = Field(name="filter")
        self.field.display = False
        self.keys = Keys("keys")
        self.jobs = Jobs("jobs")
        self.jobs.display = False
        self.servers = ServersPane()
        self.steps = StepsPane()
        self.dump = DumpPane()
        self.log_pane = LogPane()
        for pane in self.panes:
            pane.changed = self._pane_changed

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    @property
    def panes(self) -> tuple[Pane, ...]:
        return (self.servers, self.steps, self.dump, self.log_pane)

    def compose(self) -> ComposeResult:
        self._name_layout()  # before there are widgets whose styles depend on it
        yield self.bar
        with self.body:
            yield from self.panes
        yield self.small
        yield self.jobs
        yield self.field
        yield self.keys

    def on_mount(self) -> None:
        self._ready = True
        self.servers.focus()
        self._arrange()
        self._show()

    # The picture and where the cursor is

    def take(self, picture: Picture) -> None:
        """Show a newer picture everywhere; while a dialog is open, once it is closed.

        What moves below a dialog says nothing to somebody who reads it, and costs bytes on a slow line.
        """
        self.picture = picture
        if self._ready and self.app.screen is self:  # else on_mount shows the newest
            self._show()

    def on_screen_resume(self) -> None:
        if self._ready:
            self._show()

    def _show(self) -> None:
        picture = self.picture
        if picture.rows is not self.servers.rows:
            self._lay_out()
        self.bar.take(picture)
        before = self.servers.cursor
        self.servers.take(picture)
        if self.servers.cursor != before:
            self.cockpit.wake()  # the run of another server is wanted
        self.steps.server = self.dump.server = self.servers.chosen
        for pane in (self.steps, self.dump, self.log_pane):
            pane.take(picture)
        self.jobs.take(picture)
        self._hint()

    @property
    def wish(self) -> Wish:
        """What the next picture must contain."""
        return Wish(self.servers.cursor, self.log_pane.filter)

    @property
    def situation(self) -> actions.Situation:
        return actions.Situation(
            self.picture,
            self.number,
            self.picture.row(self.servers.chosen),
            filtered=bool(self.servers.filter),
            marked=len(self.servers.marks),
            late=len(self.servers.late()),
            due=len(self.servers.due()),
            entry=self.log_pane.chosen is not None,
            read_only=self.read_only,
            started=self.cockpit.starting,
            output=self._output,
        )

    @property
    def _output(self) -> str:
        """The run or job of the log entry under the cursor; else the newest run of the server under it."""
        if self.number == 4:
            return self.log_pane.chosen.run if self.log_pane.chosen else ""
        face, row = self.picture.face(self.servers.chosen), self.picture.row(self.servers.chosen)
        return face.view.run if face else row.last.run if row and row.last else ""

    def _pane_changed(self) -> None:
        self.steps.server = self.dump.server = self.servers.chosen
        self.steps.top = self.dump.top = 0
        self.steps.redraw()
        self.dump.redraw()
        self._hint()
        self.cockpit.wake()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click may have moved the focus."""
        if isinstance(event.widget, Pane) and event.widget.number != self.number:
            self.number = event.widget.number
            self._hint()

    def _hint(self) -> None:
        self.keys.hint(actions.hints(self.situation, self.keymap))

    def tell(self, text: str) -> None:
        """Say something in the bottom line until the next key."""
        self.keys.tell(text)

    # Layout

    def on_resize(self) -> None:
        self._lay_out()
        width, height = self.app.size
        text = _("tuibackup needs {columns}x{lines}; this is {width}x{height}").format(
            columns=LEAST[0], lines=LEAST[1], width=width, height=height
        )
        self.small.show([((text, "notice"),)])

    def _lay_out(self) -> None:
        """Choose the layout, and in the large one how wide the servers' pane is."""
        changed = self._name_layout()
        width = self.app.size.width
        servers = servers_width(width, self.picture.rows) if self.layout_name == "large" else 0
        if servers != self._servers_width:
            self._servers_width = servers
            if servers:
                self.body.styles.grid_columns = f"{servers} 1fr"
            else:
                self.body.styles.clear_rule("grid_columns")
        if changed:
            self._arrange()

    def _name_layout(self) -> bool:
        """Take the name of the layout as a class; whether it is another."""
        name = layout_for(*self.app.size, self.picture.rows)
        if name == self.layout_name:
            return False
        for known in ("tiny", "single", "small", "wide", "large"):
            self.set_class(known == name, f"-{known}", update=self._ready)
        self.layout_name = name
        return True

    def _arrange(self) -> None:
        """The visible panes: all; dump and log share a place when small; only the focused one in the single layout."""
        together = self.layout_name == "small"
        for pane in self.panes:
            hidden = self.layout_name == "single" and pane.number != self.number
            if together and pane.number in (3, 4):
                hidden = pane.number != (4 if self.number == 4 else 3 if self.number == 3 else self._shared)
            pane.display = not hidden
        if self.number in (3, 4):
            self._shared = self.number
        self.dump.tab = self.log_pane.tab = together
        self.servers.divided = self.layout_name == "large"
        self.call_after_refresh(self._joined)

    _shared = 3  # which of dump and log is seen where they share a place

    def _joined(self) -> None:
        divided = self.servers.divided
        self.log_pane.junction = self.servers.size.width - 1 if divided else None
        for pane in self.panes:
            pane.redraw()

    def go_to(self, number: int) -> None:
        """Focus a pane."""
        self.number = number
        self._arrange()
        self._show_field(False)
        self._hint()

    @property
    def pane(self) -> Pane:
        return self.panes[self.number - 1]

    # Actions of the registry, by their ids

    def do_up(self) -> None:
        self.pane.move(-1)

    def do_down(self) -> None:
        self.pane.move(1)

    def do_page_up(self) -> None:
        self.pane.move(-self.pane.page())

    def do_page_down(self) -> None:
        self.pane.move(self.pane.page())

    def do_top(self) -> None:
        self.pane.move(-(10**6))

    def do_bottom(self) -> None:
        self.pane.move(10**6)

    def do_next_pane(self) -> None:
        self.go_to(self.number % 4 + 1)

    def do_previous_pane(self) -> None:
        self.go_to((self.number - 2) % 4 + 1)

    def do_pane_1(self) -> None:
        self.go_to(1)

    def do_pane_2(self) -> None:
        self.go_to(2)

    def do_pane_3(self) -> None:
        self.go_to(3)

    def do_pane_4(self) -> None:
        self.go_to(4)

    def do_mark(self) -> None:
        self.servers.mark([self.servers.chosen])
        self.servers.move(1)

    def do_mark_overdue(self) -> None:
        self.servers.mark(self.servers.late())

    def do_mark_due(self) -> None:
        self.servers.mark(self.servers.due())

    def do_sort(self) -> None:
        self.servers.sort()

    def do_next_run(self) -> None:
        self._to_run(1)

    def do_previous_run(self) -> None:
        self._to_run(-1)

    def _to_run(self, by: int) -> None:
        names = self.servers.shown
        running = [name for name in names if (row := self.picture.row(name)) and row.run]
        if not running:
            self.tell(_("the filter hides the runs under way"))
            return
        at = names.index(self.servers.cursor) if self.servers.cursor in names else 0
        ahead = [name for name in running if (names.index(name) - at) * by > 0]
        ahead.sort(key=lambda name: abs(names.index(name) - at))
        self.servers.go(ahead[0] if ahead else running[0 if by > 0 else -1])

    def do_filter(self) -> None:
        self.field.value, self.field.placeholder = self.pane.filter, self.pane.hint
        self._filtered_pane = self.pane
        self._show_field(True)

    _filtered_pane: Pane | None = None

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._filtered_pane and self._filtered_pane.filter != event.value.strip():
            self._filtered_pane.set_filter(event.value.strip())

    @property
    def filtering(self) -> bool:
        """Whether a filter is being typed: letters are text then, and no actions."""
        return bool(self.field.display)

    def _show_field(self, shown: bool) -> None:
        self.field.display = shown
        self.keys.display = not shown
        self.set_focus(self.field if shown else self.pane)

    def end_filter(self) -> None:
        """Leave the field; the filter stays."""
        self._show_field(False)

    def action_clear_filter(self) -> None:
        """`esc` clears the filter, in the field and on the screen, so that nobody must delete it letter by letter."""
        if self.pane.filter:
            self.field.value = ""
            self.pane.set_filter("")
        if self.filtering:
            self.end_filter()

    def do_copy(self) -> None:
        """Show the whole row as text that a terminal can select, and copy it if the terminal allows that."""
        pane = self.pane if self.number == 4 else self.servers
        lines, cursor = pane.draw(self.picture)
        seen = cursor is not None and cursor < len(lines)  # a pane too small for rows shows none
        row = plain(lines[cursor or 0]).strip(" │") if seen else ""
        if self.number == 4 and (entry := self.log_pane.chosen):
            row = f"{entry.time.isoformat()} {entry.server} {entry.kind} {entry.outcome} {entry.detail} {entry.who}"
        elif (face := self.picture.face(self.servers.cursor)) and face.view.finished:
            row += f"\n{face.view.finished.error}" if face.view.finished.error else ""
        self.app.copy_to_clipboard(row)

        def shown(room: int) -> list[Line]:
            return [line for part in row.split("\n") for line in wrapped(part, room, 12)]

        self.app.push_screen(Text(_("copied, as far as your terminal allows it (OSC 52)"), shown))

    def do_help(self) -> None:
        situation = self.cockpit.situation
        title = _("help: {pane}").format(pane=_(actions.PANES[situation.pane]))
        self.app.push_screen(Text(title, lambda room: help_lines(situation, self.keymap, room)))

    def do_palette(self) -> None:
        before = self.app.theme
        situation = self.situation
        choices = [
            Choice(
                action.id,
                f"{actions.label(action, situation)}",
                " ".join(actions.key_name(key) for key in actions.keys_of(action, self.keymap)),
                actions.reason(action, situation) or "",
            )
            for action in actions.offered(situation)
            if action.id != "palette"
        ]
        choices += [
            Choice(_THEME + name, _("theme {name}").format(name=name))
            for name in sorted(self.cockpit.themes.usable)
        ]

        def preview(chosen: str) -> None:
            theme = chosen.removeprefix(_THEME) if chosen.startswith(_THEME) else before
            if theme != self.app.theme:
                self.app.theme = theme

        def done(chosen: str | None) -> None:
            if chosen and chosen.startswith(_THEME):
                self.app.theme = chosen.removeprefix(_THEME)
                return
            preview("")
            if chosen:
                self.cockpit.action_act(chosen)

        self.app.push_screen(Choose(_("all actions"), choices, preview), done)
