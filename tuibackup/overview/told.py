"""What a face asks its helpers and what they tell: plain data, and nothing else is loaded for it."""

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
    """`run`: this one, which ended, is wanted from its journal; "" for none."""

    run: str = ""


@dataclass(frozen=True, slots=True)
class NearAnswer:
    """The runs under way by server, None where nothing is new of them.

    `died`: one ended without its last line, and is to be recorded. `ended`: the `run` that was asked for, None where
    its journal does not tell how it ended. `config`: the file was read again; `config_problem`: why it cannot be.
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
    """What is recorded of one server."""

    clocks: "Mapping[Clock, ClockFact]" = field(default_factory=dict)
    last: LastRun | None = None
    drills: "Mapping[Clock, DrillFact]" = field(default_factory=dict)
    why: Mapping[Clock, str] = field(default_factory=dict)
    weeks: Weeks = (None,) * WEEKS


@dataclass(frozen=True, slots=True)
class LogNews:
    """What is new on the page for `filter`: rows `above` those that were told, and `below`; at `anew` these are all.

    `matching` of all `total` entries fit, as far as the search came; `searching`: it goes on. `more`: it ended early.
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
    """`table_only`: neither the log nor the weeks. `run`: the record of that run is wanted, "" for none."""

    log_filter: str = ""
    table_only: bool = False
    run: str = ""


@dataclass(frozen=True, slots=True)
class LedgerAnswer:
    """What is new since the answer before.

    `problem`: why nothing can be read now; `unrecorded`: why nothing can be recorded. `facts` are of the servers that
    changed; at `anew` of all. `view` is the run that was asked for, as it is recorded.
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
    """`facts`: what the ledger newly says of clocks, whose snapshots are to be looked for. `server`: its newest dump is
    wanted. `recover`: record runs that died. `newest`: the newest good snapshots are wanted, the ledger may lack them.
    """

    facts: "Mapping[Of, ClockFact]" = field(default_factory=dict)
    server: str = ""
    recover: bool = False
    newest: bool = False


@dataclass(frozen=True, slots=True)
class ServerOnDisk:
    """What lies there of one server; `newest` is None where nobody looked for it."""

    lost: "Mapping[Clock, Lost]" = field(default_factory=dict)
    unfinished: "Unfinished | None" = None
    newest: Mapping[Clock, datetime] | None = None


@dataclass(frozen=True, slots=True)
class DiskAnswer:
    """`problem`: why nothing can be said. `servers` are those looked at since the answer before; `searching`: others
    are still to be. `recorded`: runs that died were put into the ledger; `fault`: why that cannot be.
    """

    problem: str = ""
    fault: str = ""
    recorded: bool = False
    room: Room | None = None
    servers: Mapping[str, ServerOnDisk] = field(default_factory=dict)
    searching: bool = False
    dump: StoredDump | None = None
