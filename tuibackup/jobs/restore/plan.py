"""Plans of a restore: what, where to, and how much. Making a plan reads the vault and changes nothing."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config, Server
from tuibackup.errors import UsageError, VaultError
from tuibackup.jobs.recorder import MOST
from tuibackup.jobs.restore.approval import NOT_ASKED, Approval
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.restore.existing import Existing
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.jobs.content import Content
    from tuibackup.vault.layout import Snapshot
    from tuibackup.vault.restore.dumps import Dump, StoredTable

_LONGEST_PATH, _LONGEST_NAME = 3000, 255  # bytes; what is restored lies below and must have a path, too


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What to restore into a folder: `paths` of a files snapshot, or `databases`; without either, everything.

    `table`: of the only database this one table.
    """

    snapshot: "Snapshot"
    to: Path
    paths: tuple[bytes, ...] = ()
    databases: tuple[str, ...] = ()
    table: str | None = None
    existing: Existing = Existing.NEVER
    numeric_owner: bool = False
    approval: Approval = NOT_ASKED

    def amount(self) -> tuple[int, int]:
        """Files (or databases) and their bytes, read from the snapshot. Raises VaultError, UsageError."""
        if self.snapshot.clock is Clock.FILES:
            return _amount_of_files(self.snapshot, self.paths)
        if self.table is not None:
            return 1, self.sql().size
        found = [one for one in self.snapshot.summary.databases if one.name in self.databases]
        found = found if self.databases else list(self.snapshot.summary.databases)
        return len(found), sum(one.bytes for one in found)

    def sql(self) -> "Content":
        """Of the table. Raises UsageError: there is none of that name."""
        from tuibackup.jobs.content import content_of

        return content_of(self.snapshot, f"{self.databases[0]}.{self.table}")

    def body(self) -> dict[str, Any]:
        what = [printable(path) for path in self.paths] or list(self.databases)
        if self.table is not None:
            what = [f"{what[0]}.{printable(self.table)}"]
        to = printable(str(self.to))
        return {
            "snapshot": self.snapshot.spec,
            "to": to,
            "paths": what[:MOST],
            "paths_total": len(what),
            "existing": self.existing.value,
            "detail": f"{self.snapshot.spec} → {to}",
            **self.approval.body(),
        }


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Files of a snapshot, `paths` of it or all, into the new folder `folder` of the server `into`."""

    snapshot: "Snapshot"
    into: Server
    folder: bytes
    paths: tuple[bytes, ...] = ()
    numeric_owner: bool = False
    approval: Approval = NOT_ASKED

    @property
    def where(self) -> str:
        """ "siakad:/var/www/siakad-back"."""
        return f"{self.into.name}:{printable(self.folder)}"

    def amount(self) -> tuple[int, int]:
        """Files and their bytes, read from the snapshot. Raises VaultError, UsageError."""
        return _amount_of_files(self.snapshot, self.paths)

    def body(self) -> dict[str, Any]:
        return {
            "snapshot": self.snapshot.spec,
            "into": self.where,
            "paths": [printable(path) for path in self.paths][:MOST],
            "paths_total": len(self.paths),
            "detail": f"{self.snapshot.spec} → {self.where}",
            **self.approval.body(),
        }


@dataclass(frozen=True, slots=True)
class DatabasePlan:
    """One database of a snapshot, or one table of it, to restore `into` a server's name or the path of a socket."""

    snapshot: "Snapshot"
    dump: "Dump"
    table: "StoredTable | None"
    into: str
    overwrite: bool
    approval: Approval = NOT_ASKED

    @property
    def name(self) -> str:
        """ "akademik", "akademik.nilai"."""
        name = printable(self.dump.name)
        return f"{name}.{printable(self.table.name)}" if self.table else name

    @property
    def bytes(self) -> int:
        """Bytes of SQL."""
        return self.table.length if self.table else self.dump.length

    def body(self) -> dict[str, Any]:
        return {
            "snapshot": self.snapshot.spec,
            "database": printable(self.dump.name),
            "table": printable(self.table.name) if self.table else None,
            "into": printable(self.into),
            "overwrite": self.overwrite,
            "detail": f"{self.snapshot.spec}: {self.name} → {printable(self.into)}",
            **self.approval.body(),
        }


def plan_folder(
    config: Config,
    word: str,
    to: Path,
    *,
    paths: Sequence[str] = (),
    databases: Sequence[str] = (),
    table: str | None = None,
    existing: Existing = Existing.NEVER,
    numeric_owner: bool = False,
    approval: Approval = NOT_ASKED,
) -> FolderPlan:
    """What is to be restored of the snapshot `word`. Raises UsageError: words that do not fit its kind."""
    snapshot = open_vault(config, create=False).find(word)
    if snapshot.clock is Clock.DATABASES:
        if paths:
            raise UsageError(sentence("a databases snapshot has no paths"), sentence("use --database NAME"))
    elif databases:
        raise UsageError(
            sentence("{snapshot} holds files", snapshot=snapshot.spec), sentence("name paths instead")
        )
    _require_absolute(snapshot, paths)
    _require_lists(snapshot, paths)
    if table is not None and len(databases) != 1:
        raise UsageError(sentence("--table is a table of one database"), sentence("name it: --database NAME"))
    plan = FolderPlan(
        snapshot,
        Path(os.path.abspath(to.expanduser())),
        tuple(os.fsencode(path) for path in paths),
        tuple(databases),
        table,
        existing,
        numeric_owner,
        approval,
    )
    if table is not None:
        plan.sql()  # there is such a table
    return plan


def plan_server(
    config: Config,
    word: str,
    into: str,
    *,
    paths: Sequence[str] = (),
    numeric_owner: bool = False,
    approval: Approval = NOT_ASKED,
) -> ServerPlan:
    """What is to be restored of the snapshot `word` `into` SERVER:/NEW/FOLDER. Raises UsageError."""
    name, _colon, folder = into.partition(":")
    server = config.server(name)
    snapshot = open_vault(config, create=False).find(word)
    if snapshot.clock is not Clock.FILES:
        raise UsageError(
            sentence("{snapshot} holds databases, not files", snapshot=snapshot.spec),
            sentence(
                "a database goes into a server's database: --database NAME --into {server}", server=name
            ),
        )
    _require_absolute(snapshot, paths)
    _require_lists(snapshot, paths)
    return ServerPlan(
        snapshot, server, _new_folder(folder), tuple(map(os.fsencode, paths)), numeric_owner, approval
    )


def is_on_server(into: str) -> bool:
    """Whether `--into` names a folder of a server, not a database server or a socket."""
    return ":" in into and "/" not in into.partition(":")[0]


def _new_folder(word: str) -> bytes:
    """The folder as it is called there. Raises UsageError for one that cannot be a new folder."""
    path = os.fsencode(word).rstrip(b"/") or os.fsencode(word)[:1]
    wrong = (
        sentence("is not absolute")
        if not path.startswith(b"/")
        else sentence("is there already")
        if path == b"/"
        else sentence("is no plain path")
        if any(part in (b"", b".", b"..") for part in path.split(b"/")[1:]) or b"\0" in path
        else sentence("is too long")
        if len(path) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in path.split(b"/"))
        else ""
    )
    if wrong:
        raise UsageError(
            sentence("{folder}: {wrong}", folder=printable(word) or '""', wrong=wrong),
            sentence("name a new folder of that server, as in --into SERVER:/var/www/siakad-restored"),
        )
    return path


def _require_absolute(snapshot: "Snapshot", paths: Sequence[str]) -> None:
    if relative := [path for path in paths if not path.startswith("/")]:
        raise UsageError(
            sentence("{path}: paths are absolute, as on the server", path=printable(relative[0])),
            sentence("tuibackup ls {snapshot} shows them", snapshot=snapshot.spec),
        )


def _require_lists(snapshot: "Snapshot", paths: Sequence[str]) -> None:
    """Raises UsageError for a path that is not in the snapshot, and VaultError where a list is damaged without which
    nothing can be restored here, with the way that is left: the snapshot's own script needs neither index nor
    snapshot.json.
    """
    from tuibackup.jobs.content import not_there
    from tuibackup.vault.index.read import Index
    from tuibackup.vault.index.schema import FILE_NAME
    from tuibackup.vault.restore.dumps import dumps_of
    from tuibackup.vault.restore.script import SCRIPT

    try:
        if snapshot.clock is Clock.FILES:
            with Index(snapshot.path / FILE_NAME) as index:
                for path in map(os.fsencode, paths):
                    if not index.holds(path):
                        raise not_there(snapshot.spec, path)
        else:
            dumps_of(snapshot, tables=False)
    except VaultError as error:
        if error.way_out:
            raise
        script = shlex.quote(str(snapshot.path / SCRIPT))
        way_out = (
            sentence("its own script restores it without that list: sh {script} DIR", script=script)
            if snapshot.clock is Clock.FILES
            else sentence("its own script gives the SQL without that list: sh {script} NAME", script=script)
        )
        raise VaultError(error.message, way_out) from error


def _amount_of_files(snapshot: "Snapshot", paths: Sequence[bytes]) -> tuple[int, int]:
    from tuibackup.vault.index.read import Index
    from tuibackup.vault.index.schema import FILE_NAME

    with Index(snapshot.path / FILE_NAME) as index:
        return index.choose(paths)


def plan_database(
    config: Config,
    word: str,
    into: str,
    *,
    paths: Sequence[str] = (),
    databases: Sequence[str],
    table: str | None = None,
    overwrite: bool = False,
    approval: Approval = NOT_ASKED,
) -> DatabasePlan:
    """What is to be restored of the snapshot `word`. Raises UsageError: it lacks that, or there is no such server."""
    from tuibackup.vault.restore.dumps import dumps_of

    snapshot = open_vault(config, create=False).find(word)
    if snapshot.clock is not Clock.DATABASES:
        raise UsageError(
            sentence("{snapshot} holds files", snapshot=snapshot.spec),
            sentence("--to DIR restores them here, --into SERVER:/NEW/FOLDER on a server"),
        )
    if paths:
        raise UsageError(sentence("a databases snapshot has no paths"), sentence("use --database NAME"))
    if len(databases) != 1:
        raise UsageError(
            sentence("--into restores one database at a time"), sentence("name it: --database NAME")
        )
    [database], dumps = databases, dumps_of(snapshot)
    if database not in dumps:
        raise UsageError(
            sentence("{snapshot}: has no database {name}", snapshot=snapshot.spec, name=printable(database)),
            sentence("tuibackup ls {snapshot} shows them", snapshot=snapshot.spec),
        )
    dump = dumps[database]
    if table is not None and table not in dump.tables:
        raise UsageError(
            sentence(
                "{snapshot}: {database} has no table {table}",
                snapshot=snapshot.spec,
                database=printable(database),
                table=printable(table),
            ),
            sentence("a view has no rows of its own: restore the database"),
        )
    if "/" not in into and config.server(into).database is None:
        raise UsageError(
            sentence("{server} has no database in the configuration", server=into),
            f"[servers.{into}.database]",
        )
    return DatabasePlan(
        snapshot, dump, None if table is None else dump.tables[table], into, overwrite, approval
    )
