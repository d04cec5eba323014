"""Sends the newest picture whenever the line is free: never more than one is on its way, and none waits in a queue.

That the terminal's driver has taken all does not say that it arrived: a pseudo-terminal and the sockets of an SSH
connection hold megabytes, minutes on a bad line. So the terminal is asked now and then whether it has come so far
("device status report", which all answer). A large picture goes in parts, and while much is on its way the rest waits:
what is pressed meanwhile changes it, and what nobody needs to see any more is never sent.
"""

import time
from collections import deque
from collections.abc import Callable

from tuibackup.tui.wire.changes import Able, changes, cleared
from tuibackup.tui.wire.frame import Frame
from tuibackup.tui.wire.moves import At

ASK, ANSWER = "\x1b[5n", "\x1b[0n"
_ASK_AFTER = 512  # bytes: small pictures need no question
_PART = 768  # bytes of a picture that are sent at once
_ON_THE_WAY = 768  # bytes above which the next part waits for an answer
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
        able: Able,
    ) -> None:
        self._picture, self._send, self._free, self._later = picture, send, free, later
        self._able = able
        self._shown: Frame = ()  # changed into `_wanted` part by part
        self._wanted: Frame = ()
        self._at = At()
        self._changed = False  # whether there is a newer picture than `_wanted`
        self._answers = False  # whether this terminal has ever answered
        self._asked: deque[tuple[float, int]] = deque()  # when, and the bytes that the answer says have come
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
        """Note the answer: the terminal has received everything before the oldest question."""
        self._answers = True
        if self._asked:
            self._asked.popleft()
        self.go_on()

    @property
    def unanswered(self) -> int:
        """Answers that may still come."""
        return sum(time.monotonic() - asked < _PATIENCE for asked, _bytes in self._asked)

    def go_on(self) -> None:
        """Send the newest picture or its next part, if the line is free."""
        if not self._free() or self._must_wait():
            return
        if self._changed:
            frame = self._picture()
            if frame is None:
                return
            self._changed, self._wanted = False, frame
        text = ""
        if [len(row.texts) for row in self._wanted] != [
            len(row.texts) for row in self._shown
        ]:  # another size
            text, self._shown, self._at = cleared(self._wanted, self._able)
        most = _PART if self._answers else None
        more, self._at = changes(self._shown, self._wanted, self._at, self._able, most)
        if text or more:
            self._send(self._with_question(text + more))

    def _must_wait(self) -> bool:
        if not self._answers or not self._asked:
            return False
        if time.monotonic() - self._asked[0][0] >= _PATIENCE:
            self._asked.clear()
            self._since = 0
        return sum(count for _asked, count in self._asked) + self._since > _ON_THE_WAY

    def _with_question(self, text: str) -> str:
        self._since += len(text.encode())
        if self._since >= _ASK_AFTER and (self._answers or not self._asked):
            self._asked.append((time.monotonic(), self._since))
            self._since = 0
            self._later(_PATIENCE, self.go_on)
            text += ASK
        return text
