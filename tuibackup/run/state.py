"""The state of a run while it is carried out: what its steps share, and their results so far."""

from dataclasses import InitVar, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config, Server
from tuibackup.errors import BusyError, ConnectionLostError, InterruptedRunError, TuibackupError
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.remote.questions import Answers
from tuibackup.run.held import once_free
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.run.plan import Plan
from tuibackup.run.process import crash
from tuibackup.run.questions import RememberedAnswers
from tuibackup.run.unfinished import GOES_ON, STARTS_AGAIN
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.text import printable, shorten
from tuibackup.vault.layout import Vault
from tuibackup.words import sentence

if TYPE_CHECKING:
    import asyncio

    from tuibackup.database.connect.login import DatabaseSession
    from tuibackup.remote.probe import Probe
    from tuibackup.remote.session import Session
    from tuibackup.vault.facts import Facts

# Cells of a result or an error. A server has words in many of them, and the end of a journal is looked for in its
# last 64 KiB: a run whose last line is longer would count as dead.
LONGEST = 1000


@dataclass(slots=True)
class Work:
    """The one owner of a run's state. `clocks` and `error` become its outcome."""

    plan: Plan
    config: Config
    journal: Journal
    ledger: Ledger
    answering: InitVar[Answers]
    server: Server = field(init=False)
    vault: Vault = field(init=False)  # known once `needs.find_vault` has found it
    answers: RememberedAnswers = field(init=False)
    session: "Session | None" = None
    let_go: bool = False  # whether we closed the connection to wait for a slot
    probe: "Probe | None" = None
    database: "DatabaseSession | None" = None
    facts: "Facts | None" = None  # what a rebuild needs to know, as far as it was gathered
    gathering: "asyncio.Task[None] | None" = None  # that does so
    clocks: dict[Clock, ev.ClockResult] = field(default_factory=dict)
    details: dict[Step, str] = field(default_factory=dict)
    error: str = ""
    busy: bool = False
    findings: int = 0
    slow: list[ev.Slow] = field(default_factory=list)
    took: dict[Step, float] = field(default_factory=dict)  # seconds of the steps that ended
    noted: set[str] = field(default_factory=set)
    unfinished: bool = False  # something of step 2 lies there for the next run

    def __post_init__(self, answering: Answers) -> None:
        self.answers = RememberedAnswers(answering, self._asked)

    def _asked(self, question: str, answered: bool) -> None:
        self.emit(ev.RunAsked, question=question, answered=answered)

    def connected(self) -> "Session":
        """The server's connection. Raises ConnectionLostError if there is none."""
        if self.session is None:
            raise ConnectionLostError(sentence("{server} is not connected", server=self.plan.server))
        return self.session

    def tools(self) -> "Probe":
        """The tools of the server, known once it was reached."""
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
        """Append to the ledger, once no other process holds it; on the disk when this returns."""
        await once_free(partial(self.append, kind, body), self.note)

    def append(self, kind: Kind, body: dict[str, Any]) -> None:
        """The same where nothing can be awaited."""
        plan = self.plan
        self.ledger.append(kind, body, operator=plan.operator.name, server=plan.server, run=plan.run)

    def explain(self, error: Exception) -> str:
        """The line that says what went wrong; the first one becomes the run's."""
        line = str(error) if isinstance(error, TuibackupError) else crash.record(error, self.config.state)
        line = shorten(line, LONGEST)
        self.error = self.error or line
        return line

    def way_on(self) -> str:
        """What the next run will do with the work that this one did not finish."""
        return GOES_ON if self.unfinished else STARTS_AGAIN

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
    """Whether an error interrupted the work, which can be done again as it is, or made it fail."""
    if isinstance(error, ConnectionLostError | InterruptedRunError):
        return Outcome.INTERRUPTED
    return Outcome.FAILED
