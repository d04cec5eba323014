"""What a report tells, as plain data: gathered once (`gather`), put on paper in any form (`pages`)."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from tuibackup.config.report import ReportSettings
from tuibackup.config.settings import Standards
from tuibackup.jobs.report.period import Span
from tuibackup.sop import Clock, Outcome, Period, State, Step

Kept = Literal["kept", "late", "missed", "never"]


class StepFact(msgspec.Struct, frozen=True, rename="kebab"):
    """One of the four steps of a run: its actual `seconds` beside the `standard`, or what history let expect."""

    step: Step
    outcome: Outcome
    seconds: float
    standard: float | None = None
    expected: float | None = None
    slow: bool = False
    detail: str = ""
    findings: tuple[tuple[str, str], ...] = ()  # subject and reason of what was listed one by one
    findings_total: int = 0


class Stored(msgspec.Struct, frozen=True, rename="kebab"):
    """What a run stored for one clock; `snapshot` is "" where nothing was published."""

    clock: Clock
    outcome: Outcome
    snapshot: str = ""
    items: int = 0
    bytes: int = 0
    detail: str = ""


class Note(msgspec.Struct, frozen=True, rename="kebab"):
    """What somebody wrote, about a server or a run or nothing in particular ("")."""

    time: datetime
    who: str
    text: str
    server: str = ""
    run: str = ""


class Need(msgspec.Struct, frozen=True, rename="kebab"):
    """*Kebutuhan*: what a run needed, and whether it was there."""

    need: str
    met: bool
    detail: str


class Run(msgspec.Struct, frozen=True, rename="kebab"):
    """One run of one server, whatever its outcome."""

    run: str
    server: str
    started: datetime
    ended: datetime
    who: str
    outcome: Outcome
    seconds: float
    error: str = ""
    steps: tuple[StepFact, ...] = ()
    stored: tuple[Stored, ...] = ()
    needs: tuple[Need, ...] = ()
    notes: tuple[Note, ...] = ()
    unusual: tuple[str, ...] = ()  # sentences

    def step(self, step: Step) -> StepFact | None:
        """That step, if the run came to it."""
        return next((one for one in self.steps if one.step is step), None)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What people wrote about it."""
        return tuple(f"{note.text} ({note.who})" for note in self.notes)


class Lapse(msgspec.Struct, frozen=True, rename="kebab"):
    """A backup that was `due` by the end of that day and did not come then: `came` `days` late, or None: not yet."""

    due: date
    came: date | None
    days: int


class Compliance(msgspec.Struct, frozen=True, rename="kebab"):
    """How one clock of a server was kept: `good` backups in the span, the `last` one by its end, and each `lapse`.

    `state` is the clock's by the end of the span, `due` the day until which the next one is in time.
    """

    server: str
    clock: Clock
    within: Period
    good: int
    last: datetime | None
    state: State
    due: date | None
    lapses: tuple[Lapse, ...] = ()

    @property
    def verdict(self) -> Kept:
        """In one word."""
        if self.last is None:
            return "never"
        if any(lapse.came is None for lapse in self.lapses):
            return "missed"
        return "late" if self.lapses else "kept"


class Restore(msgspec.Struct, frozen=True, rename="kebab"):
    """A restore. `body` is its entry's: what only the form of one restore needs."""

    number: int
    job: str
    time: datetime
    server: str
    who: str
    snapshot: str
    to: str
    outcome: Outcome
    seconds: float
    approved_by: str = ""
    reason: str = ""
    error: str = ""
    detail: str = ""
    body: Mapping[str, Any] = {}


class Proof(msgspec.Struct, frozen=True, rename="kebab"):
    """A drill, or a snapshot that was read again and compared."""

    time: datetime
    server: str
    who: str
    snapshot: str
    outcome: Outcome
    seconds: float
    detail: str = ""
    error: str = ""


class Verified(msgspec.Struct, frozen=True, rename="kebab"):
    """How many snapshots of a server were read again in the span, and what was wrong."""

    server: str
    snapshots: int
    sound: int
    problems: tuple[str, ...] = ()


class Scope(msgspec.Struct, frozen=True, rename="kebab"):
    """What of a server is backed up by the configuration, and what is not: accepted, or *unprotected*."""

    server: str
    label: str = ""
    host: str = ""
    folders: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    databases: int | None = None  # of the newest snapshot; None: nothing is known, or there is no database
    has_database: bool = False
    database_exclude: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()  # sentences
    unprotected: tuple[str, ...] = ()
    looked: datetime | None = None
    configured: bool = True  # False: it was backed up in the span, and is in the configuration no more


class Copied(msgspec.Struct, frozen=True, rename="kebab"):
    """The copies of a server's snapshots to one place: how many were made in the span (`done`), how many tries came to
    nothing (`other`), and the `last` of all; when the report is made so many are there (`held`), and so many `missing`.
    """

    copy: str
    server: str
    done: int
    other: int
    last: datetime | None
    error: str = ""
    held: int = 0
    missing: int = 0


class Place(msgspec.Struct, frozen=True, rename="kebab"):
    """A second place, as the ledger knows it at the report's making: what lies there, and what is to be known of it."""

    copy: str
    to: str
    held: int
    bytes: int
    last: datetime | None
    off_site: bool
    encrypted: bool
    remarks: tuple[str, ...] = ()


class Retained(msgspec.Struct, frozen=True, rename="kebab"):
    """What is kept of a server by which rule, and what was removed in the span; `held` stays whatever the rule says."""

    server: str
    files: str
    databases: str
    removed: int
    held: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, rename="kebab"):
    """An entry that belongs to no run: a note, a change of the configuration, a host key, a hold."""

    time: datetime
    kind: str
    server: str
    who: str
    text: str


class Integrity(msgspec.Struct, frozen=True, rename="kebab"):
    """The ledger by the end of the span: its last entry, what checking it found, and the last seal, its `key`'s
    fingerprint and who made it. `unasked`: why the snapshots could not be compared with it, "" where they were.

    Entries about reports do not count: making one twice must give the same paper.
    """

    entries: int
    head: str
    time: datetime | None
    problems: tuple[str, ...] = ()
    unasked: str = ""
    sealed: datetime | None = None
    sealed_by: str = ""
    key: str = ""


class Report(msgspec.Struct, frozen=True, rename="kebab"):
    """One report. `kind` decides the form: a span of days, one `run` or one `restore`. `day` stands at its foot."""

    kind: Literal["period", "run", "restore"]
    day: date
    identity: ReportSettings
    standards: Standards
    number: str = ""
    server: str = ""  # only of this one; "": of all
    span: Span | None = None
    runs: tuple[Run, ...] = ()
    compliance: tuple[Compliance, ...] = ()
    drilled: tuple[Compliance, ...] = ()  # the third clock, of each clock's snapshots
    restores: tuple[Restore, ...] = ()
    drills: tuple[Proof, ...] = ()
    verified: tuple[Verified, ...] = ()
    scope: tuple[Scope, ...] = ()
    places: tuple[Place, ...] = ()
    copied: tuple[Copied, ...] = ()
    retained: tuple[Retained, ...] = ()
    events: tuple[Event, ...] = ()
    notes: tuple[Note, ...] = ()  # about a server, none of its runs
    integrity: Integrity | None = None
