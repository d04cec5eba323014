"""A restored database is held against its record: faults are faults, and what cannot agree is not called one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tuibackup.database.restore.proof import compare
from tuibackup.database.restore.target import TargetServer, local_target
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.vault.restore.dumps import Dump, StoredTable

CONTENTS = """
CREATE DATABASE uji; USE uji;
CREATE TABLE biasa (i INT); INSERT INTO biasa VALUES (1), (2);
CREATE TABLE ukur (f FLOAT); INSERT INTO ukur VALUES (16777216);
CREATE TABLE riwayat (i INT) WITH SYSTEM VERSIONING; INSERT INTO riwayat VALUES (1); UPDATE riwayat SET i = 2;
CREATE VIEW lihat AS SELECT 1 AS satu; CREATE SEQUENCE nomor;
"""
OBJECTS = {"views": ["lihat"], "triggers": [], "routines": [], "events": [], "sequences": ["nomor"]}


@pytest.fixture
async def target(mariadbd: PrivateMariadb) -> AsyncIterator[TargetServer]:
    mariadbd.sql(CONTENTS)
    async with local_target(mariadbd.socket, account(), None) as server:
        yield server


def recorded(checksum: int | None, **more: Any) -> Dump:
    """A dump whose record has three tables with this checksum each."""
    rows = {"biasa": 2, "ukur": 1, "riwayat": 2}
    tables = {name: StoredTable(name, 0, 1, number, checksum) for name, number in rows.items()}
    about = {"name": "uji", "objects": OBJECTS, "tables": [{"name": name} for name in rows], **more}
    return Dump(Path("uji.sql.zst"), "uji", 1, True, b"", tables, about)


async def test_only_what_can_agree_has_to(target: TargetServer) -> None:
    found = await compare(target, recorded(4711), same_series=True)
    assert found.differences == (
        "uji.biasa: its content differs from the server's at the dump's instant (checksum)",
    )
    assert len(found.incomparable) == 2
    assert any("uji.ukur" in one and "FLOAT" in one for one in found.incomparable)
    assert any("uji.riwayat" in one and "system-versioned" in one for one in found.incomparable)
    assert (found.tables, found.rows, found.gaps) == (3, 5, ())


async def test_another_series_gives_another_checksum_and_that_is_no_fault(target: TargetServer) -> None:
    found = await compare(target, recorded(4711), same_series=False)
    assert found.differences == ()
    assert len(found.incomparable) == 3


async def test_what_was_not_recorded_is_said(target: TargetServer) -> None:
    found = await compare(target, recorded(None, objects=None), same_series=True)
    assert found.differences == ()
    assert found.gaps == (
        "uji: the names of its views, triggers, routines, events, sequences were not recorded",
    )
    assert found.incomparable == ("uji: no checksums were recorded, so only its rows were counted",)


async def test_what_is_missing_or_too_much_is_a_fault(target: TargetServer) -> None:
    objects = {**OBJECTS, "views": [], "triggers": ["jaga"]}
    found = await compare(target, recorded(None, objects=objects), same_series=True)
    assert set(found.differences) == {
        "uji: view lihat is there, but was not recorded",
        "uji: trigger jaga is missing",
    }


async def test_another_series_writes_numbers_otherwise_and_nothing_else(target: TargetServer) -> None:
    wrong = {"form": 1, "sum": 7, "history": False, "rounded": False}
    tables = [{"name": name, "content": wrong} for name in ("biasa", "ukur", "riwayat")]
    found = await compare(target, recorded(None, tables=tables), same_series=False)
    assert [one.partition(":")[0] for one in found.incomparable] == ["uji.ukur"]
    assert [one.partition(":")[0] for one in found.differences] == ["uji.biasa", "uji.riwayat"]
    same = await compare(target, recorded(None, tables=tables), same_series=True)
    assert len(same.differences) == 3
