"""Sends the newest picture whenever the line is free: never more than one is on its way, and none waits in a queue.

That the terminal's driver has taken all does not say that it arrived: a pseudo-terminal and the sockets of an SSH
connection hold megabytes, minutes on a bad line. So the terminal is asked now and then whether it has come so far
("device status report", which all answer); while much is on its way the next picture waits, and is then the newest.
"""

import time
from collections.abc import Callable

from tuibackup.tui.wire.changes import Pencil, changes, cleared
from tuibackup.tui.wire.frame import Frame, blank

ASK, ANSWER = "\x1b[5n", "\x1b[0n"
_ASK_AFTER = 512  # bytes: small pictures need no question
_ON_THE_WAY = 1024  # bytes from which on the next picture waits for the answer
_PATIENCE = 5.0  # seconds after which an answer counts as lost


class Painter:
    """`picture` makes the present frame, None if there is none yet. `free` tells whether everything sent is written.

    `later` calls a function after seconds. Everything here happens in the loop's thread.
    """

    def __init__(
        self,
        picture: Callable[[], Frame | None],
        send: Callable[[str], None],
        free: Callable[[], bool],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._picture, self._send, self._free, self._later = picture, send, free, later
        self._shown: Frame = ()
        self._pencil = Pencil()
        self._changed = False
        self._answers = False  # whether this terminal has ever answered
        self._asked: float | None = None  # when; None while no answer is awaited
        self._before = 0  # bytes sent before the question, which its answer says have come
        self._since = 0  # bytes sent since

    def changed(self) -> None:
        """Note a newer picture: it is sent as soon as the line is free."""
        self._changed = True
        self.go_on()

    def forget(self) -> None:
        """Forget what the terminal shows: the next picture is sent whole."""
        self._shown = ()
        self.changed()

    def answered(self) -> None:
        """Note the answer: the terminal has received everything before the question."""
        self._answers, self._asked, self._before = True, None, 0
        self.go_on()

    @property
    def waited(self) -> float | None:
        """Seconds since the terminal was asked, None if it has answered."""
        return None if self._asked is None else time.monotonic() - self._asked

    def go_on(self) -> None:
        """Send the newest picture, if it changed and the line is free."""
        if not self._changed or not self._free() or self._must_wait():
            return
        frame = self._picture()
        if frame is None:
            return
        self._changed = False
        text = ""
        if [len(row.texts) for row in frame] != [len(row.texts) for row in self._shown]:  # another size
            text = cleared(self._pencil)
            self._shown = blank(len(frame[0].texts), len(frame))
        text += changes(self._shown, frame, self._pencil)
        self._shown = frame
        if text:
            self._send(self._with_question(text))

    def _must_wait(self) -> bool:
        waited = self.waited
        if waited is None or not self._answers:
            return False
        if waited >= _PATIENCE:
            self._asked, self._before, self._since = None, 0, 0
        return self._before + self._since >= _ON_THE_WAY

    def _with_question(self, text: str) -> str:
        self._since += len(text.encode())
        if self._asked is None and self._since >= _ASK_AFTER:
            self._before, self._since = self._since, 0
            self._asked = time.monotonic()
            self._later(_PATIENCE, self.go_on)
            text += ASK
        return text
