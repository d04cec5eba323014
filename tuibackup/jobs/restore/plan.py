"""Plans of a restore: what, where to, and how much. Making a plan reads the vault and changes nothing."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.jobs.recorder import MOST
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.restore.existing import Existing
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot
    from tuibackup.vault.restore.dumps import Dump, StoredTable


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What to restore into a folder: `paths` of a files snapshot, or `databases`; without either, everything."""

    snapshot: "Snapshot"
    to: Path
    paths: tuple[bytes, ...] = ()
    databases: tuple[str, ...] = ()
    existing: Existing = Existing.NEVER
    numeric_owner: bool = False

    def amount(self) -> tuple[int, int]:
        """Files (or databases) and their bytes, read from the snapshot. Raises VaultError, UsageError."""
        if self.snapshot.clock is Clock.FILES:
            from tuibackup.vault.index.read import Index
            from tuibackup.vault.index.schema import FILE_NAME

            with Index(self.snapshot.path / FILE_NAME) as index:
                return index.choose(self.paths)
        found = [one for one in self.snapshot.summary.databases if one.name in self.databases]
        found = found if self.databases else list(self.snapshot.summary.databases)
        return len(found), sum(one.bytes for one in found)

    def body(self) -> dict[str, Any]:
        what = [printable(path) for path in self.paths] or list(self.databases)
        to = printable(str(self.to))
        return {
            "snapshot": self.snapshot.spec,
            "to": to,
            "paths": what[:MOST],
            "paths_total": len(what),
            "existing": self.existing.value,
            "detail": f"{self.snapshot.spec} → {to}",
        }


@dataclass(frozen=True, slots=True)
class DatabasePlan:
    """One database of a snapshot, or one table of it, to restore `into` a server's name or the path of a socket."""

    snapshot: "Snapshot"
    dump: "Dump"
    table: "StoredTable | None"
    into: str
    overwrite: bool

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
        }


def plan_folder(
    config: Config,
    word: str,
    to: Path,
    *,
    paths: Sequence[str] = (),
    databases: Sequence[str] = (),
    existing: Existing = Existing.NEVER,
    numeric_owner: bool = False,
) -> FolderPlan:
    """What is to be restored of the snapshot `word`. Raises UsageError: words that do not fit its kind."""
    snapshot = open_vault(config, create=False).find(word)
    if snapshot.clock is Clock.DATABASES:
        if paths:
            raise UsageError(_("a databases snapshot has no paths"), _("use --database NAME"))
    elif databases:
        raise UsageError(_("{snapshot} holds files").format(snapshot=snapshot.spec), _("name paths instead"))
    if relative := [path for path in paths if not path.startswith("/")]:
        raise UsageError(
            _("{path}: paths are absolute, as on the server").format(path=relative[0]),
            _("tuibackup ls {snapshot} shows them").format(snapshot=snapshot.spec),
        )
    return FolderPlan(
        snapshot,
        Path(os.path.abspath(to.expanduser())),
        tuple(os.fsencode(path) for path in paths),
        tuple(databases),
        existing,
        numeric_owner,
    )


def plan_database(
    config: Config,
    word: str,
    into: str,
    *,
    paths: Sequence[str] = (),
    databases: Sequence[str],
    table: str | None = None,
    overwrite: bool = False,
) -> DatabasePlan:
    """What is to be restored of the snapshot `word`. Raises UsageError: it lacks that, or there is no such server."""
    from tuibackup.vault.restore.dumps import dumps_of

    snapshot = open_vault(config, create=False).find(word)
    if snapshot.clock is not Clock.DATABASES:
        raise UsageError(_("{snapshot} holds files").format(snapshot=snapshot.spec), _("use --to DIR"))
    if paths:
        raise UsageError(_("a databases snapshot has no paths"), _("use --database NAME"))
    if len(databases) != 1:
        raise UsageError(_("--into restores one database at a time"), _("name it: --database NAME"))
    [database], dumps = databases, dumps_of(snapshot)
    if database not in dumps:
        raise UsageError(
            _("{snapshot}: has no database {name}").format(snapshot=snapshot.spec, name=printable(database)),
            _("tuibackup ls {snapshot} shows them").format(snapshot=snapshot.spec),
        )
    dump = dumps[database]
    if table is not None and table not in dump.tables:
        raise UsageError(
            _("{snapshot}: {database} has no table {table}").format(
                snapshot=snapshot.spec, database=printable(database), table=printable(table)
            ),
            _("a view has no rows of its own: restore the database"),
        )
    if "/" not in into and config.server(into).database is None:
        raise UsageError(
            _("{server} has no database in the configuration").format(server=into),
            f"[servers.{into}.database]",
        )
    return DatabasePlan(snapshot, dump, None if table is None else dump.tables[table], into, overwrite)
