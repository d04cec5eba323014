"""The names in a databases snapshot: databases, their tables, and the objects beside them, as tables.json has them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuibackup.vault.index.pattern import NamePattern
    from tuibackup.vault.layout import Snapshot
    from tuibackup.vault.restore.dumps import Dump, StoredTable

OBJECTS = {
    "views": "view", "triggers": "trigger", "routines": "routine", "events": "event", "sequences": "sequence",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Name:
    """`kind`: *database*, *table*, *view*, *trigger*, *routine*, *event* or *sequence*; of a database `name` is ""."""

    kind: str
    database: str
    name: str = ""

    def __str__(self) -> str:
        """ "akademik", "akademik.nilai"."""
        return f"{self.database}.{self.name}" if self.name else self.database


@dataclass(frozen=True, slots=True)
class Stored:
    """What a dump has of a name: `size` in bytes of SQL, and `rows`; None for what is neither table nor database.

    Two with equal `version` are the same; where no checksum was taken nothing proves that, and none is equal.
    """

    size: int | None = None
    rows: int | None = None
    version: object = None


class StoredNames:
    """Those of one snapshot: `all` of them. Raises VaultError."""

    def __init__(self, snapshot: "Snapshot") -> None:
        from tuibackup.vault.restore.dumps import dumps_in

        self.all: dict[Name, Stored] = {}
        for dump in dumps_in(snapshot.path, snapshot.summary.databases):
            self.all |= _names(dump)

    def matching(self, pattern: "NamePattern") -> Iterator[tuple[Name, Stored]]:
        """Databases and what is in them, by their own name or as DATABASE.NAME."""
        for name, stored in self.all.items():
            if pattern.matches(name.name or name.database) or pattern.matches(str(name)):
                yield name, stored

    def at(self, names: Iterable[Name]) -> list[Stored | None]:
        """What is stored under each; None where nothing is."""
        return [self.all.get(one) for one in names]


def _names(dump: "Dump") -> dict[Name, Stored]:
    recorded = {str(one["name"]): one for one in dump.recorded.get("tables", ())}
    tables = {
        Name("table", dump.name, table.name): Stored(
            table.length, table.rows, _version(table, recorded.get(table.name, {}))
        )
        for table in dump.tables.values()
    }
    objects: Mapping[str, Any] = dump.recorded.get("objects", {})
    others = {
        Name(kind, dump.name, str(name)): Stored(version=kind)
        for key, kind in OBJECTS.items()
        for name in objects.get(key, ())
    }
    rows = [table.rows for table in tables.values()]
    content = tuple(sorted((str(name), one.version) for name, one in tables.items()))
    whole = Stored(
        dump.length,
        None if None in rows else sum(one for one in rows if one is not None),
        (dump.length, content, tuple(sorted(map(str, others)))),
    )
    return {Name("database", dump.name): whole, **tables, **others}


def _version(table: "StoredTable", recorded: Mapping[str, Any]) -> str:
    told = {key: recorded.get(key) for key in ("bytes", "rows", "checksum", "content", "engine")}
    if told["checksum"] is None and told["content"] is None:
        told["unlike"] = id(table)
    return json.dumps(told, sort_keys=True)
