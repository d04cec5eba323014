"""Servers that run one command at a time, and servers that close a channel which says nothing for a moment.

Everything a run does has to work there: files with their second look, dumps beside each other, SFTP.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.backedup import CONTENTS
from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tests.toolboxes import only, toolbox
from tests.vault import trees
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

SETUPS = {
    "one": ["MaxSessions 1"],
    "two": ["MaxSessions 2"],
    "quiet": ["ChannelTimeout *=3s"],
    "one-quiet": [
        "MaxSessions 1",
        "ChannelTimeout session*=2s direct-tcpip=2s direct-streamlocal@openssh.com=2s",
    ],
}
TOOLS: dict[str, Callable[[Path], str | None]] = {
    "gnu": lambda _: None,
    "busybox": lambda folder: only(toolbox(folder / "tools")),
    "sftp": lambda _: "exec /usr/lib/openssh/sftp-server",
}
CASES = [(setup, tools) for setup in SETUPS for tools in TOOLS]


@pytest.fixture(scope="module")
def source(start_module_mariadb: MariadbStarter) -> PrivateMariadb:
    database = start_module_mariadb()
    database.sql(CONTENTS)
    for name in ("second", "third", "fourth"):
        database.sql(f"CREATE DATABASE {name}; CREATE TABLE {name}.t (a INT PRIMARY KEY, b LONGTEXT)")
        numbers = ", ".join(f"MD5(RAND(seq * {factor}))" for factor in (3, 7, 11, 13))
        database.sql(f"INSERT INTO t SELECT seq, CONCAT({numbers}) FROM seq_1_to_8000", name)
    return database


@pytest.fixture
def slow(application: Path) -> Path:
    """A folder with one file that takes seconds at the bandwidth of these tests, and many small ones."""
    for number in range(600):
        (application / f"uploads/{number}").write_bytes(b"%d" % number * 40)
    (application / "large").write_bytes(os.urandom(2_000_000))
    return application


@pytest.mark.long
@pytest.mark.parametrize(("setup", "tools"), CASES)
def test_files_come_whole_over_few_and_quiet_channels(
    site: Site, tmp_path: Path, slow: Path, setup: str, tools: str
) -> None:
    site.settings = '[run]\nbandwidth = ["700 KB/s"]\n'
    with PrivateSshd(tmp_path / "sshd", config=SETUPS[setup], force_command=TOOLS[tools](tmp_path)) as sshd:
        site.add("siakad", sshd, [slow])
        check = site.tuibackup("check", "siakad")
        assert "×" not in check.out, check.out
        run = site.tuibackup("run", "siakad", "--json", timeout=100)
        assert (run.code, run.finished["outcome"]) == (0, "done"), run.out
        (slow / "uploads/7").write_text("changed")
        run = site.tuibackup("run", "siakad", "--json", timeout=100)
        assert (run.code, run.finished["outcome"]) == (0, "done"), run.out
    target = site.folder / "restored"
    assert site.tuibackup("restore", "siakad/files/latest", "--to", str(target)).code == 0
    kept = [line for line in trees.differences(slow, Path(f"{target}{slow}")) if tools != "sftp"]
    assert kept == []


@pytest.mark.long
@pytest.mark.parametrize("setup", SETUPS)
def test_databases_are_dumped_at_one_instant_over_few_and_quiet_channels(
    site: Site, tmp_path: Path, source: PrivateMariadb, setup: str
) -> None:
    site.settings = '[run]\nbandwidth = ["500 KB/s"]\n'
    with PrivateSshd(tmp_path / "sshd", config=SETUPS[setup]) as sshd:
        site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{source.socket}"\n')
        check = site.tuibackup("check", "siakad")
        assert "×" not in check.out, check.out
        run = site.dump()
        assert (run.code, run.finished["outcome"]) == (0, "done"), run.out
        assert "rows compared" in run.finished["databases"]["detail"], run.out


FORBIDDEN = {
    "sockets": (["AllowStreamLocalForwarding no"], "socket", "AllowStreamLocalForwarding"),
    "tcp": (["AllowTcpForwarding no"], "tcp", "AllowTcpForwarding"),
    "all": (["DisableForwarding yes"], "socket", "DisableForwarding"),
    "others": (["PermitOpen 10.0.0.1:1"], "tcp", "PermitOpen"),
    "key": (["restrict"], "socket", "restrict,port-forwarding"),
    "nothing-there": ([], "nowhere", "check that the database server runs and listens there"),
    "nothing-listens": ([], "port", "check that the database server runs and listens there"),
}
WAYS = {
    "socket": 'socket = "{socket}"',
    "tcp": 'host = "127.0.0.1"\nport = 3306',
    "nowhere": 'socket = "/nowhere/mysqld.sock"',
    "port": 'host = "127.0.0.1"\nport = 1',
}


@pytest.mark.parametrize(
    "name",
    [one if one == "sockets" else pytest.param(one, marks=pytest.mark.long) for one in FORBIDDEN],
)
@pytest.mark.long
def test_a_channel_that_sshd_forbids_is_told_from_a_database_that_is_not_there(
    site: Site, tmp_path: Path, source: PrivateMariadb, name: str
) -> None:
    config, way, words = FORBIDDEN[name]
    by_key = config == ["restrict"]
    with PrivateSshd(tmp_path / "sshd", config=[] if by_key else config) as sshd:
        if by_key:
            sshd.authorized_keys.write_text("restrict " + sshd.authorized_keys.read_text())
        where = WAYS[way].replace("{socket}", str(source.socket))
        site.add("siakad", sshd, [], database=f'user = "{account()}"\n{where}\n')
        check = site.tuibackup("check", "siakad")
        run = site.tuibackup("run", "siakad", "--only", "databases")
    assert (check.code, run.code) == (1, 1)
    for said in check.out, run.out + run.err:
        assert words in " ".join(said.split()), said
