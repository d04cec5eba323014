"""Keys that are typed while an answer is awaited which decides what they act on: they wait for it, and act on what it
brings. Without this `r`, `enter`, `space` on a slow disk opened and marked what had been in sight before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from textual import events
from textual.app import App

_AT_ONCE = ("ctrl+c", "ctrl+l", "ctrl+z")  # what has nothing to do with the list


@dataclass(eq=False, slots=True)
class Wait:
    """One answer that is awaited on `screen`; `give_up` is what esc does meanwhile."""

    screen: object
    give_up: Callable[[], None]
    over: bool = False


@dataclass(slots=True)
class HeldKeys:
    """Of one app."""

    app: App[Any]
    _waits: list[Wait] = field(default_factory=list)
    _keys: list[events.Key] = field(default_factory=list)

    def wait(self, give_up: Callable[[], None] = lambda: None, screen: object = None) -> Wait:
        """From now on keys for `screen` (default: the one in sight) are kept, until `release`; esc ends it and calls
        `give_up`.
        """
        self._waits.append(made := Wait(screen or self.app.screen, give_up))
        return made

    def release(self, wait: Wait, *, failed: bool = False) -> None:
        """The answer is in sight: what was typed comes now, in its order; none of it where it `failed`."""
        if failed:
            self._keys.clear()
        if wait in self._waits:
            self._waits.remove(wait)
        wait.over = True
        if not self._waits:
            keys, self._keys = self._keys, []
            for key in keys:
                self.app.post_message(key)

    def takes(self, key: events.Event) -> bool:
        """Whether `key` is one, and is kept for later, or was esc and ended the waiting."""
        if not self._waits or not isinstance(key, events.Key) or key.is_forwarded or key.key in _AT_ONCE:
            return False
        waits = [one for one in self._waits if one.screen is self.app.screen]
        if not waits:
            return False
        if key.key not in ("escape", "ctrl+q"):
            self._keys.append(key)
            return True
        self._keys.clear()
        for one in waits:
            self._waits.remove(one)
            one.over = True
        waits[-1].give_up()
        return True
