"""The events of a journal, of a run or of another job, one JSON object a line. docs/json.md documents the shapes.

Times are UTC, ISO 8601 with milliseconds; durations are seconds; sizes bytes. Texts are printable already, and English:
in a line of a journal `said` holds what the sentences among them were made of, in an event they carry it themselves.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from tuibackup.parts import as_text, given_back, parts_of
from tuibackup.sop import Clock, Outcome, Step

# The exit codes of a run's process; 11 if another run holds the server (errors.BusyError).
EXIT_CODES = {Outcome.DONE: 0, Outcome.WARNINGS: 3, Outcome.FAILED: 1, Outcome.INTERRUPTED: 130}
WORST = (1, 130, 11, 3, 0)  # the first of these that one of several has is the exit code


def worst_code(codes: Iterable[int]) -> int:
    """The exit code of several runs, or of a job for several servers."""
    return min(codes, key=lambda code: WORST.index(code) if code in WORST else 0, default=0)


def now() -> str:
    """This moment as events write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", rename="kebab", omit_defaults=True):
    """Base of all events: when, of which run, on which server."""

    time: str
    run: str
    server: str
    said: dict[str, dict[str, Any]] = {}


class RunPlanned(Event, frozen=True, tag="run-planned"):
    """First line of every journal: what will be done, by whom, and what history lets expect (seconds)."""

    request: str
    clocks: tuple[Clock, ...]
    full: bool
    operator: str
    label: str = ""
    expected: dict[Step, float] = {}
    standards: dict[Step, float] = {}
    version: str = ""
    again: dict[Clock, str] = {}  # why a clock is tried again: what became of its last try
    reason: str = ""  # given beforehand for a step that may take longer than its standard


LEDGER = "ledger"  # what a run waits for while another process holds the ledger


class RunWaiting(Event, frozen=True, tag="run-waiting"):
    """The run waits; `reason` is "needs" (the request's questions), "slot" (parallel runs of this host) or LEDGER."""

    reason: str


class RunAsked(Event, frozen=True, tag="run-asked"):
    """The operator was asked something; the journal tells whether there was an answer, never the answer."""

    question: str
    answered: bool


class RunNote(Event, frozen=True, tag="run-note"):
    """Something worth knowing that changes no outcome (an ignored SSH option, a forwarded agent)."""

    text: str


class NeedsMet(Event, frozen=True, tag="needs"):
    """What the run needs and whether it is there (the SOP's *kebutuhan*), recorded in the ledger too."""

    needs: tuple[tuple[str, bool, str], ...]  # (need, met, detail)


class StepStarted(Event, frozen=True, tag="step-started"):
    step: Step


class StepProgress(Event, frozen=True, tag="step-progress"):
    """The newest state of the step; a missing total is not known. `rate` is bytes/s of recent seconds.

    `limit`: the bandwidth limit in bytes/s on the line (where the bytes may be packed), when it holds the step back.
    `lost`: there is no connection now, and `current` says what is done about it.
    """

    step: Step
    items: int
    bytes: int
    unit: str
    items_total: int | None = None
    bytes_total: int | None = None
    rate: float | None = None
    left: float | None = None
    current: str = ""
    seconds: float = 0.0
    limit: float | None = None
    lost: bool = False


class StepOutput(Event, frozen=True, tag="step-output"):
    """Lines for the dump pane and the log's tail."""

    step: Step
    lines: tuple[str, ...]


class StepFinding(Event, frozen=True, tag="step-finding"):
    """One thing that was not as it should be; `mark` keeps the clock from being reset."""

    step: Step
    subject: str
    reason: str
    mark: bool = False


class StepFinished(Event, frozen=True, tag="step-finished"):
    """`detail` is the step's result in one short line, for instance the host key or what was stored."""

    step: Step
    outcome: Outcome
    seconds: float
    detail: str = ""
    slow: bool = False


class Unusual(msgspec.Struct, frozen=True):
    """A number of a snapshot that lies far off the `median` of those before it (see `run.unusual`).

    `what`: "size" (bytes), "count" (files or databases), "time" (seconds), or "change" (the share that is new).
    """

    what: Literal["size", "count", "time", "change"]
    value: float
    median: float


class Slow(msgspec.Struct, frozen=True):
    """A step that took more `seconds` than its standard, or than its history lets expect: `limit`."""

    step: Step
    seconds: float
    limit: float


class ClockResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one clock: `snapshot` is its spec ("siakad/files/2026-…Z") where one was published.

    `seconds` of its step 2 or 4. Of files, `changed` files with `new` bytes were fetched; None where all were, or
    nobody knows.
    """

    outcome: Outcome
    whole: bool = False
    snapshot: str = ""
    started: str = ""
    items: int = 0
    bytes: int = 0
    stored: int = 0
    detail: str = ""
    seconds: float | None = None
    changed: int | None = None
    new: int | None = None
    unusual: tuple[Unusual, ...] = ()
    sums: str = ""  # SHA-256 of the snapshot's SHA256SUMS, in hex


class RunFinished(Event, frozen=True, tag="run-finished"):
    """Last line of a journal. `error` is the one line that says what went wrong and the way out."""

    outcome: Outcome
    seconds: float
    exit_code: int
    files: ClockResult | None = None
    databases: ClockResult | None = None
    error: str = ""
    findings: int = 0
    slow: tuple[Slow, ...] = ()


JobKind = Literal["restore", "verify", "drill", "recover", "retention", "hold", "copy"]


class JobPlanned(Event, frozen=True, tag="job-planned"):
    """First line of the journal of a job other than a run: what it does, and the command that does the same.

    `server` is "" for a job over the whole vault. `command` holds the words after `tuibackup`.
    """

    job: JobKind
    what: str
    command: tuple[str, ...]
    operator: str
    version: str = ""


class JobProgress(Event, frozen=True, tag="job-progress"):
    """The newest state of the part of the job that is about `subject`, a snapshot; totals, rate as in StepProgress.

    `to`: the copy, where a job is busy with several at once.
    """

    subject: str
    items: int
    bytes: int
    unit: str
    items_total: int | None = None
    bytes_total: int | None = None
    rate: float | None = None
    left: float | None = None
    current: str = ""
    seconds: float = 0.0
    to: str = ""


class JobResult(Event, frozen=True, tag="job-result"):
    """What became of one snapshot; `result` is the document that the command prints with --json."""

    outcome: Outcome
    result: dict[str, Any]


class JobFinished(Event, frozen=True, tag="job-finished"):
    """Last line. `error`: why it did not reach its end. `missed` results are not in the ledger; `fault` says why."""

    outcome: Outcome
    seconds: float
    exit_code: int
    error: str = ""
    missed: int = 0
    fault: str = ""


AnyEvent = (
    RunPlanned
    | RunWaiting
    | RunAsked
    | RunNote
    | NeedsMet
    | StepStarted
    | StepProgress
    | StepOutput
    | StepFinding
    | StepFinished
    | RunFinished
    | JobPlanned
    | JobProgress
    | JobResult
    | JobFinished
)
Planned = RunPlanned | JobPlanned
Finished = RunFinished | JobFinished

_encoder = msgspec.json.Encoder(enc_hook=as_text)
_decoder = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """One line of the journal, with its newline."""
    parts = parts_of(event)
    return _encoder.encode(msgspec.structs.replace(event, said=parts) if parts else event) + b"\n"


def decode(line: bytes) -> AnyEvent:
    """The event of one line. Raises msgspec.DecodeError on anything else."""
    event: AnyEvent = _decoder.decode(line)
    if not event.said:
        return event
    told: AnyEvent = given_back(msgspec.structs.replace(event, said={}), event.said)
    return told
