"""The one-line field to type into. It takes keys in the order in which they were typed."""

import asyncio
from contextlib import suppress

from textual import events
from textual.screen import Screen
from textual.widgets import Input
from textual.widgets.input import Selection

# Textual's keys that edit, with their actions.
_EDITING = {key: binding.action for binding in Input.BINDINGS for key in binding.key.split(",")}  # type: ignore[union-attr]  # all are Bindings


_PATIENCE = 1.0  # seconds for a field to take one key; only one that is being removed needs them


class Field(Input):
    """Textual's field leaves keys that edit (ctrl+u, backspace, enter) to the app, after it has taken the letters that
    were typed behind them: typed ahead of a slow line, ctrl+u took away what was typed after it.
    """

    def __init__(
        self, value: str = "", placeholder: str = "", *, password: bool = False, name: str = ""
    ) -> None:
        super().__init__(value, placeholder, password=password, select_on_focus=False, id=name or None)
        self.cursor_blink = False  # each blink would be bytes on a slow line

    def on_mount(self) -> None:
        self.offer(self.value)

    def offer(self, text: str) -> None:
        """Show `text` as the answer that is offered: the first letter typed takes its place, other keys edit it."""
        self.value = text
        self.selection = Selection(0, len(text))

    def take(self, text: str) -> None:
        """As if `text` had been typed."""
        self.replace(text, *sorted(self.selection))

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and event.key in _EDITING:
            event.stop()
            await self.run_action(_EDITING[event.key])
        else:
            await super().on_event(event)

    async def has_taken(self) -> None:
        """Wait until what was typed so far has had its effect, in the field and on the screen that it tells.

        Keys for a field go through its own queue, and those for the app do not: without this, `enter` and what was
        typed behind it acted on what the screen had shown before the letters in front of them.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for node in self.ancestors_with_self:
                    done = asyncio.Event()
                    if node.call_later(done.set):
                        await done.wait()
                    if isinstance(node, Screen):
                        return
