"""Makes an order to restore out of what somebody chose, once the plan shows that it can be carried out."""

import os
from pathlib import Path

import msgspec

from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.jobs.process.order import Restore, RestoreDatabase, RestoreFolder, RestoreOnServer
from tuibackup.jobs.restore.approval import NOT_ASKED, Approval, require
from tuibackup.jobs.restore.plan import FolderPlan, is_on_server, plan_database, plan_folder, plan_server
from tuibackup.sop import Clock
from tuibackup.text import count, size
from tuibackup.vault.disk import room
from tuibackup.vault.restore.existing import Existing
from tuibackup.words import sentence, sentence_n


class Wanted(msgspec.Struct, frozen=True):
    """What is to be restored of `snapshot`: `paths` of files, or databases, DATABASE NUL TABLE for a table; none: all.

    `place`: a folder, SERVER:/NEW/FOLDER, or for one database or table a server's name or a socket.
    """

    snapshot: str
    paths: tuple[bytes, ...]
    place: str
    existing: Existing = Existing.NEVER
    approval: Approval = NOT_ASKED


class Ordered(msgspec.Struct, frozen=True):
    """The order. `what` says in a few words what it does, `lines` how much that is, and what there is room for.

    `policies`: what may be chosen for what exists there already.
    """

    words: Restore
    what: str
    lines: tuple[str, ...]
    policies: tuple[Existing, ...] = ()


def order_restore(config: Config, wanted: Wanted) -> Ordered:
    """Raises TuibackupError: it cannot be carried out, or not without an approval."""
    require(config, wanted.approval)
    names = [os.fsdecode(path) for path in wanted.paths]
    if Clock(wanted.snapshot.split("/")[1]) is Clock.FILES:
        return (_on_server if is_on_server(wanted.place) else _files)(config, wanted, names)
    if _is_folder(config, wanted.place):
        return _dumps(config, wanted, names)
    if len(names) != 1:
        raise UsageError(
            sentence("one database at a time goes into a database server"),
            sentence("mark one, or name a folder of this machine"),
        )
    return _into(config, wanted, names[0])


def _files(config: Config, wanted: Wanted, names: list[str]) -> Ordered:
    plan = plan_folder(
        config,
        wanted.snapshot,
        Path(wanted.place),
        paths=names,
        existing=wanted.existing,
        approval=wanted.approval,
    )
    words = RestoreFolder(
        snapshot=plan.snapshot.spec,
        to=os.fsencode(plan.to),
        paths=plan.paths,
        existing=wanted.existing,
        approval=wanted.approval,
    )
    amount = plan.amount()
    return Ordered(words, plan.body()["detail"], (_amount(*amount), _room(plan, amount[1])), tuple(Existing))


def _on_server(config: Config, wanted: Wanted, names: list[str]) -> Ordered:
    plan = plan_server(config, wanted.snapshot, wanted.place, paths=names, approval=wanted.approval)
    words = RestoreOnServer(
        snapshot=plan.snapshot.spec,
        into=plan.into.name.encode() + b":" + plan.folder,
        paths=plan.paths,
        approval=wanted.approval,
    )
    new = sentence(
        "A new folder is made on {server}; what exists there is never touched.", server=plan.into.name
    )
    return Ordered(words, plan.body()["detail"], (_amount(*plan.amount()), new))


def _dumps(config: Config, wanted: Wanted, names: list[str]) -> Ordered:
    tables = [name for name in names if "\0" in name]
    if tables and len(names) > 1:
        raise UsageError(
            sentence("one table at a time goes into a file"), sentence("mark one, or whole databases")
        )
    table = tables[0].partition("\0")[2] if tables else None
    databases = tuple(name.partition("\0")[0] for name in names)
    plan = plan_folder(
        config,
        wanted.snapshot,
        Path(wanted.place),
        databases=databases,
        table=table,
        existing=wanted.existing,
        approval=wanted.approval,
    )
    words = RestoreFolder(
        snapshot=plan.snapshot.spec,
        to=os.fsencode(plan.to),
        databases=databases,
        table=table,
        existing=wanted.existing,
        approval=wanted.approval,
    )
    amount = plan.amount()
    return Ordered(words, plan.body()["detail"], (_amount(*amount), _room(plan, amount[1])), tuple(Existing))


def _into(config: Config, wanted: Wanted, name: str) -> Ordered:
    database, _nul, table = name.partition("\0")
    overwrite = wanted.existing is Existing.ALWAYS
    plan = plan_database(
        config,
        wanted.snapshot,
        wanted.place,
        databases=[database],
        table=table or None,
        overwrite=overwrite,
        approval=wanted.approval,
    )
    words = RestoreDatabase(
        snapshot=plan.snapshot.spec,
        into=os.fsencode(wanted.place),
        database=database,
        table=table or None,
        overwrite=overwrite,
        approval=wanted.approval,
    )
    return Ordered(words, plan.body()["detail"], (size(plan.bytes),), (Existing.NEVER, Existing.ALWAYS))


def _is_folder(config: Config, place: str) -> bool:
    """Whether it is meant as a folder: not as a server's name, and not as a socket."""
    return place not in config.servers and not (place.startswith("/") and Path(place).is_socket())


def _amount(files: int, amount: int) -> str:
    return sentence_n(
        "{files} file, {size}", "{files} files, {size}", files, files=count(files), size=size(amount)
    )


def _room(plan: FolderPlan, amount: int) -> str:
    """The room where it goes, of the nearest folder that exists."""
    place = next(one for one in (plan.to, *plan.to.parents) if one.is_dir())
    free = room(place).free
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
