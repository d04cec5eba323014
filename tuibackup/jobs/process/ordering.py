"""Makes an order to restore out of what somebody chose, once the plan shows that it can be carried out."""

import os
from collections.abc import Sequence
from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.jobs.process.order import RestoreDatabase, RestoreFolder
from tuibackup.jobs.restore.plan import FolderPlan, plan_database, plan_folder
from tuibackup.sop import Clock
from tuibackup.text import count, size
from tuibackup.vault.disk import room
from tuibackup.words import sentence, sentence_n


def restore_words(
    config: Config, snapshot: str, paths: Sequence[bytes], place: str
) -> tuple[RestoreFolder | RestoreDatabase, tuple[str, ...]]:
    """The order, and lines that say what it does. `paths`: of files, or databases, DATABASE NUL TABLE for a table.

    `place`: a folder, or for one database or table a server's name or a socket. Raises TuibackupError.
    """
    clock = Clock(snapshot.split("/")[1])
    names = [os.fsdecode(path) for path in paths]
    if clock is Clock.DATABASES and len(names) == 1 and not _is_folder(config, place):
        return _into(config, snapshot, names[0], place)
    if any("\0" in name for name in names) and clock is Clock.DATABASES:
        raise UsageError(
            sentence("a table goes into a database, not into a folder"),
            sentence("name a server of the configuration, or restore the database"),
        )
    databases = tuple(names) if clock is Clock.DATABASES else ()
    files = tuple(names) if clock is Clock.FILES else ()
    plan = plan_folder(config, snapshot, Path(place), paths=files, databases=databases)
    words = RestoreFolder(
        snapshot=plan.snapshot.spec, to=os.fsencode(plan.to), paths=plan.paths, databases=plan.databases
    )
    return words, (plan.body()["detail"], _amount(plan), _room(plan))


def _is_folder(config: Config, place: str) -> bool:
    """Whether it is meant as a folder: not as a server's name, and not as a socket."""
    return place not in config.servers and not (place.startswith("/") and Path(place).is_socket())


def _into(config: Config, snapshot: str, name: str, place: str) -> tuple[RestoreDatabase, tuple[str, ...]]:
    database, _nul, table = name.partition("\0")
    plan = plan_database(config, snapshot, place, databases=[database], table=table or None)
    words = RestoreDatabase(
        snapshot=plan.snapshot.spec, into=os.fsencode(place), database=database, table=table or None
    )
    left = sentence("What exists there under that name is left alone: then nothing is restored.")
    return words, (plan.body()["detail"], size(plan.bytes), left)


def _amount(plan: FolderPlan) -> str:
    files, amount = plan.amount()
    return sentence_n(
        "{files} file, {size}", "{files} files, {size}", files, files=count(files), size=size(amount)
    )


def _room(plan: FolderPlan) -> str:
    """The room where it goes, of the nearest folder that exists."""
    place = next(one for one in (plan.to, *plan.to.parents) if one.is_dir())
    free, amount = room(place).free, plan.amount()[1]
    if amount > free:
        raise UsageError(
            sentence(
                "{place} has {free} free, {size} are to be restored",
                place=place,
                free=size(free),
                size=size(amount),
            ),
            sentence("choose another folder, or less of it"),
        )
    return sentence("{free} free there", free=size(free))
