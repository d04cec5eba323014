"""Puts what a command did into the ledger. Where that cannot be, what was done stands, and `fault` says why.

A run does without it: what it cannot record it does not begin. Getting backups back must never depend on the record.
"""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from tuibackup.config import Config
from tuibackup.errors import InterruptedRunError, TuibackupError
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_ledger
from tuibackup.run.process.crash import line_of
from tuibackup.run.record import operator_body

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Kind
    from tuibackup.ledger.store import Ledger

_ENDED_BY = (signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = InterruptedRunError.exit_code


class Recorder:
    """One for each command. May be used from several threads."""

    def __init__(self, config: Config, operator: Operator) -> None:
        self.fault = ""  # why the first of `missed` could not be recorded
        self.missed = 0  # entries that the ledger does not have
        self._config = config
        self._operator = operator
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()

    def record(
        self, kind: "Kind", body: Mapping[str, Any], *, server: str | None = None, run: str | None = None
    ) -> str | None:
        """Append an entry, with everything known of the operator; why that cannot be, None where it was done.

        After a fault nothing more is tried: each further try might wait for another process for half a minute.
        """
        with self._lock:
            if not self.fault:
                try:
                    self._ledger = self._ledger or open_ledger(self._config)
                    self._ledger.append(
                        kind,
                        {**body, "operator": operator_body(self._operator)},
                        operator=self._operator.name,
                        server=server,
                        run=run,
                    )
                except TuibackupError as error:
                    self.fault = str(error)
                else:
                    return None
            self.missed += 1
            return self.fault

    @contextmanager
    def attempt(self, kind: "Kind", what: Mapping[str, Any], *, server: str) -> Iterator[None]:
        """Record the block also when it does not come to its end: refused, failed, or stopped by whoever stops us."""
        began = time.monotonic()
        try:
            with _signals_raised():
                yield
        except BaseException as error:
            stopped = not isinstance(error, Exception)
            said = (
                str(error) if isinstance(error, TuibackupError) else "stopped" if stopped else line_of(error)
            )
            ended = {
                "outcome": "interrupted"
                if stopped or getattr(error, "exit_code", 1) == _INTERRUPTED
                else "failed",
                "error": said,
                "seconds": round(time.monotonic() - began, 3),
            }
            self.record(kind, {**what, **ended}, server=server)
            raise

    def close(self) -> None:
        """Let go of the ledger."""
        if self._ledger is not None:
            self._ledger.close()


@contextmanager
def _signals_raised() -> Iterator[None]:
    """A wish to end, and a terminal that hangs up, come as ctrl+c does: there is something to record first."""
    before: dict[signal.Signals, Any] = {}
    with suppress(ValueError):  # not in the main thread: then nobody sends us any
        before.update({number: signal.signal(number, _stop) for number in _ENDED_BY})
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
