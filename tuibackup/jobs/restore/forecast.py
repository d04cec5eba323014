"""The dry run of a restore: what it would write, leave and replace, and the room there. It changes nothing."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.jobs.restore.folder import sql_file
from tuibackup.jobs.restore.plan import DatabasePlan, FolderPlan, ServerPlan
from tuibackup.jobs.trust import accepting
from tuibackup.remote.questions import Answers
from tuibackup.sop import Clock, Outcome
from tuibackup.vault.archive.entry import KINDS_OF_MODES, Kind
from tuibackup.vault.disk import room
from tuibackup.vault.restore.existing import Existing
from tuibackup.words import later

if TYPE_CHECKING:
    from tuibackup.vault.index.read import Index, IndexEntry

_NEVER_MADE = (Kind.SOCKET, Kind.BLOCK, Kind.CHARACTER)


@dataclass(frozen=True, slots=True)
class Forecast(Result):
    """Names (or databases, or tables) by what would become of them. `bytes` would be written; `free`: the room there,
    None where it is not known. `resumes`: it would go on with a restore that was ended.
    """

    snapshot: str
    where: str
    new: int = 0
    equal: int = 0
    left: int = 0
    replaced: int = 0
    bytes: int = 0
    free: int | None = None
    resumes: bool = False

    @property
    def outcome(self) -> Outcome:
        """*warnings* where something would be left out for what is there, or the room is too small."""
        short = self.free is not None and self.bytes > self.free
        return Outcome.WARNINGS if self.left or short else Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "dry-run": True,
            "snapshot": self.snapshot,
            "where": self.where,
            "outcome": self.outcome.value,
            "new": self.new,
            "equal": self.equal,
            "left": self.left,
            "replaced": self.replaced,
            "bytes": self.bytes,
            "free": self.free,
            "resumes": self.resumes,
        }

    def body(self) -> dict[str, Any]:
        return self.facts()


def forecast_folder(plan: FolderPlan) -> Forecast:
    """Of a restore into a folder of this machine; contents are not compared, but size, mode and time. VaultError."""
    place = next(one for one in (plan.to, *plan.to.parents) if one.is_dir())
    found = _files(plan) if plan.snapshot.clock is Clock.FILES else _dumps(plan)
    counts: Counter[str] = Counter()
    amount = 0
    for fate, size in found:
        counts[fate] += 1
        amount += size if fate in ("new", "replaced") else 0
    return Forecast(
        plan.snapshot.spec,
        plan.body()["to"],
        counts["new"],
        counts["equal"],
        counts["left"],
        counts["replaced"],
        amount,
        room(place).free,
    )


def _files(plan: FolderPlan) -> Iterator[tuple[str, int]]:
    from tuibackup.vault.index.read import Index
    from tuibackup.vault.index.schema import FILE_NAME

    top = os.fsencode(plan.to)
    with Index(plan.snapshot.path / FILE_NAME) as index:
        index.choose(plan.paths)
        for found in _chosen(index):
            entry = found.entry
            if entry.kind in _NEVER_MADE:
                continue
            size = entry.size if entry.kind is Kind.FILE and found.carrier is None else 0
            yield _fate(found, top + found.path, plan.existing), size


def _chosen(index: "Index") -> Iterator["IndexEntry"]:
    yield from index.chosen_files()
    yield from index.chosen_links()
    yield from index.chosen_folders()


def _fate(found: "IndexEntry", place: bytes, existing: Existing) -> str:
    try:
        status = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return "new"
    kind, entry = KINDS_OF_MODES.get(stat.S_IFMT(status.st_mode)), found.entry
    if kind is Kind.FOLDER or entry.kind is Kind.FOLDER:  # no restore takes one away
        return "equal" if kind is entry.kind else "left"
    same = kind is entry.kind and (
        os.readlink(place) == (entry.target or b"")
        if kind is Kind.SYMLINK
        else (status.st_size, status.st_mtime_ns, stat.S_IMODE(status.st_mode))
        == (entry.size, entry.mtime_ns, entry.mode)
    )
    if existing is Existing.ALWAYS:
        return "replaced"
    return "equal" if same else "replaced" if existing is Existing.CHANGED else "left"


def _dumps(plan: FolderPlan) -> Iterator[tuple[str, int]]:
    if plan.table is not None:
        files = [(sql_file(plan.databases[0], plan.table), plan.sql().size)]
    else:
        chosen = [
            one for one in plan.snapshot.summary.databases if not plan.databases or one.name in plan.databases
        ]
        files = [(one.file.removesuffix(".zst"), one.bytes) for one in chosen]
    for name, size in files:
        place = plan.to / name
        same = place.is_file() and place.stat().st_size == size
        if not os.path.lexists(place):
            yield "new", size
        elif plan.existing is Existing.ALWAYS:
            yield "replaced", size
        else:
            yield "equal" if same else "replaced" if plan.existing is Existing.CHANGED else "left", size


async def forecast_on_server(
    plan: ServerPlan, config: Config, recorder: Recorder, answers: Answers, notes: Callable[[str], None]
) -> Forecast:
    """Of a restore onto a server, which is looked at. Raises what the restore would raise before it makes anything."""
    from tuibackup.jobs.restore.sending import reached, refuse_unfit
    from tuibackup.run.access import open_session
    from tuibackup.run.questions import RememberedAnswers

    amount = plan.amount()
    told = accepting(recorder, plan.into.name, later("the dry run of a restore"))
    async with await open_session(config, plan.into, RememberedAnswers(answers), notes, told) as session:
        target = await reached(plan, session)
        place = await target.look()
        refuse_unfit(plan, place, target, amount)
    return Forecast(
        plan.snapshot.spec,
        plan.where,
        new=amount[0],
        bytes=amount[1],
        free=place.free,
        resumes=place.state == "begun",
    )


async def forecast_database(
    plan: DatabasePlan, config: Config, recorder: Recorder, answers: Answers, notes: Callable[[str], None]
) -> Forecast:
    """Of a restore into a database server, which is looked at. Raises what the restore would raise before it begins."""
    from tuibackup.jobs.restore.loading import look

    told = accepting(recorder, plan.into, later("the dry run of a restore"))
    there, where = await look(plan, config, answers, notes, told)
    tables = 1 if plan.table else len(plan.dump.tables)
    return Forecast(
        plan.snapshot.spec,
        where,
        new=0 if there else tables,
        replaced=tables if there else 0,
        bytes=plan.bytes,
    )
