"""The questions of a face to its helpers, and their answers: plain data, which imports nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.overview.picture import (
    LOG_ROWS,
    WEEKS,
    LastRun,
    LogPage,
    LogRow,
    Room,
    RunFace,
    StoredDump,
)
from tuibackup.run.journal.view import RunView
from tuibackup.sop import Clock, Outcome

if TYPE_CHECKING:
    from tuibackup.ledger.queries import ClockFact, DrillFact
    from tuibackup.run.stored import Lost
    from tuibackup.run.unfinished import Unfinished

Of = tuple[str, Clock]
Weeks = tuple[Outcome | None, ...]

# Runs under way, and the configuration's file


@dataclass(frozen=True, slots=True)
class NearQuestion:
    """`run`: the ended run that is wanted from its journal; "" for none."""

    run: str = ""


@dataclass(frozen=True, slots=True)
class NearAnswer:
    """The runs under way by server, None if nothing is new.

    `died`: a run died and must be recorded. `ended`: the `run` that was asked for, None if its journal does not tell
    how it ended. `config`: the file as it was read again; `config_problem`: why it could not be.
    """

    faces: Mapping[str, RunFace] | None = None
    died: bool = False
    run: str = ""
    ended: RunFace | None = None
    config: Config | None = None
    config_problem: str = ""
    problem: str = ""


# The ledger


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the ledger records about one server."""

    clocks: "Mapping[Clock, ClockFact]" = field(default_factory=dict)
    last: LastRun | None = None
    drills: "Mapping[Clock, DrillFact]" = field(default_factory=dict)
    why: Mapping[Clock, str] = field(default_factory=dict)
    weeks: Weeks = (None,) * WEEKS


@dataclass(frozen=True, slots=True)
class LogNews:
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

    def on(self, page: LogPage) -> LogPage:
        """The page with what is new."""
        rows = () if self.anew else page.rows
        rows = (*self.above, *rows, *self.below) if self.above or self.below else rows
        return LogPage(
            rows[:LOG_ROWS], self.matching, self.total,
            filter=self.filter, searching=self.searching, more=self.more,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LedgerQuestion:
    """`table_only`: without the log and the weeks. `run`: the run whose record is wanted, "" for none."""

    log_filter: str = ""
    table_only: bool = False
    run: str = ""


@dataclass(frozen=True, slots=True)
class LedgerAnswer:
    """What is new since the answer before.

    `problem`: why nothing can be read now; `unrecorded`: why nothing can be recorded. `facts` are those of the servers
    that changed; with `anew`, of all. `view` is the run that was asked for, as it is recorded.
    """

    problem: str = ""
    unrecorded: str = ""
    facts: Mapping[str, ServerFacts] = field(default_factory=dict)
    anew: bool = False
    log: LogNews | None = None
    view: RunView | None = None


# The backup disk


@dataclass(frozen=True, slots=True)
class DiskQuestion:
    """`facts`: news of the ledger about clocks; look for their snapshots. `server`: its newest dump is wanted.
    `recover`: record runs that died. `newest`: find the newest good snapshots, which the ledger may lack.
    """

    facts: "Mapping[Of, ClockFact]" = field(default_factory=dict)
    server: str = ""
    recover: bool = False
    newest: bool = False


@dataclass(frozen=True, slots=True)
class ServerOnDisk:
    """What the disk holds of one server; `newest` is None if nobody looked for it."""

    lost: "Mapping[Clock, Lost]" = field(default_factory=dict)
    unfinished: "Unfinished | None" = None
    newest: Mapping[Clock, datetime] | None = None


@dataclass(frozen=True, slots=True)
class DiskAnswer:
    """`problem`: why nothing can be read. `servers` are those looked at since the last answer; `searching`: others
    follow. `recorded`: runs that died were recorded in the ledger; `fault`: why that was not possible.
    """

    problem: str = ""
    fault: str = ""
    recorded: bool = False
    room: Room | None = None
    servers: Mapping[str, ServerOnDisk] = field(default_factory=dict)
    searching: bool = False
    dump: StoredDump | None = None
