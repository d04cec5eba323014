"""The process of a job, which its launcher forks: it carries out one order and tells it in its journal."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.jobs.process.carry_out import Telling, carry_out
from tuibackup.jobs.process.order import Order, Recover, Restore
from tuibackup.jobs.recorder import Recorder
from tuibackup.progress import Progress
from tuibackup.remote.questions import Question
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.run.process import forks
from tuibackup.run.process.afterwards import tell_afterwards
from tuibackup.run.process.crash import record
from tuibackup.run.process.forks import Begun
from tuibackup.run.questions import LineAnswers
from tuibackup.run.rates import TICK, Rates
from tuibackup.run.silence import Silence
from tuibackup.run.stop import POLL, read_stop, stop_path
from tuibackup.sop import Outcome
from tuibackup.text import printable, shorten
from tuibackup.words import joined, sentence

NAME = "tuibackup-job"
NICE = 10  # of what nobody waits for: a restore is not made to wait
_TIDY_SECONDS = 3.0  # what a stopped job may take to end, if its disk is silent
_WIDTH = 2000  # cells of one text in the journal


def main() -> NoReturn:
    """Fork the process of the order on standard input."""
    forks.main(NAME, _carry_out)


def _carry_out(mine: Begun, config: Config | TuibackupError) -> int:
    order = msgspec.json.decode(mine.plan, type=Order)
    line = _Line(mine.line)
    began = time.monotonic()
    with Journal(mine.path, mine.journal) as journal:
        told = threading.Lock()  # for good, by whoever tells the end first

        def finish(outcome: Outcome, code: int, error: str = "", recorder: Recorder | None = None) -> int:
            if not told.acquire(blocking=False):
                return code
            line.close()
            journal.finish(
                ev.JobFinished(
                    time=ev.now(),
                    run=order.run,
                    server=order.server,
                    outcome=outcome,
                    seconds=round(time.monotonic() - began, 3),
                    exit_code=code,
                    error=error,
                    missed=recorder.missed if recorder else 0,
                    fault=recorder.fault if recorder else "",
                )
            )
            if isinstance(config, Config):
                tell_afterwards(config)
            return code

        if isinstance(config, TuibackupError):
            return finish(Outcome.FAILED, config.exit_code, str(config))
        if not isinstance(order.words, Restore | Recover):
            os.nice(NICE)
        silence = Silence(config.vault.path, order.run, order.server, mine.path)
        recorder = Recorder(config, order.operator, job=order.run)

        def leave() -> None:
            code = ev.EXIT_CODES[Outcome.INTERRUPTED]
            hangs = sentence(
                " while the backup disk did not answer: process {number} stays until it does",
                number=os.getpid(),
            )
            finish(Outcome.INTERRUPTED, code, joined("", (recorder.stopped(), hangs)), recorder)

        try:
            with _stoppable(config, order.run, recorder, silence, leave):
                telling = _Journalled(order, journal, line)
                outcome, code = carry_out(
                    order.words,
                    config,
                    recorder,
                    Telling(telling.progress, telling.result, telling.note, line),
                )
            return finish(outcome, code, recorder=recorder)
        except KeyboardInterrupt:
            stopped = recorder.stopped()
            return finish(Outcome.INTERRUPTED, ev.EXIT_CODES[Outcome.INTERRUPTED], stopped, recorder)
        except TuibackupError as error:
            interrupted = error.exit_code == ev.EXIT_CODES[Outcome.INTERRUPTED]
            outcome = Outcome.INTERRUPTED if interrupted else Outcome.FAILED
            return finish(outcome, error.exit_code, str(error), recorder)
        except Exception as error:
            return finish(Outcome.FAILED, 1, record(error, config.state), recorder)
        finally:
            recorder.close()
            stop_path(config.state, order.run).unlink(missing_ok=True)


@dataclass(slots=True)
class _Journalled:
    """Writes what a job tells into its journal, progress twice a second at most (for each place that it is busy with).

    May be called from several threads.
    """

    order: Order
    journal: Journal
    line: "_Line"
    began: float = field(default_factory=time.monotonic)
    paces: "dict[str, _Pace]" = field(default_factory=dict)  # by the place, where there are several
    lock: threading.RLock = field(default_factory=threading.RLock)

    def progress(self, subject: str, progress: Progress) -> None:
        """Called at any rate."""
        self.line.close()  # who sees bytes move asks nothing more
        with self.lock:
            self._progress(subject, progress)

    def _progress(self, subject: str, progress: Progress) -> None:
        now = time.monotonic()
        pace = self.paces.get(progress.to)
        if pace is None or pace.about != subject:
            pace = self.paces[progress.to] = _Pace(subject)
        elif now - pace.told < TICK:
            return
        pace.told = now
        pace.rates.look(now, progress)
        self._write(
            ev.JobProgress,
            to=progress.to,
            subject=subject,
            items=progress.items,
            bytes=progress.bytes,
            unit=progress.unit,
            items_total=progress.items_total,
            bytes_total=progress.bytes_total,
            rate=pace.rates.of_bytes(),
            left=pace.rates.left(progress),
            current=shorten(printable(progress.current), _WIDTH),
            seconds=round(now - self.began, 1),
        )

    def result(self, outcome: Outcome, document: dict[str, Any]) -> None:
        self._write(ev.JobResult, outcome=outcome, result=document)

    def note(self, text: str) -> None:
        self._write(ev.RunNote, text=text)

    def _write(self, event: Callable[..., ev.Event], **fields: Any) -> None:
        with self.lock:
            self.journal.append(event(time=ev.now(), run=self.order.run, server=self.order.server, **fields))


@dataclass(slots=True)
class _Pace:
    """How fast the part goes that is about one snapshot, and when it was last told."""

    about: str
    told: float = 0.0
    rates: Rates = field(default_factory=Rates)


class _Line:
    """Who answers: the face at the other end of the line, as long as nothing has moved yet.

    Several threads may ask, each in a loop of its own: the line has one for itself, and puts one question at a time.
    """

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._answers: LineAnswers | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = threading.Lock()
        self._asking = asyncio.Lock()

    async def ask(self, question: Question) -> str | None:
        with self._opening:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, daemon=True, name="line").start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._ask(question), self._loop))

    async def _ask(self, question: Question) -> str | None:
        async with self._asking:
            if self._answers is None:
                self._answers = LineAnswers()
                await self._answers.open(self._socket)
            return await self._answers.ask(question)

    def close(self) -> None:
        """Nothing is asked from now on; the face sees that the line ends."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._answers is None:
            self._socket.close()


class _stoppable:  # noqa: N801 - a block
    """In this block a stop file or SIGTERM ends the job as ctrl+c would, with KeyboardInterrupt.

    A job that hangs in a silent disk cannot end: `leave` is called, and the rest is done when the disk answers.
    """

    def __init__(
        self, config: Config, run: str, recorder: Recorder, silence: Silence, leave: Callable[[], None]
    ) -> None:
        self._silence = silence
        self._leave = leave
        self._path = stop_path(config.state, run)
        self._recorder = recorder
        self._over = threading.Event()

    def __enter__(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, self._terminated)
        threading.Thread(target=self._watch, daemon=True, name="stop").start()

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(POLL):
            if (request := read_stop(self._path)) is not None:
                self._recorder.stopped_by(printable(request.operator))
                os.kill(os.getpid(), signal.SIGINT)
                break
        while not self._over.wait(_TIDY_SECONDS):
            if self._silence:
                self._leave()
                return

    def _terminated(self, _number: int, _frame: FrameType | None) -> None:
        self._recorder.stopped_by("signal SIGTERM")
        signal.raise_signal(signal.SIGINT)
