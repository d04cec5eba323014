"""Restoring statement by statement gives what MariaDB's own client gives, for every trap that is known of dumping."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database.everything import differences, everything
from tests.database.natively import dumps, inventoried
from tests.database.test_fixtures import FIXTURES, by_the_tool, stand_ins
from tuibackup.database.direction import Direction
from tuibackup.database.load import load_script
from tuibackup.database.target import local_target
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.errors import DatabaseError

OPTIONS = ("--max-allowed-packet=64M",)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, mariadb_template: Path) -> dict[str, dict[str, bytes]]:
    """All fixtures as dumps, by engine and database; stand-ins under the name ""."""
    folder = tmp_path_factory.mktemp("load")
    with PrivateMariadb(folder, template=mariadb_template, options=OPTIONS) as source:
        for fixture in FIXTURES:
            source.sql(fixture.read_bytes())
        infos = asyncio.run(inventoried(source.socket))
        first = {"": asyncio.run(stand_ins(source.socket)).encode()}
        tool = {info.name: by_the_tool(source, list(info.broken), info.name) for info in infos}
        return {"tool": first | tool, "native": first | asyncio.run(dumps(source.socket))}


@pytest.fixture
def two(tmp_path: Path, mariadb_template: Path) -> Iterator[tuple[PrivateMariadb, PrivateMariadb]]:
    with (
        PrivateMariadb(tmp_path / "client", template=mariadb_template, options=OPTIONS) as client,
        PrivateMariadb(tmp_path / "ours", template=mariadb_template, options=OPTIONS) as ours,
    ):
        yield client, ours


@pytest.mark.parametrize("engine", ["tool", "native"])
def test_it_restores_what_the_client_restores_and_stops_where_it_stops(
    sources: dict[str, dict[str, bytes]], two: tuple[PrivateMariadb, PrivateMariadb], engine: str
) -> None:
    client, ours = two
    names = frozenset(sources[engine])
    for name, sql in sources[engine].items():
        said = asyncio.run(load(ours, sql, names if not name else {name}))
        expected = by_the_client(client, sql)
        assert (said == "") == (expected == ""), f"{name}: {said or 'nothing'}, but the client: {expected}"
    made, wanted = (asyncio.run(everything(server.socket)) for server in (ours, client))
    assert wanted
    assert differences(wanted, made) == {}


async def load(server: PrivateMariadb, sql: bytes, names: frozenset[str] | set[str]) -> str:
    async with local_target(server.socket, account(), None) as target:
        try:
            await load_script(target, sql, Direction("", target), names)
        except DatabaseError as error:
            return str(error)
    return ""


def by_the_client(server: PrivateMariadb, sql: bytes) -> str:
    command = ["mariadb", "--no-defaults", f"--socket={server.socket}", "--max-allowed-packet=1G"]
    return subprocess.run(command, input=sql, capture_output=True, check=False).stderr.decode(
        errors="replace"
    )
