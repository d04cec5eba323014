"""Gathers the picture from configuration, ledger, vault and journals. Blocking: it runs in a thread, twice a second.

The ledger is read again only when it has a new entry, the day or the question has changed; journals are read on
from where the last look ended. Ledger and vault are imported at the first look, after the first screen is drawn.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from tuibackup.config import Config, Server
from tuibackup.errors import TuibackupError
from tuibackup.overview.logrow import log_row, view_of
from tuibackup.overview.picture import (
    WEEKS,
    LastDrill,
    LastRun,
    LogPage,
    Picture,
    Room,
    RunFace,
    ServerRow,
    StoredDump,
)
from tuibackup.run.journal.view import RunView
from tuibackup.sop import Clock, Outcome, Standing, standing
from tuibackup.text import printable
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.queries import ClockFact, DrillFact, RunFact
    from tuibackup.ledger.store import Ledger
    from tuibackup.run.stored import Lost
    from tuibackup.run.unfinished import Kept

LOG_ROWS = 500
_LOST_EVERY = 30.0  # seconds between two looks for the newest snapshots
_ROOM_EVERY = 10.0  # seconds between two looks at the backup disk
_LEDGER_EVERY = 10.0  # seconds between two tries to open a ledger that can be read only
_NO_HISTORY = (None,) * WEEKS


@dataclass(frozen=True, slots=True)
class Wish:
    """What the screen needs beside the table: the run of one server, and the log as filtered.

    `table_only`: neither log nor the weeks' history.
    """

    server: str = ""
    log_filter: str = ""
    table_only: bool = False


class Source(Protocol):
    """Where pictures come from; tests have one of their own."""

    operator: str

    def first(self) -> Picture:
        """At once, from the configuration alone."""

    def gather(self, wish: Wish) -> Picture:
        """Everything as it is now. Blocks; errors of ledger and vault are in the picture's `problems`."""

    def close(self) -> None:
        """Let go of files."""


class Gatherer:
    """The real source."""

    def __init__(self, config: Config, operator: str, *, read_only: bool = False) -> None:
        """`read_only`: nothing is written, not even that a run died."""
        self._config = config
        self._read_only = read_only
        self.operator = operator
        self._host = socket.gethostname().partition(".")[0]
        self._ledger: Ledger | None = None
        self._facts = _Facts()
        self._log: tuple[object, LogPage] = (None, LogPage(read=False))
        self._followed: dict[str, _Followed] = {}
        self._shown: _Shown | None = None
        self._room: Room | None = None
        self._vault_problem = ""
        self._room_read = float("-inf")
        self._recovered = read_only
        self._unrecorded = ""  # why nothing can be recorded now
        self._ledger_opened = float("-inf")
        self._stored_good: Mapping[tuple[str, Clock], datetime] = {}
        self._stored_read = float("-inf")
        self._lost: Mapping[tuple[str, Clock], Lost] = {}  # what the record names and the vault has not
        self._lost_read = float("-inf")

    def first(self) -> Picture:
        rows = tuple(ServerRow(name, server.label) for name, server in self._config.servers.items())
        return replace(self._frame(datetime.now(UTC)), rows=rows, complete=False)

    def close(self) -> None:
        if self._ledger:
            self._ledger.close()
        for followed in self._followed.values():
            followed.close()

    def gather(self, wish: Wish) -> Picture:
        now = datetime.now(UTC)
        problems: list[str] = []
        faces = self._active(problems)
        changed = False
        try:
            changed = self._read_ledger(now, table_only=wish.table_only)
            if not wish.table_only:
                self._read_log(wish)
        except (TuibackupError, OSError) as error:
            problems.append(str(error))
            self._unrecorded = self._unrecorded or str(error)
        if self._unrecorded or self._read_only:
            self._read_stored()
        if self._unrecorded:
            problems = [problem for problem in problems if problem != self._unrecorded]
            problems.append(_("nothing can be recorded: {fault}").format(fault=self._unrecorded))
        self._read_room()
        self._look_for_stored(changed)
        problems += [self._vault_problem] if self._vault_problem else []
        rows = tuple(
            self._row(server, faces.get(server.name), now) for server in self._config.servers.values()
        )
        if wish.server:
            try:
                self._read_shown(wish.server, changed)
            except (TuibackupError, OSError) as error:
                problems.append(str(error))
        shown = self._shown if self._shown and self._shown.server == wish.server else None
        return replace(
            self._frame(now),
            rows=rows,
            room=self._room,
            shown=shown.face if shown else None,
            stored=shown.stored if shown else None,
            log=self._log[1],
            problems=tuple(dict.fromkeys(problems)),
        )

    def _frame(self, now: datetime) -> Picture:
        return Picture(
            now=now,
            operator=self.operator,
            host=self._host,
            sop=self._config.sop,
            source=str(self._config.source),
        )

    def _row(self, server: Server, face: RunFace | None, now: datetime) -> ServerRow:
        facts, last = self._facts, self._facts.runs.get(server.name)
        return ServerRow(
            server.name,
            server.label,
            files=self._standing(server.name, Clock.FILES, now) if server.folders else None,
            databases=self._standing(server.name, Clock.DATABASES, now) if server.database else None,
            last=LastRun(last.run, last.outcome, last.started, last.seconds, printable(last.error))
            if last
            else None,
            run=face,
            weeks=facts.weeks.get(server.name, _NO_HISTORY),
            kept=facts.kept.get(server.name),
            drills={
                clock: LastDrill(
                    printable(drill.snapshot),
                    drill.outcome,
                    drill.time,
                    drill.seconds,
                    (now.astimezone().date() - drill.time.astimezone().date()).days,
                )
                for clock in Clock
                if (drill := facts.drills.get((server.name, clock)))
            },
            why={clock: text for clock in Clock if (text := facts.why.get((server.name, clock)))},
            lost={clock: gone.sentence for clock in Clock if (gone := self._lost.get((server.name, clock)))},
        )

    def _standing(self, server: str, clock: Clock, now: datetime) -> Standing:
        fact = self._facts.clocks.get((server, clock))
        sop = self._config.sop
        period = sop.files_within if clock is Clock.FILES else sop.databases_within
        gone = self._lost.get((server, clock))
        recorded = gone.good if gone else fact.good if fact else None
        known = [moment for moment in (recorded, self._stored_good.get((server, clock))) if moment]
        return standing(max(known, default=None), period, now)

    # Runs under way

    def _active(self, problems: list[str]) -> dict[str, RunFace]:
        from tuibackup.run.process.start import active, recover

        faces: dict[str, RunFace] = {}
        try:
            if not self._recovered:
                recover(self._config)
                self._recovered = True
            runs = active(self._config)
            for run in runs:
                if run.run not in self._followed:
                    self._followed[run.run] = _Followed(run.journal)
            for followed in self._followed.values():
                followed.poll()
            for run in runs:
                followed = self._followed[run.run]
                faces.setdefault(followed.view.server, followed.face(active=True))
            living = {run.run for run in runs}
            gone = [self._followed.pop(name) for name in list(self._followed) if name not in living]
            for followed in gone:
                followed.close()
            if not self._read_only and not all(followed.view.finished for followed in gone):
                recover(self._config)  # one is gone without its last line: it is recorded as interrupted
        except (TuibackupError, OSError) as error:
            problems.append(str(error))
        return faces

    def _read_shown(self, server: str, ledger_changed: bool) -> None:
        """The newest run of the server and its newest dump; kept until another one is asked for or there is news."""
        shown = self._shown
        if shown is None or shown.server != server or ledger_changed:
            last = self._facts.runs.get(server)
            face = shown.face if shown and shown.server == server else None
            if last and (face is None or face.view.run != last.run or face.view.finished is None):
                face = self._ended(server, last)
            self._shown = _Shown(server, face, self._stored(server))

    def _ended(self, server: str, last: "RunFact") -> RunFace:
        from tuibackup.run.journal.journal import journal_path

        followed = _Followed(journal_path(self._config.state, last.run))
        followed.poll()
        followed.close()
        if followed.view.finished:
            return followed.face(active=False)
        # Its journal is gone, or it died: the record tells what there is to tell.
        view = view_of(self._ledger.of_run(last.run)) if self._ledger else RunView(last.run, server)
        return RunFace(view, active=False)

    def _stored(self, server: str) -> StoredDump | None:
        from tuibackup.run.places import open_vault

        try:
            snapshot = open_vault(self._config, create=False).latest(server, Clock.DATABASES)
            if snapshot is None:
                return None
            found = tuple((printable(one.name), one.stored_bytes) for one in snapshot.summary.databases)
        except (TuibackupError, OSError):
            return None  # what is wrong with the vault stands in `problems`
        return StoredDump(server, found, sum(number for _name, number in found))

    # Ledger and vault

    def _read_ledger(self, now: datetime, *, table_only: bool) -> bool:
        """Read what the table needs where there is news; whether there was."""
        from tuibackup.run.unfinished import kept_of

        self._open_ledger()
        assert self._ledger is not None
        newest = self._ledger.log(1)
        mark = (newest[0].seq if newest else 0, now.astimezone().date(), table_only)
        if mark == self._facts.mark:
            return False
        self._facts = _Facts(
            mark,
            self._ledger.clock_facts(),
            self._ledger.last_runs(),
            {} if table_only else self._ledger.runs_by_week(now, WEEKS),
            kept_of(self._config, self._config.servers),
            self._ledger.last_drills(),
            self._reasons(self._ledger),
        )
        return True

    def _read_stored(self) -> None:
        """The newest good snapshots as they lie in the vault, now and then: the ledger may lack them."""
        if monotonic() - self._stored_read < _LEDGER_EVERY:
            return
        from tuibackup.run.places import open_vault

        self._stored_read = monotonic()
        try:
            vault = open_vault(self._config, create=False)
            self._stored_good = {
                (server, clock): latest.started
                for server in self._config.servers
                for clock in Clock
                if (latest := vault.latest(server, clock))
            }
        except (TuibackupError, OSError):
            self._stored_good = {}  # what is wrong with the vault stands in `problems`

    def _open_ledger(self) -> None:
        """Once; again now and then where it can be read only, for that may have been mended."""
        if self._ledger is None or (self._unrecorded and monotonic() - self._ledger_opened > _LEDGER_EVERY):
            from tuibackup.run.places import look_into_ledger

            self._ledger_opened = monotonic()
            if self._ledger:
                self._ledger.close()
            self._ledger, self._unrecorded = look_into_ledger(self._config, read_only=self._read_only)

    def _reasons(self, ledger: "Ledger") -> dict[tuple[str, Clock], str]:
        from tuibackup.overview.why import why

        clocks = [(server, clock) for server in self._config.servers for clock in Clock]
        return {(server, clock): text for server, clock in clocks if (text := why(ledger, server, clock))}

    def _look_for_stored(self, changed: bool) -> None:
        """Look for what the record says is stored: when it says something new, and now and then."""
        if not changed and monotonic() - self._lost_read < _LOST_EVERY:
            return
        from tuibackup.run.stored import lost

        self._lost_read = monotonic()
        self._lost = lost(self._config, self._facts.clocks.values())

    def _read_log(self, wish: Wish) -> None:
        from tuibackup.ledger.entries import Kind

        ledger = self._ledger
        asked = (self._facts.mark, wish.log_filter)
        if ledger and asked != self._log[0]:
            # Steps and needs are part of their run's details; as rows of their own they would bury the runs.
            kinds = [kind for kind in ledger.kinds() if kind not in (Kind.STEP, Kind.NEEDS)]
            rows = tuple(log_row(entry) for entry in ledger.log(LOG_ROWS, text=wish.log_filter, kinds=kinds))
            matching = ledger.count(text=wish.log_filter, kinds=kinds)
            total = ledger.count(kinds=kinds) if wish.log_filter else matching
            self._log = (asked, LogPage(rows, matching, total))

    def _read_room(self) -> None:
        if monotonic() - self._room_read < _ROOM_EVERY:
            return
        from tuibackup.run.places import open_vault
        from tuibackup.vault.layout import NoVaultYetError

        self._room_read = monotonic()
        try:
            room = open_vault(self._config, create=False).room()
        except NoVaultYetError:
            self._room, self._vault_problem = None, ""
        except (TuibackupError, OSError) as error:
            self._room, self._vault_problem = None, str(error)
        else:
            self._room = Room(str(self._config.vault.path), room.free, room.total)
            self._vault_problem = ""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the ledger said when it was last read; `mark` tells whether that is still so."""

    mark: tuple[int, date, bool] | None = None
    clocks: "Mapping[tuple[str, Clock], ClockFact]" = field(default_factory=dict)
    runs: "Mapping[str, RunFact]" = field(default_factory=dict)
    weeks: Mapping[str, tuple[Outcome | None, ...]] = field(default_factory=dict)
    kept: "Mapping[str, Kept]" = field(default_factory=dict)
    drills: "Mapping[tuple[str, Clock], DrillFact]" = field(default_factory=dict)
    why: Mapping[tuple[str, Clock], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Shown:
    server: str
    face: RunFace | None
    stored: StoredDump | None


class _Followed:
    """A journal that is being read, folded into a view."""

    def __init__(self, path: Path) -> None:
        from tuibackup.run.journal.journal import JournalReader

        self._reader = JournalReader(path)
        self.view = RunView(path.stem, "")

    def poll(self) -> None:
        for event in self._reader.poll():
            if not self.view.server:
                self.view = replace(self.view, server=event.server)
            self.view = self.view.apply(event)

    def face(self, *, active: bool) -> RunFace:
        return RunFace(self.view, active)

    def close(self) -> None:
        self._reader.close()
