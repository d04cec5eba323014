"""The base of all dialogs: a box above the main screen, `esc` closes it, a line below shows its keys."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget

from tuibackup.text import shown
from tuibackup.tui import actions
from tuibackup.tui.dialog_actions import DIALOGS, bindings
from tuibackup.tui.field import Field
from tuibackup.tui.held import HeldKeys
from tuibackup.tui.lines import COMPONENTS, Line, Lines, plain, right, wrapped
from tuibackup.tui.panes.bar import keys_line
from tuibackup.tui.private import DrawnOnce
from tuibackup.words import _

Result = TypeVar("Result")
FRAME = 4  # columns of the frame and the space inside it; the lines above and below are two


class Body(Lines):
    """The lines of a dialog; as high as their number, and scrolled if the terminal has fewer."""

    def __init__(self, *, focusable: bool = True) -> None:
        super().__init__("body")
        self.can_focus = focusable
        self._all: list[Line] = []
        self._at: int | None = None
        self._top = 0
        self._rows = 0

    def fill(self, lines: Sequence[Line], most: int, at: int | None = None) -> None:
        """Show `lines` in at most `most` rows; `at` is the line of the cursor, which is kept in sight."""
        self._all, self._at = list(lines), at
        rows = max(1, min(len(self._all), most))
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows
        self.scroll(0)

    def scroll(self, by: int) -> None:
        rows = self._rows
        top = self._top + by
        if self._at is not None:
            top = min(max(top, self._at - rows + 1), self._at)
        self._top = max(0, min(top, len(self._all) - rows))
        cursor = None if self._at is None else self._at - self._top
        self.show(self._all[self._top : self._top + rows], cursor)

    @property
    def whole(self) -> str:
        """All lines as plain text."""
        return "\n".join(plain(line).rstrip() for line in self._all)

    @property
    def more(self) -> bool:
        """Whether not all lines fit."""
        return len(self._all) > self._rows

    @property
    def position(self) -> str:
        return f"{self._top + 1}–{self._top + self._rows} / {len(self._all)}"


class Seat(Protocol):
    """The part of the app that dialogs know."""

    read_only: bool
    held: HeldKeys

    @property
    def keymap(self) -> Mapping[str, str]:
        """The keys that config.toml gives to actions."""


def dialog_help(kind: str, keymap: Mapping[str, str], room: int) -> list[Line]:
    """What such a dialog is for, and each of its keys, in `room` cells."""
    lines: list[Line] = [*wrapped(_(DIALOGS[kind].about), room, 12), ()]
    for one in DIALOGS[kind].actions:
        keys = keymap[one.id].split(",") if one.id in keymap else one.keys
        text = wrapped(_(one.help), room - 17, 6)
        lines.append(
            ((right(" ".join(actions.key_name(key.strip()) for key in keys), 15) + "  ", "key"), *text[0])
        )
        lines += [((" " * 17, ""), *line) for line in text[1:]]
    return lines


class Dialog(DrawnOnce, ModalScreen[Result], inherit_bindings=False):
    """A box with a title, a body of lines, and its keys below. Subclasses say what is in it with `lines`."""

    # Priority, as on the main screen: keys are carried out in their order. What was typed after esc came to the closing
    # dialog otherwise, enter too.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False, priority=True),
        Binding("ctrl+c", "app.leaving", show=False, priority=True),
    ]
    CSS_PATH = Path(__file__).with_name("dialog.tcss")  # Textual looks beside the file of the subclass
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)
    kind = ""  # of `dialog_actions.DIALOGS`, from which the keys come
    wide = 78  # columns inside the frame, where the terminal has them
    title_text = ""
    focus_body = True  # False where a field among the `parts` has the focus
    reserved = 0  # lines that `parts` take

    def __init__(self) -> None:
        super().__init__()
        # Kept, not looked up: a picture may still come while the dialog closes.
        self.box = Vertical(id="dialog")
        self.body = Body(focusable=self.focus_body)
        self.foot = Lines("foot")
        self._drawn: tuple[int, str] | None = None

    def compose(self) -> ComposeResult:
        with self.box:
            yield self.body
            yield from self.parts()
            yield self.foot

    def parts(self) -> Iterable[Widget]:
        """Widgets between the body and the line of keys."""
        return ()

    def lines(self, room: int) -> list[Line]:
        """The body's lines in `room` cells."""
        raise NotImplementedError

    def at(self) -> int | None:
        """Which line the cursor is on."""
        return None

    def hints(self) -> list[tuple[str, str, bool]]:
        """(key, words, usable) for the line below."""
        return [("esc", _("close"), True)]

    @property
    def room(self) -> int:
        """Cells inside the frame."""
        return max(10, min(self.wide, self.app.size.width - FRAME))

    @property
    def most(self) -> int:
        """Lines that the body may have."""
        return max(1, self.app.size.height - 3 - self.reserved)

    def on_mount(self) -> None:
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        self.draw()

    def draw(self) -> None:
        """Draw everything anew."""
        drawn = (self.room, self.title_text)
        if drawn != self._drawn:  # the frame is drawn again whenever either is set
            self._drawn = drawn
            self.box.styles.width = self.room + FRAME
            # Not a plain string, in which Textual would look for markup.
            self.box.border_title = Content(shown(self.title_text))
        self.body.fill(self.lines(self.room), self.most, self.at())
        hints = self.hints()
        if self.body.more:
            hints.insert(0, (self.body.position, _("lines"), False))
        self.foot.show([keys_line(hints, self.room)])

    def key(self, action: str) -> str:
        """The key of an action of this kind of dialog, as people write it."""
        own = {one.id: one.keys for one in DIALOGS[self.kind].actions}
        keymap = cast("Seat", self.app).keymap
        return actions.key_name(keymap[action].split(",")[0].strip() if action in keymap else own[action][0])

    def action_help(self) -> None:
        """What this dialog is for, and its keys."""
        if self.kind:
            title = _("help: {pane}").format(pane=_(DIALOGS[self.kind].name))
            keymap = cast("Seat", self.app).keymap
            self.app.push_screen(Text(title, lambda room: dialog_help(self.kind, keymap, room)))

    def action_close(self) -> None:
        self.dismiss(None)

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close with `result`, once: a late result, such as a plan made after esc, must not close the screen below."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def on_key(self, event: events.Key) -> None:
        """Keys that are typed before the dialog's field has the focus go into the field."""
        field = next(iter(self.query(Field)), None)
        if field is not None and not field.has_focus and event.is_printable and event.character:
            event.stop()
            field.take(event.character)


class Planned(Dialog[Result]):
    """A dialog that shows the command which does the same; `y` copies it."""

    def __init__(self) -> None:
        super().__init__()
        self._copied = ""

    @property
    def command(self) -> str:
        """What to type in a shell; "" while it is not known."""
        raise NotImplementedError

    def command_lines(self, room: int) -> list[Line]:
        """The command, and whether it was copied, in `room` cells."""
        lines = [line for text in self.command.splitlines() for line in wrapped(text, room, 4, "strong")]
        if self.command and self._copied == self.command:
            lines += wrapped(_("copied, as far as your terminal allows it (OSC 52)"), room, 2, "notice")
        return lines

    def action_copy(self) -> None:
        if self.command:
            self.app.copy_to_clipboard(self.command)
            self._copied = self.command
            self.draw()


class Reader(Dialog[None]):
    """A dialog to read: arrows scroll, `y` copies."""

    kind = "reader"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("reader")]
    wide = 116

    def action_go(self, by: int) -> None:
        self.body.scroll(by)
        self.draw_foot()

    def draw_foot(self) -> None:
        hints = self.hints()
        if self.body.more:
            hints.insert(0, (self.body.position, _("lines"), False))
        self.foot.show([keys_line(hints, self.room)])

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.body.whole)
        text = _("copied, as far as your terminal allows it (OSC 52)")
        self.foot.show([((" " + text[: self.room - 1], "notice"),)])

    def hints(self) -> list[tuple[str, str, bool]]:
        return [(self.key("copy"), _("copy"), True), ("esc", _("close"), True)]


class Text(Reader):
    """Lines under a title: help, a row to copy. `lines` makes them for so many cells."""

    wide = 78

    def __init__(self, title: str, lines: Callable[[int], list[Line]]) -> None:
        super().__init__()
        self.title_text = title
        self._made = lines

    def lines(self, room: int) -> list[Line]:
        return self._made(room)


def option(chosen: bool, word: str, style: str = "") -> Line:
    """A box to tick: "[x] files"."""
    return ((("[x] " if chosen else "[ ] "), "key" if chosen else "muted"), (word, style))
