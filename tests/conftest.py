"""Fixtures that every room's tests share: real servers, started once for all tests of a process."""

import fcntl
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from tuibackup.config import Config, load
from tuibackup.demo.mariadbd import PrivateMariadb, initialise, missing_programs
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.words import use_language

MariadbStarter = Callable[..., PrivateMariadb]

# On a machine that is busy one of a hundred examples may take long.
hypothesis.settings.register_profile("tests", deadline=None, max_examples=25)
hypothesis.settings.register_profile("thorough", deadline=None)  # for the long tests
hypothesis.settings.load_profile("tests")

# A script that starts the suite in its background, or below nohup, has it ignore these; so would all that tests start.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """What was read stays to the end: the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


SERVER = """
[servers.siakad]
host = "127.0.0.1"
folders = ["/srv/www"]

[servers.siakad.database]
socket = "/run/mysqld/mysqld.sock"
"""


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    """Write a config.toml with the given servers' tables, and read it."""

    def write(
        servers: str = SERVER,
        *,
        parallel: int = 2,
        min_free: str = "1 MB",
        connect_within: str = "10 minutes",
    ) -> Config:
        (tmp_path / "vault").mkdir(exist_ok=True)
        path = tmp_path / "config.toml"
        path.write_text(
            f'state = "{tmp_path}/state"\n[vault]\npath = "{tmp_path}/vault"\nmin_free = "{min_free}"\n'
            '[discover]\nevery = "never"\n[recover]\nfacts = false\n[verify]\nafter_run = false\n'
            f"[run]\nparallel = {parallel}\n"
            f'[sop]\nconnect_within = "{connect_within}"\n{servers}'
        )
        path.chmod(0o600)
        return load(path)

    return write


@pytest.fixture(autouse=True)
def english() -> None:
    """Each test begins in English, whatever language the one before it chose."""
    use_language("en")


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    """A private sshd that takes our client key; a test that breaks or configures one starts its own."""
    with PrivateSshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where database servers lie: in memory where there is room. Two thirds of their tests' time went into fsync."""
    shared = Path("/dev/shm")
    for left in shared.glob("tuibackup-tests-*"):  # by a run that was killed
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    if not shared.is_dir() or not os.access(shared, os.W_OK) or shutil.disk_usage(shared).free < 2 << 30:
        yield tmp_path_factory.mktemp("memory")
        return
    folder = shared / f"tuibackup-tests-{os.getpid()}"
    folder.mkdir(mode=0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fast_tmp_path(memory: Path) -> Iterator[Path]:
    """A test's own folder there."""
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def mariadb_template(tmp_path_factory: pytest.TempPathFactory, memory: Path) -> Path:
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
            initialise(memory / "template")
            shutil.copytree(memory / "template", unfinished)
            unfinished.rename(template)
            shutil.rmtree(memory / "template")
    return template


@pytest.fixture
def start_mariadb(memory: Path, mariadb_template: Path) -> Iterator[MariadbStarter]:
    """Start private servers, each in a folder of its own; they end with the test."""
    with starting(memory, mariadb_template) as start:
        yield start


@pytest.fixture(scope="module")
def start_module_mariadb(memory: Path, mariadb_template: Path) -> Iterator[MariadbStarter]:
    """The same; they end with the module's last test."""
    with starting(memory, mariadb_template) as start:
        yield start


@contextmanager
def starting(memory: Path, template: Path) -> Iterator[MariadbStarter]:
    started: list[PrivateMariadb] = []

    def start(*options: str, tcp: bool = False) -> PrivateMariadb:
        folder = Path(tempfile.mkdtemp(prefix="mariadb-", dir=memory))
        started.append(PrivateMariadb(folder, tcp=tcp, options=options, template=template))
        return started[-1].start()

    try:
        yield start
    finally:
        for server in started:
            server.kill()
            shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def shared_mariadbd(memory: Path, mariadb_template: Path) -> Iterator[PrivateMariadb]:
    """The server behind `mariadbd`."""
    with starting(memory, mariadb_template) as start:
        yield start()


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
