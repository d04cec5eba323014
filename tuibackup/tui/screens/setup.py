"""The guided set-up in the cockpit: a line for each answer that was good, below them the question."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.errors import TuibackupError
from tuibackup.jobs.setup.step import Prompt
from tuibackup.text import cells
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.panes.bar import keys_line
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _

if TYPE_CHECKING:
    from textual.worker import Worker

    from tuibackup.jobs.setup.guide import Guide

_COLUMN = 14
_MOST = 12  # lines of one text
_END = 10**6  # lines: to the last one
_HEAVY = "tuibackup.remote.session"  # takes half a second to import


class SetUp(Dialog["Guide"]):
    """Returns the set-up, also one that was left in the middle: the caller closes it."""

    kind = "setup"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False, priority=True),
        *bindings("setup"),
    ]
    focus_body = False
    reserved = 1
    wide = 116

    def __init__(self, title: str, make: Callable[[Callable[[str], None]], "Guide"]) -> None:
        """`make` begins the set-up, with somebody who is told what goes on meanwhile."""
        super().__init__()
        self.title_text = title
        self._make = make
        self._guide: Guide | None = None
        self._prompt: Prompt | None = None
        self._fault = ""
        self._wrong = ""  # of what is typed so far
        self._doing = ""
        self._work: Worker[None] | None = None
        self._scrolled = False
        self.field = Field()

    def parts(self) -> Iterable[Widget]:
        yield self.field

    def on_mount(self) -> None:
        super().on_mount()
        self.field.focus()
        self._try(self._begin())

    async def _begin(self) -> None:
        await asyncio.to_thread(import_module, _HEAVY)
        self._guide = self._make(self._note)
        await self._next()

    def _note(self, text: str) -> None:
        self._doing = text
        if self.is_mounted:
            self.draw()

    # One thing at a time

    def _try(self, work: Coroutine[Any, Any, None]) -> None:
        self._fault = self._wrong = ""
        self._doing = _("trying")
        self._work = self.run_worker(self._tried(work), exclusive=True)
        self.draw()

    async def _tried(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except TuibackupError as error:
            self._fault = _(str(error))
        except asyncio.CancelledError:
            self._fault = _("stopped")
            raise
        finally:
            self._doing = ""
            self._work = None
            if self.is_mounted:
                self.draw()

    async def _next(self) -> None:
        assert self._guide is not None
        prompt = await self._guide.setup.prompt()
        if prompt is None:
            self.dismiss(self._guide)
            return
        if prompt is not self._prompt:
            self._prompt, self._scrolled = prompt, False
            self.field.password = prompt.secret
            self.field.offer("" if prompt.secret else prompt.default)

    async def _answer(self, text: str) -> None:
        assert self._guide is not None
        await self._guide.setup.answer(text)
        await self._next()

    # Drawing

    def lines(self, room: int) -> list[Line]:
        lines: list[Line] = []
        for row in self._guide.setup.rows if self._guide else ():
            texts = " · ".join(_(text) for text in (row.shown, *row.found) if text)
            lines += _hanging("√", "done", row.title, texts, room)
            for text in row.warned:
                lines += _hanging("▲", "warnings", row.title, _(text), room)
        prompt = self._prompt
        if prompt is not None:
            lines.append(())
            for text in prompt.detail:
                lines += wrapped(_(text), room, _MOST, "muted")
            for text in prompt.paste:
                lines += wrapped(text, room, _MOST, "notice")
            width = max((cells(choice.answer) for choice in prompt.choices), default=0)
            for choice in prompt.choices:
                start = choice.answer + " " * (width - cells(choice.answer) + 2)
                for number, line in enumerate(wrapped(choice.words, max(10, room - cells(start) - 2), 3)):
                    lines.append((("  " + (start if not number else " " * cells(start)), "key"), *line))
            lines += wrapped(prompt.text, room, _MOST, "strong")
        if self._fault:
            lines += wrapped(f"× {self._fault}", room, _MOST, "failed")
        if self._wrong:
            lines += wrapped(self._wrong, room, 2, "muted")
        if self._doing:
            lines += wrapped(f"… {self._doing}", room, 2, "running")
        return lines

    def draw(self) -> None:
        super().draw()
        if not self._scrolled:
            self.body.scroll(_END)
        self._draw_foot()

    def _draw_foot(self) -> None:
        """The keys, and which lines are seen where not all fit."""
        seen = [(self.body.position, _("lines"), False)] if self.body.more else []
        self.foot.show([keys_line([*seen, *self.hints()], self.room)])

    def hints(self) -> list[tuple[str, str, bool]]:
        idle = self._work is None
        hints = [("enter", _("answer"), idle), ("esc", _("back") if idle else _("stop"), True)]
        if self._prompt and self._prompt.choices:
            hints.append((_("up down"), _("choose"), idle))
        if self._prompt and self._prompt.paste:
            hints.append((self.key("setup-copy"), _("copy the lines"), True))
        return [*hints, ("^q", _("leave"), True)]

    # Keys

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        prompt, typed = self._prompt, event.value.strip()
        if prompt is None or self._work is not None:
            return
        untouched = not typed or typed == prompt.default or prompt.only or prompt.secret
        wrong = "" if untouched else _(prompt.check(typed))
        if wrong != self._wrong or self._fault:
            self._wrong = wrong
            self._fault = ""
            self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        prompt = self._prompt
        if self._work is not None or prompt is None:
            return
        typed = event.value
        if prompt.secret:
            self.field.value = ""
        self._try(self._answer(typed))

    def action_choose(self, by: int) -> None:
        """Put the next of the offered answers into the field."""
        choices = [choice.answer for choice in self._prompt.choices] if self._prompt else []
        if choices and self._work is None:
            now = self.field.value.strip()
            at = choices.index(now) + by if now in choices else (0 if by > 0 else -1)
            self.field.offer(choices[at % len(choices)])

    def action_scroll(self, by: int) -> None:
        self._scrolled = True
        self.body.scroll(by)
        self._draw_foot()

    def action_copy(self) -> None:
        if self._prompt and self._prompt.paste:
            self.app.copy_to_clipboard("\n".join(self._prompt.paste) + "\n")
            self._wrong = _("copied, as far as your terminal allows it (OSC 52)")
            self.draw()

    def action_back(self) -> None:
        """Stop what is being tried; else go back one question; from the first, close."""
        if self._work is not None:
            self._work.cancel()
        elif self._guide and self._guide.setup.back():
            self._try(self._next())
        else:
            self.action_close()

    def action_close(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self.dismiss(self._guide)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()  # what the field does not take must not reach the main screen as keys


def _hanging(sign: str, state: str, title: str, text: str, room: int) -> list[Line]:
    """A line with a sign and a title, its text hanging behind them."""
    named = f" {title}{' ' * max(1, _COLUMN - cells(title))}"
    indent = cells(sign + named)
    first, *others = wrapped(text, max(10, room - indent), _MOST) or [()]
    return [((sign, state), (named, "muted"), *first), *(((" " * indent, ""), *line) for line in others)]
