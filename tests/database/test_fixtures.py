"""Every trap that is known of dumping (tests/database/fixtures), dumped by each engine, restored, compared.

What the engines restore is compared with the source by SHOW CREATE, checksum and bytes.
"""

import asyncio
from dataclasses import dataclass

import pytest

from tests.conftest import MariadbStarter
from tests.database.everything import Rows, differences, everything
from tests.database.natively import beside, dumps, inventoried
from tests.database.traps import FIXTURES, LOST_BY_THE_TOOL, assert_scanned, by_the_tool, restore
from tuibackup.database.inventory import DatabaseInfo, quoted


@dataclass(frozen=True)
class Compared:
    """What the source holds and what each engine's restore made of it; the native dumps."""

    source: dict[str, Rows]
    tool: dict[str, Rows]
    native: dict[str, Rows]
    dumps: dict[str, bytes]
    infos: dict[str, DatabaseInfo]
    databases: dict[str, list[str]]  # by fixture


@pytest.fixture(scope="module")
def compared(start_module_mariadb: MariadbStarter) -> Compared:
    options = ("--max-allowed-packet=64M",)
    source = start_module_mariadb(*options, "--default-time-zone=+07:00")
    databases: dict[str, list[str]] = {}
    known: set[str] = set()
    for fixture in FIXTURES:
        source.sql(fixture.read_bytes())
        there = {info.name for info in asyncio.run(inventoried(source.socket))}
        databases[fixture.name] = sorted(there - known)
        known = there
    infos = asyncio.run(inventoried(source.socket))
    more = asyncio.run(beside(source.socket))
    native = asyncio.run(dumps(source.socket))
    by_tool = {info.name: by_the_tool(source, info, more.views[info.name].own) for info in infos}
    expected = asyncio.run(everything(source.socket))
    restored = []
    for name, sqls in (("tool", by_tool), ("native", native)):
        scratch = start_module_mariadb(*options)
        errors = restore(scratch, more.first + b"".join(sqls.values()) + more.last)
        assert not errors or name == "tool", errors
        restored.append(asyncio.run(everything(scratch.socket)))
    return Compared(expected, *restored, native, {info.name: info for info in infos}, databases)


def of(found: dict[str, Rows], databases: list[str]) -> dict[str, Rows]:
    return {asked: rows for asked, rows in found.items() if asked.split(": ")[0] in databases}


@pytest.mark.parametrize("fixture", [fixture.name for fixture in FIXTURES])
def test_a_native_dump_restores_to_what_was_there(compared: Compared, fixture: str) -> None:
    names = compared.databases[fixture]
    assert names
    assert differences(of(compared.source, names), of(compared.native, names)) == {}


@pytest.mark.parametrize("fixture", [fixture.name for fixture in FIXTURES])
def test_the_scanner_finds_everything_in_a_native_dump(compared: Compared, fixture: str) -> None:
    for name in compared.databases[fixture]:
        found = assert_scanned(compared.dumps[name], compared.infos[name])
        rows = {
            table.name: len(compared.source[f"{name}: rows of {quoted(table.name)}"])
            for table in compared.infos[name].tables
            if table.kind != "SEQUENCE" and table.engine != "MRG_MyISAM"
        }
        assert {table: found[table] for table in rows} == rows


@pytest.mark.parametrize("fixture", [fixture.name for fixture in FIXTURES])
@pytest.mark.long
def test_the_tools_dump_restores_to_the_same_but_for_what_it_loses(compared: Compared, fixture: str) -> None:
    names = compared.databases[fixture]
    differing = differences(of(compared.native, names), of(compared.tool, names))
    assert set(differing) == LOST_BY_THE_TOOL.get(fixture, set()), differing
