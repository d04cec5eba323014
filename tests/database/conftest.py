"""Real database servers for the tests: initialised once a session, copied for each server."""

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tuibackup.demo.mariadbd import PrivateMariadb, initialise, missing_programs

MariadbStarter = Callable[..., PrivateMariadb]


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


@pytest.fixture
def mariadbd(start_mariadb: MariadbStarter) -> PrivateMariadb:
    """One empty private server, socket only."""
    return start_mariadb()
