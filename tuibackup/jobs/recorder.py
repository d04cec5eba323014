"""Records in the ledger what a job did. If that fails, the job's work stays, and `fault` says why.

Runs do not use this: a run that cannot be recorded does not begin. But a restore must never depend on the record.
"""

import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from tuibackup.config import Config
from tuibackup.errors import InterruptedRunError, LedgerError, TuibackupError
from tuibackup.run.configured import notice
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_ledger
from tuibackup.run.process.crash import line_of
from tuibackup.run.record import operator_body
from tuibackup.sop import Outcome
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Kind
    from tuibackup.ledger.store import Ledger

MOST = 100  # sentences of one kind in an entry; others are only counted

_ENDED_BY = (signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = InterruptedRunError.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(ABC):
    """The result of a job. `not_recorded`: why the ledger has no entry of it; None if it has one."""

    not_recorded: str | None = None

    @property
    @abstractmethod
    def outcome(self) -> Outcome:
        """How it ended."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """All facts, as `--json` prints them."""

    @abstractmethod
    def body(self) -> dict[str, Any]:
        """What the ledger keeps besides the plan: `detail` and `error` in English, lists no longer than MOST."""

    def document(self) -> dict[str, Any]:
        """As `--json` prints it, the record included."""
        return {**self.facts(), "not-recorded": self.not_recorded}


R = TypeVar("R", bound=Result)


class Recorder:
    """One for each command, or each request of a cockpit. May be used from several threads."""

    def __init__(self, config: Config, operator: Operator, *, job: str = "") -> None:
        """`job`: the id of the process of its own in which this goes on."""
        self.fault = ""  # why the first of `missed` could not be recorded
        self.missed = 0  # entries that the ledger does not have
        self._config = config
        self._operator = operator
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        self.job = job
        self._job = {"job": job} if job else {}
        self._stopped = sentence("stopped")

    @property
    def operator(self) -> str:
        """The name of who does it."""
        return self._operator.name

    def out_of(self, copy: str) -> None:
        """Note that what is read from now on comes out of that copy."""
        self._job["copy"] = copy

    @property
    def copy(self) -> str:
        """That copy; "" while what is read lies in the vault."""
        return self._job.get("copy", "")

    def stopped_by(self, who: str) -> None:
        """Note who wants it stopped, before it is."""
        self._stopped = sentence("stopped by {who}", who=who)

    def stopped(self) -> str:
        """Why it ended, if it was stopped."""
        return self._stopped

    def _open(self) -> "Ledger":
        """The ledger; before the first entry it is recorded what somebody else changed in the configuration."""
        if self._ledger is None:
            self._ledger = open_ledger(self._config)
            notice(self._config, self._ledger)
        return self._ledger

    def about_to_configure(self) -> None:
        """Call it before the configuration is changed: what others changed before is not this operator's."""
        with self._lock, suppress(TuibackupError):  # whoever records next says why it cannot be
            self._open()

    def configured(self, config: Config, *, recorded: bool = False) -> str | None:
        """Record what this operator changed in the configuration; `recorded`: that was done otherwise. The fault, or
        None.
        """
        with self._lock:
            try:
                notice(config, self._open(), self._operator, quiet=recorded)
            except TuibackupError as error:
                self.fault = self.fault or str(error)
                self.missed += 1
                return self.fault
        return None

    def record(self, kind: "Kind", body: Mapping[str, Any], *, server: str | None = None) -> str | None:
        """Append an entry, with everything known about the operator; the fault, None if it was recorded.

        After a fault nothing more is tried: each further try might wait for another process for half a minute.
        """
        with self._lock:
            if not self.fault:
                try:
                    self._open().append(
                        kind,
                        {**body, **self._job, "operator": operator_body(self._operator)},
                        operator=self._operator.name,
                        server=server,
                    )
                except TuibackupError as error:
                    self.fault = str(error)
                else:
                    return None
            self.missed += 1
            return self.fault

    def published_sums(self, spec: str) -> str | None:
        """What the ledger says that a snapshot was when it was published; None where it cannot tell."""
        with suppress(LedgerError), open_ledger(self._config, read_only=True) as ledger:
            return ledger.recorded_sums(spec)
        return None

    @contextmanager
    def attempt(self, kind: "Kind", plan: Mapping[str, Any], *, server: str) -> "Iterator[Attempt]":
        """Do a job in the block, then record its result with `Attempt.recorded`.

        A block that does not reach its end is recorded here: refused, failed, or stopped.
        """
        attempt = Attempt(self, kind, plan, server)
        try:
            with nullcontext() if self.job else _signals_raised():  # a process of its own has handlers
                yield attempt
        except BaseException as error:
            attempt.ended_by(error)
            raise
        attempt.ended()

    def close(self) -> None:
        """Let go of the ledger."""
        if self._ledger is not None:
            self._ledger.close()


class Attempt:
    """One job under way, from its plan to its entry in the ledger."""

    def __init__(self, recorder: Recorder, kind: "Kind", plan: Mapping[str, Any], server: str) -> None:
        self.seconds = 0.0  # that it took, once it has ended
        self._recorder = recorder
        self._kind = kind
        self._plan = plan
        self._server = server
        self._began = time.monotonic()

    def ended(self) -> None:
        """Note that the work is done; only its record is left."""
        self.seconds = round(time.monotonic() - self._began, 3)

    def ended_by(self, error: BaseException) -> None:
        """Record that it did not reach its end."""
        self.ended()
        stopped = not isinstance(error, Exception)
        interrupted = stopped or getattr(error, "exit_code", 1) == _INTERRUPTED
        if isinstance(error, TuibackupError):
            said = str(error)
        else:
            said = self._recorder.stopped() if stopped else line_of(error)
        outcome = Outcome.INTERRUPTED if interrupted else Outcome.FAILED
        self._record({"outcome": outcome.value, "error": said, "seconds": self.seconds})

    def recorded(self, result: R) -> R:
        """`result`, with its entry in the ledger or the reason why there is none."""
        return replace(result, not_recorded=self._record(result.body()))

    def _record(self, body: Mapping[str, Any]) -> str | None:
        return self._recorder.record(self._kind, {**self._plan, **body}, server=self._server)


def bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`facts` for an entry: of each list the first MOST, and under NAME_total how many there are."""
    body: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, list):
            body[name], body[f"{name}_total"] = value[:MOST], len(value)
        else:
            body[name] = value
    return body


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like ctrl+c, so that the job can be recorded before it ends.

    The handler of ctrl+c decides what happens: in an event loop it cancels the running task. What is
    ignored (nohup) stays ignored.
    """
    before: dict[signal.Signals, Any] = {}
    with suppress(ValueError):  # not in the main thread, which alone gets signals
        for number in _ENDED_BY:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, frame: FrameType | None) -> None:
    interrupted = signal.getsignal(signal.SIGINT)
    if not callable(interrupted):  # ignored, as in the background of a script
        raise KeyboardInterrupt
    interrupted(signal.SIGINT, frame)
