"""Restoring statement by statement gives what MariaDB's own client gives, for every trap that is known of dumping."""

import asyncio
import subprocess

import pytest

from tests.conftest import MariadbStarter
from tests.database.everything import differences, everything
from tests.database.natively import beside, dumps, inventoried
from tests.database.traps import FIXTURES, by_the_tool
from tuibackup.database.restore.direction import Direction
from tuibackup.database.restore.load import load_script
from tuibackup.database.restore.refusals import Refusals
from tuibackup.database.restore.target import local_target
from tuibackup.demo.mariadbd import PrivateMariadb, account

OPTIONS = ("--max-allowed-packet=64M",)


@pytest.fixture(scope="module")
def sources(start_module_mariadb: MariadbStarter) -> dict[str, dict[str, bytes]]:
    """All fixtures as dumps, by engine and database; what comes first and last under the names "" and " "."""
    source = start_module_mariadb(*OPTIONS)
    for fixture in FIXTURES:
        source.sql(fixture.read_bytes())
    infos = asyncio.run(inventoried(source.socket))
    more = asyncio.run(beside(source.socket))
    tool = {info.name: by_the_tool(source, info, more.views[info.name].own) for info in infos}
    sources = {"tool": tool, "native": asyncio.run(dumps(source.socket))}
    return {name: {"": more.first} | sqls | {" ": more.last} for name, sqls in sources.items()}


@pytest.fixture
def two(start_mariadb: MariadbStarter) -> tuple[PrivateMariadb, PrivateMariadb]:
    """One for the client, one for ours."""
    return start_mariadb(*OPTIONS), start_mariadb(*OPTIONS)


@pytest.mark.parametrize("engine", [pytest.param("tool", marks=pytest.mark.long), "native"])
@pytest.mark.long
def test_it_restores_what_the_client_restores_and_stops_where_it_stops(
    sources: dict[str, dict[str, bytes]], two: tuple[PrivateMariadb, PrivateMariadb], engine: str
) -> None:
    client, ours = two
    names = frozenset(sources[engine])
    for name, sql in sources[engine].items():
        said = asyncio.run(load(ours, sql, {name} if name.strip() else names))
        expected = by_the_client(client, sql)
        assert (said == "") == (expected == ""), f"{name}: {said or 'nothing'}, but the client: {expected}"
    made, wanted = (asyncio.run(everything(server.socket)) for server in (ours, client))
    assert wanted
    assert differences(wanted, made) == {}


async def load(server: PrivateMariadb, sql: bytes, names: frozenset[str] | set[str]) -> str:
    async with local_target(server.socket, account(), None) as target:
        refusals = Refusals()
        await load_script(target, sql, Direction("", target), names, refusals)
        return "; ".join(refusals.refused)


def by_the_client(server: PrivateMariadb, sql: bytes) -> str:
    command = ["mariadb", "--no-defaults", f"--socket={server.socket}", "--max-allowed-packet=1G"]
    return subprocess.run(command, input=sql, capture_output=True, check=False).stderr.decode(
        errors="replace"
    )


@pytest.mark.long
def test_a_table_that_the_server_holds_for_a_while_is_waited_for(mariadbd: PrivateMariadb) -> None:
    """A drill was red: the server counted a table that was just loaded, for more than the second that a login waits."""
    mariadbd.sql("CREATE DATABASE d; CREATE TABLE d.t (i INT)")

    async def change() -> None:
        async with local_target(mariadbd.socket, account(), None) as target:
            await target.run(b"ALTER TABLE d.t ENABLE KEYS")

    command = ["mariadb", "--no-defaults", f"--socket={mariadbd.socket}", "--unbuffered"]
    script = b"LOCK TABLES d.t READ; SELECT 'held'; DO SLEEP(3); UNLOCK TABLES;"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin
        assert holder.stdout
        holder.stdin.write(script)
        holder.stdin.close()
        while b"held" not in holder.stdout.readline():
            assert holder.poll() is None
        asyncio.run(change())
