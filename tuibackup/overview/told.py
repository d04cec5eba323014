"""The questions of a face to its helpers, and their answers: plain data, which imports nothing else.

Structs, because they are made and sent faster than dataclasses: a start makes all of them and sends those of hundreds
of servers.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tuibackup.config import Config
from tuibackup.overview.coverage import Coverage
from tuibackup.overview.picture import (
    LOG_ROWS,
    WEEKS,
    Damage,
    LastRun,
    LedgerState,
    LogPage,
    LogRow,
    Mark,
    Room,
    RunFace,
    StoredDump,
    Telling,
)
from tuibackup.run.journal.events import Slow, Unusual
from tuibackup.run.journal.job_view import JobView
from tuibackup.run.journal.view import RunView
from tuibackup.sop import Clock, Outcome

if TYPE_CHECKING:
    from tuibackup.run.stored import Lost
    from tuibackup.run.unfinished import Unfinished

Of = tuple[str, Clock]
Weeks = tuple[Outcome | None, ...]

# Runs under way, and the configuration's file


class NearQuestion(msgspec.Struct, frozen=True):
    """`run`: the ended run that is wanted from its journal; "" for none."""

    run: str = ""


class NearAnswer(msgspec.Struct, frozen=True):
    """The runs under way by server, None if nothing is new; likewise the other `jobs`, with those that ended just now.

    `died`: a run died and must be recorded. `ended`: the `run` that was asked for, None if its journal does not tell
    how it ended. `config`: the file as it was read again; `config_problem`: why it could not be. `themes`: the files in
    the folder beside it. `telling`: where the messages stand.
    """

    faces: Mapping[str, RunFace] | None = None
    died: bool = False
    run: str = ""
    ended: RunFace | None = None
    config: Config | None = None
    config_problem: str = ""
    problem: str = ""
    jobs: tuple[JobView, ...] | None = None
    themes: Mark = ()
    telling: tuple[Telling, ...] = ()


# The ledger


class Good(msgspec.Struct, frozen=True):
    """A clock that was tried: the start of the snapshot that reset it last, and its spec (None: never)."""

    started: datetime | None
    snapshot: str | None


class Drill(msgspec.Struct, frozen=True):
    """One drill. `error`: why it could not be carried out, or the first thing that differed."""

    snapshot: str
    outcome: Outcome
    time: datetime
    seconds: float
    error: str = ""


class Drills(msgspec.Struct, frozen=True):
    """The drills of one clock's snapshots: the `last` that was carried out, a newer one that was only `tried`, and when
    one was last `proven`: nothing differed.
    """

    last: Drill | None
    tried: Drill | None = None
    proven: datetime | None = None


class ServerFacts(msgspec.Struct, frozen=True):
    """What the ledger records about one server."""

    clocks: Mapping[Clock, Good] = {}
    last: LastRun | None = None
    drills: Mapping[Clock, Drills] = {}
    damages: tuple[Damage, ...] = ()
    why: Mapping[Clock, str] = {}
    coverage: Coverage = Coverage()
    unusual: Mapping[Clock, tuple[Unusual, ...]] = {}  # of the last run
    slow: tuple[Slow, ...] = ()  # its steps over their standard, while nobody has said why
    weeks: Weeks = (None,) * WEEKS


class LogNews(msgspec.Struct, frozen=True):
    """What is new on the page for `filter`: rows `above` and `below` those sent before; with `anew` these are all.

    `matching` of all `total` entries match, as far as the search came; `searching`: it goes on. `more`: it ended early.
    """

    filter: str
    above: tuple[LogRow, ...]
    below: tuple[LogRow, ...]
    matching: int
    total: int
    searching: bool
    more: bool
    anew: bool
    state: LedgerState

    def on(self, page: LogPage) -> LogPage:
        """The page with what is new."""
        rows = () if self.anew else page.rows
        rows = (*self.above, *rows, *self.below) if self.above or self.below else rows
        return LogPage(
            rows[:LOG_ROWS], self.matching, self.total,
            filter=self.filter, searching=self.searching, more=self.more, state=self.state,
        )  # fmt: skip


class LedgerQuestion(msgspec.Struct, frozen=True):
    """`table_only`: without the log and the weeks. `run`: the run whose record is wanted, "" for none."""

    log_filter: str = ""
    table_only: bool = False
    run: str = ""


class LedgerAnswer(msgspec.Struct, frozen=True):
    """What is new since the answer before.

    `problem`: why nothing can be read now; `unrecorded`: why nothing can be recorded. `facts` are those of the servers
    that changed; with `anew`, of all. `view` is the run that was asked for, as it is recorded. `growth`: bytes that a
    month adds to the backup disk, None where that is not new.
    """

    problem: str = ""
    unrecorded: str = ""
    facts: Mapping[str, ServerFacts] = {}
    anew: bool = False
    log: LogNews | None = None
    view: RunView | None = None
    growth: float | None = None


# The backup disk


class DiskQuestion(msgspec.Struct, frozen=True):
    """`recorded`: news of the ledger about clocks, the specs of the snapshots to look for; `damaged`: likewise of each
    server what was found damaged. `server`: its newest dump is wanted. `recover`: record runs that died.
    `newest`: find the newest good snapshots, which the ledger may lack.
    """

    recorded: Mapping[Of, str | None] = {}
    damaged: Mapping[str, tuple[Damage, ...]] = {}
    server: str = ""
    recover: bool = False
    newest: bool = False


class ServerOnDisk(msgspec.Struct, frozen=True):
    """What the disk holds of one server; `newest` is None if nobody looked for it. `gone` are the specs of damaged
    snapshots that somebody has removed; `healed` of those that a newer good one replaces, with its spec.
    """

    lost: "Mapping[Clock, Lost]" = {}
    unfinished: "Unfinished | None" = None
    newest: Mapping[Clock, datetime] | None = None
    gone: frozenset[str] = frozenset()
    healed: Mapping[str, str] = {}


class DiskAnswer(msgspec.Struct, frozen=True):
    """`problem`: why nothing can be read. `servers` are those looked at since the last answer; `searching`: others
    follow. `recorded`: runs that died were recorded in the ledger; `fault`: why that was not possible.
    """

    problem: str = ""
    fault: str = ""
    recorded: bool = False
    room: Room | None = None
    servers: Mapping[str, ServerOnDisk] = {}
    searching: bool = False
    dump: StoredDump | None = None
