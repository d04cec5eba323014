"""Gathers the picture from configuration, ledger, vault and journals. Blocking: it runs in a thread, twice a second.

A helper process reads each of them: if one does not answer, the others do not wait for it, and the picture says so. The
picture is put together from their last answers; a server without news keeps its row.
"""

import socket
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from tuibackup.config import Config
from tuibackup.overview.desk import SILENT, Desk
from tuibackup.overview.forecast import full_by
from tuibackup.overview.helper import Fault, Helper
from tuibackup.overview.picture import (
    Damage,
    LogPage,
    Mark,
    Picture,
    Room,
    Rows,
    RunFace,
    ServerRow,
    StoredDump,
    Telling,
)
from tuibackup.overview.table import Table
from tuibackup.overview.told import (
    DiskAnswer,
    DiskQuestion,
    LedgerAnswer,
    LedgerQuestion,
    NearAnswer,
    NearQuestion,
    Of,
)
from tuibackup.run.journal.job_view import JobView
from tuibackup.words import later, sentence

if TYPE_CHECKING:
    from tuibackup.overview.on_disk import DiskLook
    from tuibackup.overview.recorded import LedgerLook
    from tuibackup.overview.underway import NearLook

_SOON = 1.0  # seconds that a picture waits for journals and ledger; what comes later is in the next
_DISK_SOON = 0.3  # likewise for the backup disk, which may be far away
_TURNS = 4  # questions that lead to others, for one picture
_T = TypeVar("_T")


class Wish(msgspec.Struct, frozen=True):
    """What the screen needs besides the table: the run of one server, and the filtered log.

    `table_only`: neither log nor the weeks' history.
    """

    server: str = ""
    log_filter: str = ""
    table_only: bool = False


class Source(Protocol):
    """Where pictures come from; tests have a source of their own."""

    operator: str

    @property
    def config(self) -> Config:
        """The configuration of the last picture; it is read again when its file changes."""

    def first(self) -> Picture:
        """A picture at once, from the configuration alone."""

    def gather(self, wish: Wish) -> Picture:
        """Everything as it is now. Blocks; errors of ledger and vault are in the picture's `problems`."""

    @property
    def desk(self) -> Desk:
        """Where to ask for plans, a server's past, and what a run said."""

    def close(self) -> None:
        """Let go of files."""


class Gatherer:
    """The real source. Create it before this process has threads."""

    def __init__(self, config: Config, who: str, *, read_only: bool = False, desk: bool = False) -> None:
        """`read_only`: nothing is written, not even that a run died. `desk`: what it answers will be asked for."""
        self.config = config
        self.operator = who
        self._read_only = read_only
        self._host = socket.gethostname().partition(".")[0]
        crashes = None if read_only else config.state
        self._near = Helper("tuibackup-runs", partial(_near, config), crashes)
        self._ledger = Helper("tuibackup-ledger", partial(_ledger, config, read_only=read_only), crashes)
        self._disk = Helper("tuibackup-disk", partial(_disk, config, read_only=read_only), crashes)
        self._desk = Desk(config, crashes, read_only=read_only) if desk else None
        self._told: dict[str, str] = {}  # by helper that has answered what is wrong, "" for nothing
        self._table = Table(config)
        self._config_problem = ""
        self._themes: Mark = ()
        self._telling: tuple[Telling, ...] = ()
        self._unrecorded = ""
        self._log = LogPage(read=False)
        self._jobs: tuple[JobView, ...] = ()
        self._room: Room | None = None
        self._growth = 0.0  # bytes that a month adds
        self._searching = True  # servers on the disk
        self._dump: StoredDump | None = None
        self._disk_fault = ""
        self._news: dict[Of, str | None] = {}  # snapshots by their specs, for the disk's helper
        self._damaged: dict[str, tuple[Damage, ...]] = {}  # likewise those found damaged, by server
        self._recover = not read_only
        self._recorded = False  # runs that died are in the ledger since it was read last
        self._last = ""  # the last recorded run of the server that the screen is at
        self._shown: RunFace | None = None  # that run, once its journal or the ledger told it
        self._untold = False  # its journal did not
        self._doubted = False  # whether the disk was asked while the ledger was doubtful

    def first(self) -> Picture:
        rows = Rows(ServerRow(name, server.label) for name, server in self.config.servers.items())
        return replace(self._frame(datetime.now(UTC)), rows=rows, complete=False)

    @property
    def desk(self) -> Desk:
        """See `Source`; there is one only where it was asked for."""
        assert self._desk
        return self._desk

    def close(self) -> None:
        for one in (self._near, self._ledger, self._disk, self._desk):
            if one:
                one.close()

    def gather(self, wish: Wish) -> Picture:
        self._ask(wish)
        return self._picture(datetime.now(UTC), wish)

    def _ask(self, wish: Wish) -> None:
        for _turn in range(_TURNS):
            self._look(wish)
            if not self._more(wish.server):
                return

    def settled(self, wish: Wish) -> Picture:
        """The picture when every helper that answers has answered; each has a few seconds for that."""
        helpers = (self._near, self._ledger, self._disk)
        while True:
            self._ask(wish)
            owing = [helper.owing for helper in helpers]
            # What a helper that was killed would have told never comes.
            more = self._more(wish.server) or self._searching
            settled = not more or any(helper.ended for helper in helpers)
            if (settled and not any(owing)) or max(owing) >= SILENT:
                return self._picture(datetime.now(UTC), wish)

    def _more(self, server: str) -> bool:
        """Whether the last answers lead to more questions."""
        last = self._table.facts(server).last
        shown = server in self._table.faces or (last.run if last else "") == self._last
        doubts = self._doubtful and not self._doubted
        return (
            self._recorded or self._untold or not shown or doubts or bool(self._news and not self._disk.owing)
        )

    @property
    def _doubtful(self) -> bool:
        """Whether the ledger may lack something, so that the vault is asked for the newest snapshots."""
        return bool(self._unrecorded or self._told.get(self._ledger.name)) or self._read_only

    def _look(self, wish: Wish) -> None:
        """Ask the helpers that owe no answer, and take answers that come soon."""
        self._aim(wish.server)
        run = self._last if self._shown is None else ""
        near = self._near.ask(NearQuestion("" if self._untold else run))
        ledger = self._ledger.ask(
            LedgerQuestion(wish.log_filter, wish.table_only, run if self._untold else "")
        )
        doubtful = self._doubtful
        disk = self._disk.ask(DiskQuestion(self._news, self._damaged, wish.server, self._recover, doubtful))
        if ledger:
            self._recorded = False
        if disk:
            self._news, self._damaged, self._recover, self._doubted = {}, {}, False, doubtful
        began = monotonic()
        self._take(self._near, began + _SOON if near else 0.0, self._take_near)
        self._take(self._ledger, began + _SOON if ledger else 0.0, self._take_ledger)
        self._take(self._disk, began + _DISK_SOON if disk else 0.0, self._take_disk)

    def _aim(self, server: str) -> None:
        """Ask for the last run of this server, unless one is under way, whose journal is read anyway."""
        last = self._table.facts(server).last
        run = last.run if last and server not in self._table.faces else ""
        if run != self._last:
            self._last, self._shown, self._untold = run, None, False

    def _take(self, helper: Helper[Any, _T], until: float, take: Callable[[_T], None]) -> None:
        """Take an answer that comes until then; of a helper that was asked before what is there by now."""
        answer = helper.answer(until)
        if isinstance(answer, Fault):
            self._told[helper.name] = answer.line
        elif answer is not None:
            take(answer)

    def _take_near(self, answer: NearAnswer) -> None:
        self._told[self._near.name] = answer.problem
        if answer.faces is not None:
            self._table.follow(answer.faces)
        if answer.jobs is not None:
            self._jobs = answer.jobs
        if answer.run and answer.run == self._last:
            self._shown, self._untold = answer.ended, answer.ended is None
        self._recover = self._recover or (answer.died and not self._read_only)
        self._config_problem, self._themes = answer.config_problem, answer.themes
        self._telling = answer.telling
        if answer.config:
            self._renew(answer.config)

    def _renew(self, config: Config) -> None:
        """Use this configuration from now on."""
        self.config = config
        self._table.renew(config)
        self._searching = True
        self._ledger.begin(partial(_ledger, config, read_only=self._read_only))
        self._disk.begin(partial(_disk, config, read_only=self._read_only))
        if self._desk:
            self._desk.renew(config)

    def _take_ledger(self, answer: LedgerAnswer) -> None:
        self._told[self._ledger.name] = answer.problem
        self._unrecorded = answer.unrecorded
        self._table.record(answer.facts, anew=answer.anew)
        self._news.update(
            ((server, clock), good.snapshot)
            for server, facts in answer.facts.items()
            for clock, good in facts.clocks.items()
        )
        self._damaged.update((server, facts.damages) for server, facts in answer.facts.items())
        if answer.growth is not None:
            self._growth = answer.growth
        if answer.log:
            self._log = answer.log.on(self._log)
        if answer.view and answer.view.run == self._last:
            self._shown, self._untold = RunFace(answer.view, active=False), False

    def _take_disk(self, answer: DiskAnswer) -> None:
        self._told[self._disk.name] = answer.problem
        self._disk_fault = answer.fault
        self._recorded = self._recorded or answer.recorded
        self._room, self._dump, self._searching = answer.room, answer.dump, answer.searching
        if answer.problem:
            self._table.lose_disk()
        self._table.find(answer.servers)

    # The picture

    def _frame(self, now: datetime) -> Picture:
        return Picture(
            now=now,
            operator=self.operator,
            host=self._host,
            sop=self.config.sop,
            drill_within=self.config.drill.within,
            source=str(self.config.source),
            themes=self._themes,
            copies=bool(self.config.copies),
            tells=self.config.notify.tells,
            telling=self._telling,
        )

    def _picture(self, now: datetime, wish: Wish) -> Picture:
        return replace(
            self._frame(now),
            rows=self._table.rows(now, read=self._told.get(self._ledger.name) == ""),
            room=self._room,
            full=self._full(now),
            shown=self._shown,
            stored=self._dump if self._dump and self._dump.server == wish.server else None,
            log=self._log,
            jobs=self._jobs,
            problems=self._problems(),
            complete=all(
                helper.name in self._told or helper.owing >= SILENT for helper in (self._near, self._ledger)
            ),
        )

    def _full(self, now: datetime) -> date | None:
        if self._room is None:
            return None
        free = max(0, self._room.free - self.config.vault.least_free(self._room.total))
        return full_by(free, self._growth, now.astimezone().date())

    def _problems(self) -> tuple[str, ...]:
        silent = (
            (self._disk, later("the backup disk does not answer, {seconds} s")),
            (self._ledger, later("the ledger does not answer, {seconds} s")),
            (self._near, later("the state folder does not answer, {seconds} s")),
        )
        problems = [
            sentence(text, seconds=int(helper.owing)) for helper, text in silent if helper.owing >= SILENT
        ]
        problems += [self._told.get(helper.name, "") for helper in (self._near, self._ledger)]
        problems.append(self._disk_fault)
        if self._unrecorded:
            problems = [problem for problem in problems if problem != self._unrecorded]
            problems.append(sentence("nothing can be recorded: {fault}", fault=self._unrecorded))
        problems.append(self._told.get(self._disk.name, ""))
        if self._config_problem:
            problems.append(
                sentence(
                    "{problem} (the configuration that was read before stays in force)",
                    problem=self._config_problem,
                )
            )
        return tuple(dict.fromkeys(problem for problem in problems if problem))


def look_once(config: Config, who: str, *, read_only: bool = False) -> Picture:
    """The table of all servers, once everything that answers has answered. To be called before there are threads."""
    source = Gatherer(config, who, read_only=read_only)
    try:
        return source.settled(Wish(table_only=True))
    finally:
        source.close()


# Each is imported in its helper only, because the face does not need these modules.


def _near(config: Config) -> "NearLook":
    from tuibackup.overview.underway import NearLook

    return NearLook(config)


def _ledger(config: Config, *, read_only: bool) -> "LedgerLook":
    from tuibackup.overview.recorded import LedgerLook

    return LedgerLook(config, read_only=read_only)


def _disk(config: Config, *, read_only: bool) -> "DiskLook":
    from tuibackup.overview.on_disk import DiskLook

    return DiskLook(config, read_only=read_only)
