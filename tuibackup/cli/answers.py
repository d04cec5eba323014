"""A terminal as a face: puts a run's questions to the person at the keyboard, one at a time."""

import asyncio
import contextlib
import sys
import termios
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.remote.questions import Question


def present() -> bool:
    """Whether somebody can be asked: the keyboard and the place for questions are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class TerminalAnswers:
    """Asks on stderr and reads from stdin; secrets are not shown. Without a terminal every answer is no."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, str]] = {}  # kind of secret: (server, answer)

    async def ask(self, question: "Question", closed: asyncio.Event | None = None) -> str | None:
        """The answer; None where nobody is there, or once `closed` is set (it needs no answer any more)."""
        if not present():
            return None
        for detail in question.detail:
            print(f"  {detail}", file=sys.stderr)
        earlier = self._earlier(question)
        again = _(" [enter: as for {server}]").format(server=earlier[0]) if earlier else ""
        print(f"{question.server}: {question.text}{again} ", end="", file=sys.stderr, flush=True)
        answer = await line(closed, secret=question.secret)
        if answer is None:
            print(_("(no answer)"), file=sys.stderr)
            return None
        if not answer and earlier:
            return earlier[1]
        if self._reusable(question):
            self._last[question.kind] = (question.server, answer)
        return answer

    def _earlier(self, question: "Question") -> tuple[str, str] | None:
        """The answer that another server got to the same kind of question."""
        known = self._last.get(question.kind)
        return known if known and known[0] != question.server and self._reusable(question) else None

    @staticmethod
    def _reusable(question: "Question") -> bool:
        return question.kind in ("passphrase", "ssh-password", "database-password")


class OneAtATime:
    """The terminal, for servers that are looked at together."""

    def __init__(self) -> None:
        self._terminal = TerminalAnswers()
        self._lock = asyncio.Lock()

    async def ask(self, question: "Question") -> str | None:
        async with self._lock:
            return await self._terminal.ask(question)


async def line(closed: asyncio.Event | None, *, secret: bool = False) -> str | None:
    """A line from the terminal; None at its end (ctrl+d) or once `closed` is set."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str | None] = loop.create_future()

    def read() -> None:
        # The terminal hands over whole lines, so that this does not block.
        text = sys.stdin.readline()
        if not typed.done():
            typed.set_result(text.rstrip("\r\n") if text else None)

    with _unseen() if secret else contextlib.nullcontext():
        loop.add_reader(sys.stdin, read)
        closed = closed or asyncio.Event()
        gone = asyncio.create_task(closed.wait())
        waiting: set[asyncio.Future[Any]] = {typed, gone}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(sys.stdin)
            gone.cancel()
            if secret:
                print(file=sys.stderr)
    return typed.result() if typed.done() else None


@contextlib.contextmanager
def _unseen() -> Iterator[None]:
    """What is typed is not shown."""
    before = termios.tcgetattr(sys.stdin)
    quiet = termios.tcgetattr(sys.stdin)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)
