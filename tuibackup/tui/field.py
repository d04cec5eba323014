"""The one-line field to type into. It takes keys in the order in which they were typed."""

from textual import events
from textual.widgets import Input


class Field(Input):
    """Textual's field leaves keys that edit (ctrl+u, backspace, enter) to the app, after it has taken the letters that
    were typed behind them: typed ahead of a slow line, ctrl+u took away what was typed after it.
    """

    def __init__(
        self, value: str = "", placeholder: str = "", *, password: bool = False, name: str = ""
    ) -> None:
        super().__init__(value, placeholder, password=password, select_on_focus=False, id=name or None)
        self.cursor_blink = False  # each blink would be bytes on a slow line

    async def _on_key(self, event: events.Key) -> None:
        found = self._bindings.key_to_bindings.get(event.key)
        if found and not event.is_printable:
            event.stop()
            event.prevent_default()
            await self.run_action(found[0].action)
        else:
            await super()._on_key(event)
