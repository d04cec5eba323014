"""The one-line field to type into. It takes keys in the order in which they were typed."""

from textual import events
from textual.widgets import Input

# Textual's keys that edit, with their actions.
_EDITING = {key: binding.action for binding in Input.BINDINGS for key in binding.key.split(",")}  # type: ignore[union-attr]  # all are Bindings


class Field(Input):
    """Textual's field leaves keys that edit (ctrl+u, backspace, enter) to the app, after it has taken the letters that
    were typed behind them: typed ahead of a slow line, ctrl+u took away what was typed after it.
    """

    def __init__(
        self, value: str = "", placeholder: str = "", *, password: bool = False, name: str = ""
    ) -> None:
        super().__init__(value, placeholder, password=password, select_on_focus=False, id=name or None)
        self.cursor_blink = False  # each blink would be bytes on a slow line

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and event.key in _EDITING:
            event.stop()
            await self.run_action(_EDITING[event.key])
        else:
            await super().on_event(event)
