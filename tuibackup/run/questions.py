"""A run's questions: sent to the face that started it, answered once, and told in the journal.

All who answer are `Answers`: a terminal, a screen, the other end of a line, what was answered before, or nobody.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Hashable
from typing import Protocol

import msgspec

from tuibackup.remote.questions import Answers, Question
from tuibackup.run.process import message as wire

FACE_SECONDS = 3600.0  # a face that is silent for so long (perhaps suspended) counts as gone
_LINE = 1 << 20


class RunAnswers(Answers, Protocol):
    """Who answers a run, and says when all runs of its request are ready to go on."""

    async def ready(self) -> None:
        """Tell the face that this run's needs are met; return when it may go on. Then nobody answers."""


class LineAnswers:
    """The face at the other end of the socketpair. When that is closed, every answer is no and the run goes on."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[str | None]] = {}
        self._number = 0
        self._gone = asyncio.Event()

    async def open(self, line: socket.socket) -> None:
        """Take over `line`."""
        reader, self._writer = await asyncio.open_connection(sock=line, limit=_LINE)
        self._listener = asyncio.create_task(self._listen(reader))

    async def ask(self, question: Question) -> str | None:
        if self._gone.is_set() or self._writer is None:
            return None
        self._number += 1
        number, answer = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send(
                wire.Ask(
                    number=number,
                    kind=question.kind,
                    server=question.server,
                    text=question.text,
                    secret=question.secret,
                    detail=question.detail,
                )
            )
            async with asyncio.timeout(FACE_SECONDS):
                text: str | None = await answer
                return text
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(number, None)

    async def ready(self) -> None:
        if not self._gone.is_set():
            self._send(wire.Ready())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FACE_SECONDS):
                    await self._gone.wait()
        await self.close()

    async def close(self) -> None:
        """Nobody answers from now on."""
        self._hang_up()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        # ValueError is a line beyond the limit: a face does not send one, so it is as good as gone.
        with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
            while line := await reader.readline():
                match wire.from_face(line):
                    case wire.Answer(number, text):
                        if (waiting := self._waiting.get(number)) and not waiting.done():
                            waiting.set_result(text)
                    case wire.Go():
                        break
        self._hang_up()

    def _hang_up(self) -> None:
        self._gone.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)

    def _send(self, message: wire.Ask | wire.Ready) -> None:
        assert self._writer is not None
        self._writer.write(wire.encode(message))


class RememberedAnswers:
    """Asks a question once and gives the same answer when a later connection needs it again.

    Answers live in memory only. One-time codes are good once, so they are not kept. A question that comes a
    second time within one `attempt` means that its answer was wrong: then the face is asked again.
    """

    def __init__(
        self, answers: Answers, told: Callable[[str, bool], None] = lambda _what, _answered: None
    ) -> None:
        """`told(what, answered)` hears of every question that goes to the face."""
        self._answers = answers
        self._told = told
        self._known: dict[Hashable, str] = {}
        self._used: set[Hashable] = set()
        self.asked_codes = False

    def attempt(self) -> None:
        """A new connection or login begins."""
        self._used.clear()

    async def ask(self, question: Question) -> str | None:
        # A second try shows other details ("that was not it") but asks for the same thing.
        what = question if question.kind == "host-key" else (question.kind, question.server, question.text)
        if what in self._known and what not in self._used:
            self._used.add(what)
            return self._known[what]
        self._used.add(what)
        self._known.pop(what, None)
        answer = await self._answers.ask(question)
        self._told(question.text, answer is not None)
        if question.kind == "code":
            self.asked_codes = self.asked_codes or answer is not None
        elif answer is not None:
            self._known[what] = answer
        return answer
