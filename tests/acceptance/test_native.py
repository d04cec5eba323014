"""Step 4 where there is no dump program, and where it would cut numbers short: the installed command, every trap.

Issue 4, demands 4 and 9: what restore.sh makes of the snapshot is compared with the source object by object.
"""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tests.database.everything import differences, everything
from tests.database.traps import FIXTURES, LOST_BY_THE_TOOL, restore
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

TOOLS = (
    "sh",
    "find",
    "tar",
    "zstd",
    "gzip",
    "cat",
    "date",
    "uname",
    "id",
    "head",
    "tr",
    "stat",
    "nice",
    "test",
    "env",
)


def backed_up(site: Site, sshd: PrivateSshd, source: PrivateMariadb) -> Path:
    """The snapshot that a run made of the databases of `source`."""
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{source.socket}"\n')
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json", timeout=110)
    assert said.code == 3, said.out + said.err  # a broken view, and tables that know no transactions
    assert said.finished["outcome"] == "warnings"
    (snapshot,) = site.snapshots("siakad", "databases")
    told = json.loads((snapshot / "snapshot.json").read_text())
    assert told["whole"], json.dumps(told, indent=1)
    return snapshot


def lost(snapshot: Path, source: PrivateMariadb, target: PrivateMariadb) -> set[str]:
    """What is not the same in `target` after restore.sh of `snapshot`."""
    sql = subprocess.run(["sh", snapshot / "restore.sh"], capture_output=True, check=True).stdout
    restore(target, sql)
    before, after = asyncio.run(everything(source.socket)), asyncio.run(everything(target.socket))
    return set(differences(before, after))


@pytest.fixture(scope="module")
def source(start_module_mariadb: MariadbStarter) -> PrivateMariadb:
    """A server with every trap of tests/database/fixtures; nobody changes it."""
    server = start_module_mariadb("--max-allowed-packet=64M", "--default-time-zone=+07:00")
    for fixture in FIXTURES:
        server.sql(fixture.read_bytes())
    return server


@pytest.mark.long
def test_a_server_without_a_dump_program_comes_back_whole(
    site: Site, source: PrivateMariadb, start_mariadb: MariadbStarter, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    command = f"""PATH={tools}; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(tmp_path / "bare", force_command=command) as sshd:
        snapshot = backed_up(site, sshd, source)
    assert lost(snapshot, source, start_mariadb("--max-allowed-packet=64M")) == set()


@pytest.mark.long
def test_a_server_without_a_shell_is_dumped(
    site: Site, mariadbd: PrivateMariadb, start_mariadb: MariadbStarter, tmp_path: Path
) -> None:
    mariadbd.sql(
        "CREATE DATABASE akademik; CREATE TABLE akademik.nilai (id INT PRIMARY KEY, x FLOAT);"
        "INSERT INTO akademik.nilai VALUES (1, 16777217), (2, 0.1)"
    )
    with PrivateSshd(tmp_path / "bare", force_command="internal-sftp") as sshd:
        site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{mariadbd.socket}"\n')
        said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
        assert said.code == 0, said.out + said.err
    (snapshot,) = site.snapshots("siakad", "databases")
    assert lost(snapshot, mariadbd, start_mariadb()) == set()


@pytest.mark.long  # by default in one process: FLOAT and the like in tests/database/dump/test_dump.py
def test_beside_a_dump_program_nothing_of_what_it_loses_is_lost(
    site: Site, sshd: PrivateSshd, source: PrivateMariadb, start_mariadb: MariadbStarter
) -> None:
    snapshot = backed_up(site, sshd, source)
    assert LOST_BY_THE_TOOL
    assert lost(snapshot, source, start_mariadb("--max-allowed-packet=64M")) == set()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'error while loading shared libraries: libx.so.3' >&2; exit 127", "loading shared libraries"),
        pytest.param("kill -SEGV $$", "Segmentation fault", marks=pytest.mark.long),
        pytest.param("exit 0", "its --help lists no options", marks=pytest.mark.long),
    ],
)
@pytest.mark.long
def test_a_dump_program_that_does_not_work_is_done_without_and_named(
    site: Site, mariadbd: PrivateMariadb, tmp_path: Path, script: str, why: str
) -> None:
    """It is found like any other, and does not even tell its version."""
    mariadbd.sql(
        "CREATE DATABASE toko; CREATE TABLE toko.isi (x FLOAT); INSERT INTO toko.isi VALUES (0.1), (2)"
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("mariadb-dump", "mysqldump"):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    command = f"""PATH={tools}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(tmp_path / "own", force_command=command) as sshd:
        site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{mariadbd.socket}"\n')
        checked = site.tuibackup("check", "siakad")
        said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    assert (checked.code, said.code) == (3, 0), checked.out + said.out + said.err
    told = "mariadb-dump does not work: "
    assert told in checked.out
    (snapshot,) = site.snapshots("siakad", "databases")
    document = json.loads((snapshot / "snapshot.json").read_text())
    assert (document["outcome"], document["instant"], document["rows"]) == ("done", "barrier", "compared")
    assert document["tools"]["dump"].startswith("none: read over a connection: ")
    assert why in document["tools"]["dump"]
    entries = site.tuibackup("log", "--all", "--json").json
    [needs] = [entry["body"]["needs"] for entry in entries if entry["kind"] == "needs"]
    [tool] = [need for need in needs if need["need"] == "dump tool"]
    assert tool["ok"] is False
    assert why in tool["detail"]
