"""Compares a restored database with what was recorded of it at the dump's own instant (tables.json).

Only a difference speaks against a dump. What cannot be compared, and what was not recorded, is listed by itself.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuibackup.database import content
from tuibackup.database.content import Content, ContentColumn
from tuibackup.database.inventory import quoted
from tuibackup.database.objects.shown import WITHOUT_ROWS
from tuibackup.database.restore.target import TargetServer
from tuibackup.errors import DatabaseError
from tuibackup.text import count, printable
from tuibackup.vault.restore.dumps import Dump, StoredTable
from tuibackup.words import joined, sentence, sentence_n

_SHOWN = 8  # names in one line
_TOGETHER = 100  # tables whose columns one statement asks for
_NO_TABLES = ("VIEW", "SEQUENCE", "SYSTEM VIEW")

# Kinds of objects as tables.json names them; the columns of schema and name, the view and the condition to list them.
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
    """How a restored database compares: how many tables, rows and checksums agreed, and sentences.

    `differences` are faults; `incomparable` is what cannot be compared; `gaps` is what was not recorded, so that
    nothing proves it.
    """

    tables: int
    rows: int
    checksums: int
    differences: tuple[str, ...] = ()
    incomparable: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


async def compare(
    target: TargetServer,
    dump: Dump,
    *,
    same_series: bool,
    only: StoredTable | None = None,
    unmade: Collection[str] = (),
) -> Comparison:
    """Compare the database of `dump` on `target`, or `only` one table, with the record.

    `unmade`: names of objects that the target could not create; they are not missed. Raises DatabaseError.
    """
    return await _Comparing(target, dump, same_series, only, frozenset(unmade)).compare()


@dataclass(frozen=True, slots=True)
class _There:
    """A table on the target."""

    name: str
    kind: str
    engine: str

    @property
    def versioned(self) -> bool:
        return self.kind == "SYSTEM VERSIONED"


class _Comparing:
    def __init__(
        self,
        target: TargetServer,
        dump: Dump,
        same_series: bool,
        only: StoredTable | None,
        unmade: frozenset[str],
    ) -> None:
        self._target = target
        self._unmade = unmade
        self._dump = dump
        self._same_series = same_series
        self._only = only
        self._database = printable(dump.name)
        self._objects: Mapping[str, Any] = dump.recorded.get("objects") or {}
        self._recorded: Mapping[str, Any] = {one["name"]: one for one in dump.recorded.get("tables", ())}
        self._peculiar: Mapping[str, str] = {}
        self._rows = self._checksums = 0
        self._differences: list[str] = []
        self._incomparable: list[str] = []
        self._gaps: list[str] = []
        self._unchecked: list[str] = []  # tables without a recorded checksum

    async def compare(self) -> Comparison:
        await self._target.rows(content.SETTINGS)
        there = await self._tables()
        sequences = set(self._objects.get("sequences", ())) | {
            one.name for one in there.values() if one.kind == "SEQUENCE"
        }
        wanted = [self._only] if self._only else list(self._dump.tables.values())
        wanted = [table for table in wanted if table.name not in sequences]
        names = [table.name for table in wanted]
        base = {key: one for key, one in there.items() if one.kind not in _NO_TABLES}
        if self._only is not None:
            base = {key: one for key, one in base.items() if key == self._target.stored(self._only.name)}
        self._missing_and_extra("table", names, [one.name for one in base.values()])
        if not self._dump.recorded:
            self._gaps.append(
                sentence(
                    "{database}: nothing was recorded about it, so nothing can be compared",
                    database=self._database,
                )
            )
        elif self._only is None:
            await self._compare_objects()
        self._damaged()
        self._peculiar = await self._why_peculiar()
        pairs = [
            (table, base[self._target.stored(table.name)])
            for table in wanted
            if self._target.stored(table.name) in base
        ]
        for first in range(0, len(pairs), _TOGETHER):
            some = pairs[first : first + _TOGETHER]
            columns = await self._columns([one.name for table, one in some if self._content(table)])
            for table, one in some:
                await self._compare_table(table, one, columns.get(one.name, []))
        if self._unchecked:
            one_has = any(table.checksum is not None or self._content(table) for table in wanted)
            what = (
                sentence("{tables}: no checksum was", tables=_listed(self._unchecked))
                if one_has
                else sentence("no checksums were")
            )
            self._incomparable.append(
                sentence(
                    "{database}: {what} recorded, so only its rows were counted",
                    database=self._database,
                    what=what,
                )
            )
        return Comparison(
            len(wanted),
            self._rows,
            self._checksums,
            tuple(self._differences),
            tuple(self._incomparable),
            tuple(self._gaps),
        )

    def _content(self, table: StoredTable) -> Content | None:
        return content.recorded(self._recorded.get(table.name, {}).get("content"))

    def _damaged(self) -> None:
        """Note what the dump never had, so that the restore does not prove it."""
        for one in self._dump.recorded.get("left_out", ()):
            if self._only is None or self._only.name == one.get("name"):
                where = f"{self._database}.{printable(str(one.get('name')))}"
                what = (
                    sentence("was damaged, only its first rows came back")
                    if one.get("rows") is not None
                    else sentence("was left out")
                )
                self._gaps.append(
                    sentence(
                        "{where}: this {kind} {what}: {why}",
                        where=where,
                        kind=sentence(str(one.get("kind"))),
                        what=what,
                        why=printable(str(one.get("why"))),
                    )
                )

    async def _tables(self) -> dict[str, _There]:
        """The target's tables, by the name with which it distinguishes them."""
        found = await self._target.rows(
            "SELECT TABLE_NAME, TABLE_TYPE, COALESCE(ENGINE, '') FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = %s",
            self._dump.name,
        )
        return {
            self._target.stored(str(name)): _There(str(name), str(kind), str(engine))
            for name, kind, engine in found
        }

    async def _columns(self, names: Sequence[str]) -> Mapping[str, list[ContentColumn]]:
        if not names:
            return {}
        asked = content.COLUMNS.format(", ".join(["%s"] * len(names)))
        return content.by_table(await self._target.rows(asked, self._dump.name, *names))

    async def _why_peculiar(self) -> Mapping[str, str]:
        """Tables whose CHECKSUM TABLE changes when they are restored, and why."""
        found = await self._target.rows(
            "SELECT TABLE_NAME, MAX(COALESCE(GENERATION_EXPRESSION, '') <> '')"
            " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
            " AND (COALESCE(GENERATION_EXPRESSION, '') <> '' OR DATA_TYPE = 'float') GROUP BY TABLE_NAME",
            self._dump.name,
        )
        return {
            str(name): sentence("it has generated columns")
            if generated
            else sentence("dump programs write FLOAT with six digits")
            for name, generated in found
        }

    async def _compare_objects(self) -> None:
        unknown = [kind for kind in _OBJECTS if not isinstance(self._objects.get(kind), list)]
        if unknown:
            self._gaps.append(
                sentence(
                    "{database}: the names of its {unknown} were not recorded",
                    database=self._database,
                    unknown=joined(", ", map(sentence, unknown)),
                )
            )
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
        """Compare names as the target distinguishes them: it may ignore case and store them in small letters."""
        stored = self._target.stored
        came, asked = {stored(name) for name in there}, Counter(stored(name) for name in wanted)
        self._differences += [
            sentence(
                "{database}: {what} {name} has the name of another one: {target} does not tell capital "
                "letters from small ones",
                database=self._database,
                what=sentence(what),
                name=printable(name),
                target=self._target.name,
            )
            for name in wanted
            if asked[stored(name)] > 1 and stored(name) != name
        ]
        self._differences += [
            sentence(
                "{database}: {what} {name} is missing",
                database=self._database,
                what=sentence(what),
                name=printable(name),
            )
            for name in wanted
            if stored(name) not in came and name not in self._unmade
        ]
        self._differences += [
            sentence(
                "{database}: {what} {name} is there, but was not recorded",
                database=self._database,
                what=sentence(what),
                name=printable(name),
            )
            for name in sorted(there)
            if stored(name) not in asked
        ]

    async def _compare_table(
        self, table: StoredTable, there: _There, columns: Sequence[ContentColumn]
    ) -> None:
        """Compare a table's rows and content; if it cannot be read, that is a difference."""
        name = f"{self._database}.{printable(table.name)}"
        engine = str(self._recorded.get(table.name, {}).get("engine", ""))
        if engine.lower() in WITHOUT_ROWS:
            self._incomparable.append(
                sentence(
                    "{name}: it holds no rows of its own ({engine})", name=name, engine=printable(engine)
                )
            )
            return
        try:
            rows, agrees = await self._look(table, there, columns)
        except DatabaseError as error:
            self._differences.append(
                sentence("{name}: cannot be read: {message}", name=name, message=error.message)
            )
            return
        self._rows += rows
        counted = self._recorded.get(table.name, {}).get("counted")
        expected = counted if isinstance(counted, int) else table.rows
        if expected is None:
            self._gaps.append(
                sentence(
                    "{name}: its rows were not counted when it was dumped: {rows} came back",
                    name=name,
                    rows=count(rows),
                )
            )
        elif rows != expected:
            when = (
                sentence("were there at the dump's instant")
                if isinstance(counted, int)
                else sentence("are in the dump")
            )
            self._differences.append(
                sentence(
                    "{name}: {rows} came back, {expected} {when}",
                    name=name,
                    rows=sentence_n("{count} row", "{count} rows", rows),
                    expected=count(expected),
                    when=when,
                )
            )
        if agrees:
            self._checksums += 1
        elif table.checksum is None and self._content(table) is None:
            self._unchecked.append(table.name)
        elif why := self._incomparable_for(table, there, columns):
            self._incomparable.append(
                sentence("{name}: its checksum is not comparable: {why}", name=name, why=why)
            )
        elif rows == expected:
            self._differences.append(
                sentence(
                    "{name}: its content differs from the server's at the dump's instant (checksum)",
                    name=name,
                )
            )

    async def _look(
        self, table: StoredTable, there: _There, columns: Sequence[ContentColumn]
    ) -> tuple[int, bool]:
        """How many rows came back, and whether their content is what was recorded.

        The target's old rows count, too: a dump without history has restored none.
        """
        place = f"{quoted(self._dump.name)}.{quoted(there.name)}"
        of_all_time = " FOR SYSTEM_TIME ALL" if there.versioned else ""
        if (taken := self._content(table)) is not None:
            history = taken.history and there.versioned
            asked = content.query(place, columns, history=history, rounded=taken.rounded)
            [(rows, total)] = await self._target.rows(f"SELECT {asked}")
            agrees = int(str(total)) == taken.sum
            if agrees and history:
                [(now, for_ever)] = await self._target.rows(f"SELECT {content.of_now(place, columns)}")
                agrees = now == for_ever
            return int(str(rows)), agrees
        [(rows,)] = await self._target.rows(f"SELECT COUNT(*) FROM {place}{of_all_time}")
        if table.checksum is None:
            return int(str(rows)), False
        [(_name, checksum)] = await self._target.rows(f"CHECKSUM TABLE {place}")
        if checksum is None:
            raise DatabaseError(sentence("{name}: CHECKSUM TABLE gives none", name=self._target.name))
        return int(str(rows)), int(str(checksum)) == table.checksum

    def _incomparable_for(self, table: StoredTable, there: _There, columns: Sequence[ContentColumn]) -> str:
        """Why another checksum proves nothing; "" if it proves a difference."""
        if self._content(table) is not None:
            # 4.9406564584124654e-324 is 5e-324 elsewhere.
            numbers = any(column.type in ("float", "double") for column in columns)
            return (
                sentence(
                    "another series than {words} writes FLOAT and DOUBLE differently",
                    words=self._target.words,
                )
                if numbers and not self._same_series
                else ""
            )
        if there.versioned:
            return sentence("system-versioned")
        if why := self._peculiar.get(there.name):
            return why
        if not self._same_series:
            return sentence("it was taken on another series than {words}", words=self._target.words)
        engine = str(self._recorded.get(table.name, {}).get("engine", ""))
        if engine and engine.lower() != there.engine.lower():
            return sentence(
                "the engine is {engine} here and was {engine_then}",
                engine=printable(there.engine),
                engine_then=printable(engine),
            )
        return ""


def _listed(names: list[str]) -> str:
    text = ", ".join(printable(name) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return sentence("{names} and {number} more", names=text, number=count(more)) if more > 0 else text
