"""The person at the keyboard of a terminal, who answers the questions of runs and jobs."""

import asyncio
import contextlib
import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from tuibackup.cli.output import say
from tuibackup.text import shown
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.remote.questions import Question

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
YES = ("y", "yes", "ya")  # in English and Indonesian, whichever the question used


def present() -> bool:
    """Whether somebody can be asked: the keyboard and the place for questions are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class TerminalAnswers:
    """Asks on stderr and reads from stdin, one question at a time. Without a terminal every answer is no.

    In its block nothing that is typed is shown, but for the answer to a question that is no secret: who types a
    passphrase before it is asked for would see it on the screen. What was typed before a question answers nothing.
    """

    def __init__(self, beside: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext) -> None:
        """`beside` makes a block for each question, in which nothing else draws on the terminal."""
        self._beside = beside
        self._lock = asyncio.Lock()
        self._last: dict[str, tuple[str, str]] = {}  # kind of secret: (server, answer)
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if present():
            self._held.enter_context(_echo(False))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def alone(self) -> asyncio.Lock:
        """Hold this while something is printed: no question is on the screen meanwhile, and none comes."""
        return self._lock

    async def ask(self, question: "Question") -> str | None:
        """The answer; None where nobody is there."""
        if not present():
            return None
        async with self._lock:
            with self._beside():
                return await self._asked(question)

    async def typed(self, text: str, *, secret: bool) -> str | None:
        """What is typed behind `text`; None at the end of input."""
        async with self._lock:
            with _echo(not secret):
                print(shown(text), end="", file=sys.stderr, flush=True)
                try:
                    return await line()
                finally:
                    if secret:
                        print(file=sys.stderr)

    async def _asked(self, question: "Question") -> str | None:
        earlier = self._earlier(question)
        with _echo(not question.secret):
            for detail in question.detail:
                say(detail, "  ")
            again = _(" [enter: as for {server}]").format(server=earlier[0]) if earlier else ""
            print(shown(f"{question.server}: {question.text}{again} "), end="", file=sys.stderr, flush=True)
            answer = None
            try:
                answer = await line()
            finally:
                if question.secret:
                    print(file=sys.stderr)
                if answer is None:  # also where none is needed any more
                    print(_("(no answer)"), file=sys.stderr)
        if answer is None:
            return None
        if question.kind == "host-key":
            return "yes" if answer.strip().lower() in YES else "no"
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


async def line(closed: asyncio.Event | None = None) -> str | None:
    """A line from the terminal; None at its end (ctrl+d, or it went away) or once `closed` is set."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str | None] = loop.create_future()
    keyboard = sys.stdin.fileno()
    parts: list[bytes] = []

    def read() -> None:
        # Not through sys.stdin: it would read on, and keep what was typed for a later question.
        try:
            part = os.read(keyboard, 4096)
        except OSError:
            part = b""
        parts.append(part)
        if not typed.done() and (not part or part.endswith(b"\n")):
            text = b"".join(parts)
            typed.set_result(text.decode(errors="surrogateescape").rstrip("\r\n") if text else None)

    loop.add_reader(keyboard, read)
    closed = closed or asyncio.Event()
    gone = asyncio.create_task(closed.wait())
    waiting: set[asyncio.Future[Any]] = {typed, gone}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(keyboard)
        gone.cancel()
    return typed.result() if typed.done() else None


@contextlib.contextmanager
def _echo(on: bool) -> Iterator[None]:
    """Show what is typed, or not. Keys typed before the block, or before its end, are dropped."""
    try:
        before = termios.tcgetattr(sys.stdin)
        mode = termios.tcgetattr(sys.stdin)
        mode[3] = mode[3] | termios.ECHO if on else mode[3] & ~termios.ECHO
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, mode)
    except termios.error:  # the terminal is gone: nobody sees anything
        yield
        return
    with _given_back(before):
        try:
            yield
        finally:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)


@contextlib.contextmanager
def _given_back(mode: list[Any]) -> Iterator[None]:
    """A signal that ends this process gives the terminal `mode` first: no `finally` runs, and the shell would not echo.

    Where one has a handler already, that is the one of a block outside this one, or brings the block to its end.
    """

    def end(number: int, _frame: object) -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSANOW, mode)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    ours = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
