"""The face's end of the line to the runs it started: it gets their questions one by one, then tells them to go on."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from tuibackup.remote.questions import Answers, Question
from tuibackup.run.process import message
from tuibackup.text import printable

ANSWER_SECONDS = 300.0  # a question that nobody answers for so long gets the answer no
_LINE = 1 << 20


class Asked:
    """A question of a run. `closed` is set once it needs no answer: it was answered, timed out, or its run ended."""

    def __init__(self, run: str, number: int, question: Question, writer: asyncio.StreamWriter) -> None:
        self.run = run
        self.question = question
        self.closed = asyncio.Event()
        self._number = number
        self._writer = writer

    def answer(self, text: str | None) -> None:
        """Send the answer; None is no. Only the first one counts."""
        if not self.closed.is_set():
            self.closed.set()
            self._writer.write(message.encode(message.Answer(self._number, text)))


class Request:
    """The runs, or the job, that one command or key press started, and at first the line for their questions."""

    def __init__(self, runs: tuple[str, ...], journals: tuple[Path, ...], lines: list[socket.socket]) -> None:
        self.runs = runs
        self.journals = journals
        self._lines = lines

    async def asked(self) -> AsyncGenerator[Asked, None]:
        """The questions of all runs, one after the other; ends when every run is ready or has ended.

        Then all are told to go on and nothing is asked again. Answer a question before taking the next; one
        not answered within ANSWER_SECONDS is answered with no. Leaving the loop early says no to the rest.
        """
        questions: asyncio.Queue[Asked | None] = asyncio.Queue()
        listeners = []
        writers = []
        timer: asyncio.TimerHandle | None = None
        try:
            for run, line in zip(self.runs, self._lines, strict=True):
                line.setblocking(False)
                reader, writer = await asyncio.open_connection(sock=line, limit=_LINE)
                writers.append(writer)
                listeners.append(asyncio.create_task(_listen(run, reader, writer, questions)))
            waiting = len(listeners)
            while waiting:
                asked = await questions.get()
                if asked is None:
                    waiting -= 1
                elif not asked.closed.is_set():
                    timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, asked.answer, None)
                    yield asked
                    timer.cancel()
            for writer in writers:
                writer.write(message.encode(message.Go()))
            for writer in writers:
                with contextlib.suppress(OSError):
                    await writer.drain()
        finally:
            if timer is not None:
                timer.cancel()
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)
            for writer in writers:
                writer.close()
            self.close()

    async def put_questions_to(self, answers: Answers) -> None:
        """Have all questions answered by `answers`, one after the other, until the runs go on and ask no more.

        An `ask` is cancelled once its question needs no answer any more.
        """
        async for asked in self.asked():
            asking = asyncio.ensure_future(answers.ask(asked.question))
            closed = asyncio.ensure_future(asked.closed.wait())
            try:
                await asyncio.wait((asking, closed), return_when=asyncio.FIRST_COMPLETED)
                asked.answer(asking.result() if asking.done() else None)
            finally:
                asking.cancel()
                closed.cancel()
                await asyncio.gather(asking, closed, return_exceptions=True)

    def close(self) -> None:
        """Close the line: from now on every question gets the answer no; the runs go on."""
        for line in self._lines:
            line.close()
        self._lines.clear()


async def _listen(
    run: str,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    questions: asyncio.Queue[Asked | None],
) -> None:
    """Put a run's questions into the queue, and None once it is ready or has ended."""
    ready = False
    mine: list[Asked] = []
    try:
        # Read until the line ends, not only until the run is ready: if it ends, an open dialog closes.
        while line := await reader.readline():
            match message.from_run(line):
                case message.Ask(number, kind, server, text, secret, detail):
                    question = Question(
                        kind, printable(server), printable(text), secret, tuple(map(printable, detail))
                    )
                    mine.append(Asked(run, number, question, writer))
                    questions.put_nowait(mine[-1])
                case message.Ready():
                    ready = True
                    questions.put_nowait(None)
    except (OSError, ValueError, msgspec.DecodeError):
        pass  # what it sends cannot be read: treat it as ended
    finally:
        for asked in mine:
            asked.closed.set()
        if not ready:
            questions.put_nowait(None)
