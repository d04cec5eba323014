"""A run while it is carried out: what the steps share, and what became of them so far."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config, Server
from tuibackup.errors import BusyError, ConnectionLostError, InterruptedRunError, TuibackupError
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.run import record
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.run.plan import Plan
from tuibackup.run.process import crash
from tuibackup.run.questions import Face, Remembering
from tuibackup.run.reporter import StepReporter
from tuibackup.run.unfinished import GOES_ON, STARTS_AGAIN
from tuibackup.sop import Clock, Outcome, Step, is_slow, limit
from tuibackup.text import duration, printable, shorten
from tuibackup.vault.layout import Vault

if TYPE_CHECKING:
    from tuibackup.database.connect.login import DatabaseSession
    from tuibackup.remote.connect.hostkeys import HostKey
    from tuibackup.remote.probe import Probe
    from tuibackup.remote.session import Session

# Cells of a result or an error. A server has words in many of them, and the end of a journal is looked for in its
# last 64 KiB: a run whose last line is longer would count as dead.
_LONGEST = 1000

Carry = Callable[["Work", StepReporter], Awaitable[str]]


@dataclass(slots=True)
class Work:
    """The one owner of a run's state. `clocks` and `error` become its outcome."""

    plan: Plan
    config: Config
    journal: Journal
    ledger: Ledger
    face: Face
    server: Server = field(init=False)
    vault: Vault = field(init=False)  # known once `needs.find_vault` has found it
    answers: Remembering = field(init=False)
    session: "Session | None" = None
    let_go: bool = False  # of the connection, by ourselves: to wait for a slot
    probe: "Probe | None" = None
    database: "DatabaseSession | None" = None
    clocks: dict[Clock, ev.ClockResult] = field(default_factory=dict)
    details: dict[Step, str] = field(default_factory=dict)
    error: str = ""
    busy: bool = False
    findings: int = 0
    noted: set[str] = field(default_factory=set)
    kept: bool = False  # something of step 2 for the next run

    def __post_init__(self) -> None:
        self.answers = Remembering(self.face, self._asked)

    def _asked(self, question: str, answered: bool) -> None:
        self.emit(ev.RunAsked, question=question, answered=answered)

    def connected(self) -> "Session":
        """The server's connection, where there must be one."""
        if self.session is None:
            raise ConnectionLostError(f"{self.plan.server} is not connected")
        return self.session

    def _limiting(self) -> float | None:
        """The bandwidth limit where it holds this run back just now."""
        pace = self.session.pace if self.session else None
        return pace.binding if pace else None

    def tools(self) -> "Probe":
        """What the server offers; known once it was reached."""
        assert self.probe is not None
        return self.probe

    def note(self, text: str) -> None:
        """Tell something worth knowing, once."""
        if text not in self.noted:
            self.noted.add(text)
            self.emit(ev.RunNote, text=printable(text))

    def emit(self, event: type[ev.Event], **fields: Any) -> None:
        """Write an event of this run into its journal."""
        self.journal.append(event(time=ev.now(), run=self.plan.run, server=self.plan.server, **fields))

    async def write(self, kind: Kind, body: dict[str, Any]) -> None:
        """Append to the ledger; on the disk when this returns."""
        await asyncio.to_thread(
            self.ledger.append,
            kind,
            body,
            operator=self.plan.operator.name,
            server=self.plan.server,
            run=self.plan.run,
        )

    def trusted(self, where: str, key: "HostKey", fault: str) -> None:
        """Record a host key that the operator accepted for this run."""
        self.ledger.append(
            Kind.TRUST,
            {
                **record.trust_body(where, key, "a run", fault),
                "operator": record.operator_body(self.plan.operator),
            },
            operator=self.plan.operator.name,
            server=self.plan.server,
            run=self.plan.run,
        )

    async def timed(self, step: Step, carry: Carry) -> Outcome:
        """Carry a step out: time it, tell it, record it. Its failure is its outcome; a stop is raised."""
        report = StepReporter(step, self.emit, expected=self.plan.expected.get(step), limiting=self._limiting)
        self.emit(ev.StepStarted, step=step)
        began = time.monotonic()
        ticker = asyncio.create_task(report.tick())
        outcome, detail = Outcome.INTERRUPTED, ""
        try:
            detail = await carry(self, report)
            report.flush()
            outcome = Outcome.WARNINGS if report.findings_total else Outcome.DONE
        except ConnectionLostError as error:
            took = duration(time.monotonic() - began)
            said = f"{error.message} during step {step.number} after {took}"
            way_out = "; ".join(filter(None, (error.way_out, self.way_on())))
            detail = self.explain(ConnectionLostError(said, way_out))
        except InterruptedRunError as error:
            detail = self.explain(InterruptedRunError(error.message, error.way_out or self.way_on()))
        except Exception as error:  # a fault of ours in one step must not take the other clock with it
            outcome, detail = outcome_of(error), self.explain(error)
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
            report.flush()
            await self._finish(step, report, outcome, time.monotonic() - began, detail)
        return outcome

    async def _finish(
        self, step: Step, report: StepReporter, outcome: Outcome, seconds: float, detail: str
    ) -> None:
        self.findings += report.findings_total
        detail = self.details[step] = shorten(detail, _LONGEST)
        finished = ev.StepFinished(
            time=ev.now(),
            run=self.plan.run,
            server=self.plan.server,
            step=step,
            outcome=outcome,
            seconds=round(seconds, 3),
            detail=detail,
            slow=is_slow(seconds, limit(self.plan.standards.get(step), self.plan.expected.get(step))),
        )
        self.journal.append(finished)
        body = record.step_body(finished, self.plan, report.findings, report.findings_total)
        await self.write(Kind.STEP, body)

    def explain(self, error: Exception) -> str:
        """The line that says what went wrong; the first one becomes the run's."""
        line = str(error) if isinstance(error, TuibackupError) else crash.record(error, self.config.state)
        line = shorten(line, _LONGEST)
        self.error = self.error or line
        return line

    def way_on(self) -> str:
        """What the next run will do about what this one did not finish."""
        return GOES_ON if self.kept else STARTS_AGAIN

    def abandon(self, error: Exception) -> None:
        """The run ends with `error`: every clock that has no result yet ends with it."""
        line = self.explain(error)
        if isinstance(error, BusyError):
            self.busy = True  # nothing was tried: the clocks stay as they are
            return
        for clock in Clock:
            self.fail(clock, outcome_of(error), line)

    def fail(self, clock: Clock, outcome: Outcome, detail: str) -> None:
        """Set a clock's result unless it has one: what was published stays published."""
        if clock in self.plan.clocks:
            self.clocks.setdefault(clock, ev.ClockResult(outcome=outcome, detail=detail))


def outcome_of(error: BaseException) -> Outcome:
    """Whether an error interrupted the work (it can simply be done again) or made it fail."""
    if isinstance(error, ConnectionLostError | InterruptedRunError):
        return Outcome.INTERRUPTED
    return Outcome.FAILED
