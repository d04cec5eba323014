"""Compares a restored database with what was recorded of it at the dump's own instant (tables.json).

What differs is a difference. What cannot be compared is told apart, and so is what was not recorded:
neither makes a good dump a bad one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tuibackup.database.inventory import quoted
from tuibackup.database.target import TargetServer
from tuibackup.text import count, numbered, printable
from tuibackup.vault.dumps import Dump, StoredTable

_SHOWN = 8  # names in one line

# Kinds of objects as tables.json calls them; columns of schema and name, view and condition that list them.
_OBJECTS = {
    "views": ("TABLE_SCHEMA", "TABLE_NAME", "TABLES", "TABLE_TYPE = 'VIEW'"),
    "triggers": ("TRIGGER_SCHEMA", "TRIGGER_NAME", "TRIGGERS", "1 = 1"),
    "routines": ("ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINES", "1 = 1"),
    "events": ("EVENT_SCHEMA", "EVENT_NAME", "EVENTS", "1 = 1"),
    "sequences": ("TABLE_SCHEMA", "TABLE_NAME", "TABLES", "TABLE_TYPE = 'SEQUENCE'"),
}
_SINGULAR = {
    "views": "view", "triggers": "trigger", "routines": "routine", "events": "event", "sequences": "sequence",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a restored database compares: numbers of what agreed or not, and sentences.

    `differences` are faults; `incomparable` is what cannot be compared; `gaps` is what was not recorded, so
    that nothing proves it.
    """

    tables: int
    rows: int
    checksums: int
    differences: tuple[str, ...] = ()
    incomparable: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


async def compare(
    target: TargetServer, dump: Dump, *, same_series: bool, only: StoredTable | None = None
) -> Comparison:
    """Compare the database of `dump` on `target`, or `only` one table, with the record. Raises DatabaseError."""
    return await _Comparing(target, dump, same_series, only).carry_out()


class _Comparing:
    def __init__(self, target: TargetServer, dump: Dump, same_series: bool, only: StoredTable | None) -> None:
        self._target = target
        self._dump = dump
        self._same_series = same_series
        self._only = only
        self._database = printable(dump.name)
        self._objects: Mapping[str, Any] = dump.recorded.get("objects") or {}
        self._rows = self._checksums = 0
        self._differences: list[str] = []
        self._incomparable: list[str] = []
        self._gaps: list[str] = []
        self._unchecked: list[str] = []  # tables without a recorded checksum

    async def carry_out(self) -> Comparison:
        there = await self._tables()
        sequences = set(self._objects.get("sequences", ())) | {
            name for name, kind in there.items() if kind == "SEQUENCE"
        }
        wanted = [self._only] if self._only else list(self._dump.tables.values())
        wanted = [table for table in wanted if table.name not in sequences]
        names = [table.name for table in wanted]
        base = {name for name, kind in there.items() if kind not in ("VIEW", "SEQUENCE", "SYSTEM VIEW")}
        self._missing_and_extra("table", names, base if self._only is None else base & set(names))
        if not self._dump.recorded:
            self._gaps.append(f"{self._database}: nothing was recorded of it, so nothing can be compared")
        elif self._only is None:
            await self._compare_objects()
        floats = await self._floats()
        for table in wanted:
            if table.name in base:
                versioned = there[table.name] == "SYSTEM VERSIONED"
                await self._compare_table(table, versioned=versioned, floats=table.name in floats)
        if self._unchecked:
            one_has = any(table.checksum is not None for table in wanted)
            what = f"{_listed(self._unchecked)}: no checksum was" if one_has else "no checksums were"
            self._incomparable.append(f"{self._database}: {what} recorded, rows are counted only")
        return Comparison(
            len(wanted),
            self._rows,
            self._checksums,
            tuple(self._differences),
            tuple(self._incomparable),
            tuple(self._gaps),
        )

    async def _tables(self) -> dict[str, str]:
        found = await self._target.rows(
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
            self._dump.name,
        )
        return {str(name): str(kind) for name, kind in found}

    async def _floats(self) -> frozenset[str]:
        found = await self._target.rows(
            "SELECT DISTINCT TABLE_NAME FROM information_schema.COLUMNS"
            " WHERE TABLE_SCHEMA = %s AND DATA_TYPE = 'float'",
            self._dump.name,
        )
        return frozenset(str(name) for (name,) in found)

    async def _compare_objects(self) -> None:
        unknown = [kind for kind in _OBJECTS if not isinstance(self._objects.get(kind), list)]
        if unknown:
            self._gaps.append(f"{self._database}: the names of its {', '.join(unknown)} were not recorded")
        for kind, (schema, column, view, condition) in _OBJECTS.items():
            if kind in unknown:
                continue
            found = await self._target.rows(
                f"SELECT {column} FROM information_schema.{view} WHERE {schema} = %s AND {condition}",
                self._dump.name,
            )
            names = {str(name) for (name,) in found}
            self._missing_and_extra(_SINGULAR[kind], [str(one) for one in self._objects[kind]], names)

    def _missing_and_extra(self, what: str, wanted: Collection[str], there: Collection[str]) -> None:
        self._differences += [
            f"{self._database}: {what} {printable(name)} is missing" for name in wanted if name not in there
        ]
        self._differences += [
            f"{self._database}: {what} {printable(name)} is there and was not recorded"
            for name in sorted(there)
            if name not in wanted
        ]

    async def _compare_table(self, table: StoredTable, *, versioned: bool, floats: bool) -> None:
        place = f"{quoted(self._dump.name)}.{quoted(table.name)}"
        name = f"{self._database}.{printable(table.name)}"
        [(rows,)] = await self._target.rows(f"SELECT COUNT(*) FROM {place}")
        rows = int(str(rows))
        self._rows += rows
        before = len(self._differences)
        counted = self._recorded(table).get("counted")
        expected = counted if isinstance(counted, int) else table.rows
        if expected is None:
            self._gaps.append(f"{name}: its rows were not counted at the dump: {count(rows)} came back")
        elif rows != expected:
            when = "were there at the dump's instant" if isinstance(counted, int) else "are in the dump"
            self._differences.append(f"{name}: {numbered(rows, 'row')} came back, {count(expected)} {when}")
        if table.checksum is None:
            if not versioned:
                self._unchecked.append(table.name)
            return
        [(_name, checksum)] = await self._target.rows(f"CHECKSUM TABLE {place}")
        if checksum is not None and int(str(checksum)) == table.checksum:
            self._checksums += 1
        elif checksum is None:
            self._incomparable.append(f"{name}: its checksum is not comparable: the server gives none")
        elif versioned:
            self._incomparable.append(f"{name}: its checksum is not comparable: system-versioned")
        elif floats:
            self._incomparable.append(
                f"{name}: its checksum is not comparable: dump programs write FLOAT with six digits"
            )
        elif not self._same_series:
            self._incomparable.append(
                f"{name}: its checksum is not comparable: taken by another series than {self._target.words}"
            )
        elif before == len(self._differences):
            self._differences.append(
                f"{name}: its content differs from the server's at the dump's instant (checksum)"
            )

    def _recorded(self, table: StoredTable) -> Mapping[str, Any]:
        found = self._dump.recorded.get("tables", ())
        return next((one for one in found if one.get("name") == table.name), {})


def _listed(names: list[str]) -> str:
    text = ", ".join(printable(name) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{text} and {count(more)} more" if more > 0 else text
