"""A helper process that does what may hang; the face asks it, and can stop waiting for the answer.

A disk that is gone without an error (a stopped sshfs, an NFS server that is down) blocks every thread that touches it,
and not even SIGKILL frees that thread: its process cannot end, and the shell waits for it. So no thread of a face
touches such a disk; a helper that hangs is left behind, and ends when the disk answers again.
"""

import gc
import os
import pickle
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Generic, NoReturn, Protocol, TypeVar

import msgspec

from tuibackup.run.process.crash import line_of, record
from tuibackup.words import _

Question = TypeVar("Question")
Answer = TypeVar("Answer")
_Asked = TypeVar("_Asked", contravariant=True)
_Answered = TypeVar("_Answered", covariant=True)
_LENGTH = 8  # bytes in front of each message that tell how long it is


class Look(Protocol[_Asked, _Answered]):
    """The work of a helper: it answers questions, one after the other."""

    def __call__(self, question: _Asked, /) -> _Answered: ...

    def close(self) -> None:
        """Let go of files."""


class Fault(msgspec.Struct, frozen=True):
    """Comes instead of an answer: what went wrong in the helper, in one line."""

    line: str


class _Begin(msgspec.Struct, frozen=True):
    """Tells the helper to begin anew, with this."""

    begin: Callable[[], Any]


class Helper(Generic[Question, Answer]):
    """Ask it from one thread at a time, one question at a time. `begin` creates its `Look`, in its own process.

    Create it before this process has threads or an open ledger: it is forked, and SQLite must not be forked.
    """

    def __init__(self, name: str, begin: Callable[[], Look[Question, Answer]], crashes: Path | None) -> None:
        """`name`: as ps shows it; `crashes`: the state folder, None if nothing may be written."""
        self.name = name
        self.ended = False  # its process was killed: it gives no more answers
        self._asked = False  # whether an answer is owed
        self._since = 0.0  # when it was last seen at work, while it is
        self._worked = ""  # the processor's time that it had used by then
        self._begin: _Begin | None = None
        self._line, far = socket.socketpair()
        self._process = os.fork()
        if self._process == 0:
            _serve(name, far, begin, crashes)
        far.close()

    @property
    def owing(self) -> float:
        """Seconds for which it has owed an answer and done nothing; 0 where none is owed.

        What works, or waits for the processor of a busy machine, does not hang in a disk.
        """
        if not self._asked:
            return 0.0
        state, worked = _at_work(self._process)
        if state == "R" or worked != self._worked:
            self._since, self._worked = monotonic(), worked
        return max(monotonic() - self._since, 1e-3)

    def begin(self, begin: Callable[[], Look[Question, Answer]]) -> None:
        """Before the next question, create the helper's `Look` anew (`begin` is sent: a class and its values)."""
        self._begin = _Begin(begin)

    def ask(self, question: Question) -> bool:
        """Ask, unless an answer is still owed; whether it was asked."""
        if self._asked:
            return False
        try:
            if self._begin:
                _send(self._line, self._begin)
                self._begin = None
            _send(self._line, question)
        except OSError:
            pass  # it has ended: `answer` says so
        self._asked, self._since = True, monotonic()
        return True

    def answer(self, until: float) -> Answer | Fault | None:
        """The answer that is owed; None if none came before `until` (by `monotonic`)."""
        if not self._asked:
            return None
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        if not poll.poll(max(0.0, until - monotonic()) * 1000):
            return None
        try:
            found: Answer | Fault = _receive(self._line)
        except (EOFError, OSError):
            self.ended = True
            found = Fault(_("the process {name} has ended: open the cockpit again").format(name=self.name))
        self._asked = False
        return found

    def close(self) -> None:
        """Release the helper; one that hangs ends when its disk answers."""
        self._line.close()


def _at_work(process: int) -> tuple[str, str]:
    """The state of a process as the kernel has it, and the processor's time that it has used."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return words[0], " ".join(words[11:13])


def _serve(name: str, line: socket.socket, begin: Callable[[], Any], crashes: Path | None) -> NoReturn:
    """Be a helper, until nobody asks any more."""
    try:
        _stand_alone(name, line)
        look = begin()
        while True:
            message = _receive(line)
            if isinstance(message, _Begin):
                look.close()
                look = message.begin()
                continue
            try:
                answer = look(message)
            except Exception as error:
                answer = Fault(line_of(error) if crashes is None else record(error, crashes))
            _send(line, answer)
    finally:
        os._exit(0)


def _stand_alone(name: str, line: socket.socket) -> None:
    """Keep neither the face's terminal nor its pipes, because somebody may wait for their end."""
    os.setsid()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.closerange(3, line.fileno())
    os.closerange(line.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    gc.freeze()  # keeps the collector from touching, and so copying, what is shared with the face
    Path("/proc/self/comm").write_text(name)


def _send(line: socket.socket, message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    line.sendall(len(data).to_bytes(_LENGTH, "big") + data)


def _receive(line: socket.socket) -> Any:
    """The next message. Raises EOFError if the other end is closed. Only our own processes write there."""
    return pickle.loads(_exactly(line, int.from_bytes(_exactly(line, _LENGTH), "big")))  # noqa: S301


def _exactly(line: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        chunk = line.recv(length - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)
