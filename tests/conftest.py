"""Fixtures that every room's tests share: real servers, started once for all tests of a process."""

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tuibackup.demo.mariadbd import PrivateMariadb, initialise, missing_programs
from tuibackup.demo.sshd import PrivateSshd

MariadbStarter = Callable[..., PrivateMariadb]


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    """A private sshd that takes our client key; a test that breaks or configures one starts its own."""
    with PrivateSshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised data folder, shared by the workers of pytest-xdist too."""
    if missing := missing_programs():
        pytest.fail(f"these tests need {', '.join(missing)}: install mariadb-server")
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):
        shared = shared.parent
    template = shared / "mariadb-template"
    with (shared / "mariadb-template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            unfinished = shared / "mariadb-template.new"
            initialise(unfinished)
            unfinished.rename(template)
    return template


@pytest.fixture
def start_mariadb(tmp_path: Path, mariadb_template: Path) -> Iterator[MariadbStarter]:
    """Start private servers, each in a folder of its own; they end with the test."""
    started: list[PrivateMariadb] = []

    def start(*options: str, tcp: bool = False) -> PrivateMariadb:
        folder = tmp_path / f"mariadb-{len(started)}"
        started.append(PrivateMariadb(folder, tcp=tcp, options=options, template=mariadb_template))
        return started[-1].start()

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def shared_mariadbd(
    tmp_path_factory: pytest.TempPathFactory, mariadb_template: Path
) -> Iterator[PrivateMariadb]:
    """The server behind `mariadbd`."""
    with PrivateMariadb(tmp_path_factory.mktemp("mariadbd"), template=mariadb_template) as server:
        yield server


@pytest.fixture
def mariadbd(shared_mariadbd: PrivateMariadb) -> Iterator[PrivateMariadb]:
    """A private server on its socket, as good as fresh: what a test made in it is dropped afterwards."""
    before = shared_mariadbd.sql(_EVERYTHING).splitlines()
    yield shared_mariadbd
    made = [line for line in shared_mariadbd.sql(_EVERYTHING).splitlines() if line not in before]
    if made:
        shared_mariadbd.sql(";\n".join(made))


# What there is besides the server's own, each as the statement that drops it.
_EVERYTHING = """
SELECT CONCAT('DROP DATABASE `', REPLACE(schema_name, '`', '``'), '`') FROM information_schema.schemata
UNION ALL SELECT IF(JSON_VALUE(priv, '$.is_role'), CONCAT('DROP ROLE ', QUOTE(user)),
    CONCAT('DROP USER ', QUOTE(user), '@', QUOTE(host))) FROM mysql.global_priv WHERE user <> 'PUBLIC'
"""
