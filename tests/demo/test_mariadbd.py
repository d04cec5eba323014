"""The private database server: what the playground and the other tests stand on."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuibackup.demo.mariadbd import PrivateMariadb, initialise
from tuibackup.errors import DatabaseError


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("template") / "data"
    initialise(data)
    return data


def test_the_current_account_logs_in_without_a_password(tmp_path: Path, template: Path) -> None:
    with PrivateMariadb(tmp_path / "db", template=template) as server:
        name = pwd.getpwuid(os.geteuid()).pw_name
        assert server.sql("SELECT CURRENT_USER()") == f"{name}@localhost\n"
        assert server.sql("SELECT @@skip_networking, @@event_scheduler") == "1\tOFF\n"


def test_tcp_listens_on_loopback_only_where_asked(tmp_path: Path, template: Path) -> None:
    with PrivateMariadb(tmp_path / "db", template=template, tcp=True) as server:
        assert server.port is not None
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            assert connection.recv(5)
        assert server.sql("SELECT @@bind_address") == "127.0.0.1\n"


def test_a_long_folder_name_still_gets_a_socket(tmp_path: Path, template: Path) -> None:
    with PrivateMariadb(tmp_path / ("long" * 30), template=template) as server:
        assert server.sql("SELECT 1") == "1\n"


def test_data_survives_a_stop_and_a_kill(tmp_path: Path, template: Path) -> None:
    server = PrivateMariadb(tmp_path / "db", template=template)
    with server:
        server.sql("CREATE DATABASE kept")
    with server:
        assert "kept\n" in server.sql("SHOW DATABASES")
        server.kill()


def test_wrong_sql_raises_with_the_clients_message(tmp_path: Path, template: Path) -> None:
    with (
        PrivateMariadb(tmp_path / "db", template=template) as server,
        pytest.raises(DatabaseError, match="1064"),
    ):
        server.sql("SELEKT 1")


def test_it_ends_with_its_parent_even_when_that_is_killed(tmp_path: Path, template: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tuibackup.demo.mariadbd import PrivateMariadb\n"
        "s = PrivateMariadb(Path(sys.argv[1]), template=Path(sys.argv[2])).start()\n"
        "print(s.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "db"), str(template)], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
