"""Tells how far several copies are that go on at once, and ends them where they were asked to stop."""

from collections.abc import Callable
from threading import Event, Lock

from msgspec import structs

from tuibackup.progress import OnProgress, Progress


class Gate:
    """Opens once every one of the first places was reached, or could not be: until then they may still ask something,
    and who sees bytes move answers nothing more.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        self._lock = Lock()

    def passed(self) -> None:
        """One more was reached."""
        with self._lock:
            self._left -= 1

    @property
    def is_open(self) -> bool:
        """Whether nobody asks any more."""
        return self._left <= 0


class Told:
    """Tells how far one copy is. Ends whoever tells it, with KeyboardInterrupt, once `halt` is set."""

    def __init__(
        self,
        copy: str,
        several: bool,
        gate: Gate,
        halt: Event,
        on_progress: Callable[[str, Progress], None],
    ) -> None:
        self._to = copy if several else ""
        self._gate = gate
        self._halt = halt
        self._on_progress = on_progress
        self._reached = False

    def reached(self) -> None:
        """Its place was reached, or never will be. May be called twice."""
        if not self._reached:
            self._reached = True
            self._gate.passed()

    def about(self, spec: str) -> OnProgress:
        """Who is to be told of that snapshot."""

        def tell(progress: Progress) -> None:
            if self._halt.is_set():
                raise KeyboardInterrupt
            if self._gate.is_open:
                self._on_progress(spec, structs.replace(progress, to=self._to))

        return tell
