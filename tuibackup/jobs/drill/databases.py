"""Drills a databases snapshot: restores every dump into a scratch server and compares it with its record."""

import asyncio
import os
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tuibackup.config import Config, DrillSettings
from tuibackup.database.inventory import quoted
from tuibackup.database.mariadbd import account, missing_programs
from tuibackup.database.restore.direction import Direction, same_series, source_version
from tuibackup.database.restore.load import load_dump, load_script, longest_statement
from tuibackup.database.restore.proof import compare
from tuibackup.database.restore.refusals import Refusals
from tuibackup.database.restore.target import TargetServer, local_target
from tuibackup.errors import BusyError, ConnectionLostError, DatabaseError, VaultError
from tuibackup.filelock import try_lock
from tuibackup.jobs.drill.findings import Findings, OnProgress
from tuibackup.progress import Progress
from tuibackup.remote.questions import NoAnswers, Question
from tuibackup.run.passwords import resolve
from tuibackup.run.scratch.folder import LEAST_FREE
from tuibackup.run.scratch.mariadbd import throw_away
from tuibackup.text import printable, size
from tuibackup.vault.disk import room
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import vault_errors
from tuibackup.vault.restore.dumps import Dump, dumps_of, script_of
from tuibackup.vault.restore.script import LATE_VIEWS, PLACEHOLDERS
from tuibackup.words import joined, sentence

_LOOK_SECONDS = 1.0  # between two looks at the free space


def drill_databases(config: Config, snapshot: Snapshot, on_progress: OnProgress) -> Findings:
    """Restore and compare all databases of `snapshot`. Raises TuibackupError as `drill.drill`."""
    settings = config.drill
    try:
        dumps = dumps_of(snapshot)
    except VaultError as error:
        where = printable(str(settings.socket or settings.folder))
        return Findings(where, differences=[sentence("cannot be restored: {error}", error=error)])
    if settings.socket is not None:
        with _alone(config.state, settings.socket):
            return asyncio.run(_in_named(settings, settings.socket, snapshot, dumps, on_progress))
    if missing := missing_programs():
        raise DatabaseError(
            sentence("no database server to drill in: this machine has no {program}", program=missing[0]),
            sentence(
                "apt install mariadb-server, or name an empty server: socket in [drill] of {file}",
                file=config.source,
            ),
        )
    needed = 2 * sum(dump.length for dump in dumps.values())
    with throw_away(settings, needed) as (place, target):
        work = restore_and_compare(target, snapshot, dumps, on_progress)
        return asyncio.run(_while_there_is_room(work, place.path))


async def _in_named(
    settings: DrillSettings,
    socket: Path,
    snapshot: Snapshot,
    dumps: Mapping[str, Dump],
    on_progress: OnProgress,
) -> Findings:
    """Drill in the server that the configuration names; it is empty before and afterwards."""
    question = Question("database-password", snapshot.server, sentence("password of the drill's server"))
    # Nobody is asked: [drill] has no password that must be typed.
    password = await resolve(settings.password, question, NoAnswers())
    target = local_target(socket, settings.user or account(), password)
    async with target:
        if there := await target.databases():
            raise DatabaseError(
                sentence(
                    "{server} is not empty, it has {database}; a drill uses only an empty server",
                    server=target.name,
                    database=printable(there[0]),
                ),
                sentence("name another server in [drill], or none: then the drill starts a throw-away one"),
            )
    try:
        return await restore_and_compare(target, snapshot, dumps, on_progress)
    finally:
        async with target:
            made = {target.stored(name) for name in dumps}
            for name in await target.databases():
                if target.stored(name) in made:
                    await target.rows(f"DROP DATABASE {quoted(name)}")


async def restore_and_compare(
    target: TargetServer, snapshot: Snapshot, dumps: Mapping[str, Dump], on_progress: OnProgress
) -> Findings:
    """Restore all of them into the empty `target`, and compare. Raises DatabaseError where it cannot take them."""
    work = _Drilling(target, snapshot, dumps, on_progress)
    try:
        async with target:
            await work.restore()
        # In a new login, so that settings of the dumps do not count here.
        async with target:
            await work.compare()
    except ConnectionLostError as error:  # SQL that brings its server down cannot be restored anywhere
        work.found.differences.append(sentence("the database server ended: {error}", error=error))
    return work.found


class _Drilling:
    """Drills one snapshot in `target`; `found` is the result so far."""

    def __init__(
        self, target: TargetServer, snapshot: Snapshot, dumps: Mapping[str, Dump], on_progress: OnProgress
    ) -> None:
        self.found = Findings(items=len(dumps))
        self._target = target
        self._snapshot = snapshot
        self._dumps = dumps
        self._on_progress = on_progress
        self._total = sum(dump.length for dump in dumps.values())
        self._versions: dict[str, str] = {}
        self._restored: list[Dump] = []
        self._refusals = Refusals()

    async def restore(self) -> None:
        """Restore everything, in the snapshot's order; what cannot be restored is a difference."""
        self.found.where = self._target.words
        refusals = self._refusals
        longest = await asyncio.to_thread(self._longest_statement)
        await self._target.take_statements_of(longest)
        await self._script(PLACEHOLDERS, refusals)
        for number, dump in enumerate(self._dumps.values()):
            name = printable(dump.name)

            def came(length: int, number: int = number, name: str = name) -> None:
                self.found.bytes += length
                self._tell(number, self.found.bytes, name)

            self._versions[dump.name] = version = source_version(dump)
            direction = Direction(version, self._target)
            try:
                await load_dump(self._target, dump, direction, came, refusals, late=False)
            except (DatabaseError, VaultError) as error:
                self.found.differences.append(
                    sentence("{name}: cannot be restored: {error}", name=name, error=error)
                )
                continue
            self._restored.append(dump)
            self.found.gaps += [
                sentence(
                    "{name}: the collation {one} was restored as {other}", name=name, one=one, other=other
                )
                for one, other in direction.told.items()
            ]
        await self._script(LATE_VIEWS, refusals)
        self.found.differences += refusals.refused
        self.found.gaps += [*refusals.lacking, *refusals.changed]

    def _longest_statement(self) -> int:
        """Bytes; a dump that cannot be read says so when it is restored."""
        longest = 0
        for dump in self._dumps.values():
            with suppress(VaultError):
                longest = max(longest, longest_statement(dump))
        return longest

    async def _script(self, file: str, refusals: Refusals) -> None:
        """Run a file that lies beside the dumps."""
        try:
            if sql := script_of(self._snapshot, file):
                version = next((source_version(dump) for dump in self._dumps.values()), "")
                await load_script(self._target, sql, Direction(version, self._target), self._dumps, refusals)
        except (DatabaseError, VaultError) as error:
            self.found.differences.append(joined(": ", (file, str(error))))

    async def compare(self) -> None:
        """Compare what was restored with its record."""
        for number, dump in enumerate(self._restored):
            self._tell(number, self._total, printable(dump.name))
            same = same_series(self._versions[dump.name], self._target)
            unmade = self._refusals.unmade[dump.name]
            compared = await compare(self._target, dump, same_series=same, unmade=unmade)
            self.found.tables += compared.tables
            self.found.rows += compared.rows
            self.found.checksums += compared.checksums
            self.found.differences += compared.differences
            self.found.incomparable += compared.incomparable
            self.found.gaps += compared.gaps
        made = {self._target.stored(name) for name in self._dumps}
        self.found.differences += [
            sentence("{name}: is there, but in no dump", name=printable(name))
            for name in await self._target.databases()
            if self._target.stored(name) not in made
        ]

    def _tell(self, number: int, done: int, name: str) -> None:
        self._on_progress(Progress(number, len(self._dumps), done, self._total, name, "databases"))


async def _while_there_is_room(work: Coroutine[Any, Any, Findings], folder: Path) -> Findings:
    """Do `work`, but end it when the disk gets full: SQL of others may create data without limit."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            free = room(folder).free
            if not task.done() and free < LEAST_FREE // 2:
                raise VaultError(
                    sentence(
                        "{folder}: no room left for the drill ({free} free)",
                        folder=folder.parent,
                        free=size(free),
                    ),
                    sentence("free some room there, or name another folder in [drill]"),
                )
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextmanager
def _alone(state: Path, socket: Path) -> Iterator[None]:
    """Keep other drills of this configuration out of the named server."""
    fd = _lock_file(state)
    try:
        if not try_lock(fd):
            raise BusyError(sentence("{socket}: another drill uses this server now", socket=socket))
        yield
    finally:
        os.close(fd)


def _lock_file(state: Path) -> int:
    """The lock file; in the folder for temporary files if the state folder cannot be written."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(state / "drill.lock", flags, 0o600)
    except OSError:
        path = Path(tempfile.gettempdir(), f"tuibackup-drill-{os.geteuid()}.lock")
        with vault_errors(path):
            return os.open(path, flags, 0o600)
