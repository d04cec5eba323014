"""Step 4 when something goes wrong in the middle, and on servers with little."""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from msgspec.structs import replace

from tests.conftest import MariadbStarter
from tests.database.by_script import FILLED, SOME, dumped
from tests.database.conftest import Collected, Tooled, incoming_at, opened, unpacked
from tuibackup.config import Database, Server
from tuibackup.database.connect.login import login
from tuibackup.database.dump.dump import DumpResult, dump
from tuibackup.database.dump.verdict import complaint
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectionLostError, DatabaseError, VaultError
from tuibackup.remote.probe import probe
from tuibackup.remote.session import Session
from tuibackup.sop import Outcome
from tuibackup.vault.incoming import Incoming

DumpBy = Callable[[str], Awaitable[DumpResult]]


@pytest.fixture
def dump_by(
    session: Session, server: Server, incoming: Incoming, reporter: Collected, tooled: Tooled
) -> DumpBy:
    """Dump with a program that is that script."""

    async def dumped_by(script: str) -> DumpResult:
        return await dumped(session, server, incoming, reporter, dump_tools=tooled(script))

    return dumped_by


def packing_threads() -> list[str]:
    """Threads that have not ended: the pool's own idle ones do not count."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("zstd")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tuibackup-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no mounts here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_vault_that_fills_up_is_said_at_once(
    session: Session,
    server: Server,
    mariadbd: PrivateMariadb,
    reporter: Collected,
    small_disk: Path,
    tooled: Tooled,
) -> None:
    mariadbd.sql(SOME)
    incoming = incoming_at(small_disk)
    endless = tooled('real "$@" | head -n 40; while head -c 1000000 /dev/urandom; do :; done')
    with pytest.raises(VaultError, match="vault full: no room for"):
        async with asyncio.timeout(20):
            await dumped(session, server, incoming, reporter, dump_tools=endless)
    assert not packing_threads()


async def test_what_is_no_dump_is_not_kept(
    mariadbd: PrivateMariadb, incoming: Incoming, reporter: Collected, dump_by: DumpBy
) -> None:
    """An endless stream of something else fills no disk, and is not listened to for ever."""
    mariadbd.sql(SOME)
    endless = "echo '-- Setting savepoint' >&2; while head -c 1000000 /dev/urandom; do :; done"
    await dump_by(endless)
    assert "not a dump of these databases" in reporter.findings[0].reason
    assert unpacked(incoming.path / "toko.sql.zst").startswith(b"/*M!999999")
    assert not packing_threads()


async def test_a_connection_that_is_cut_ends_the_dump_within_seconds(
    tmp_path: Path,
    server: Server,
    mariadbd: PrivateMariadb,
    incoming: Incoming,
    reporter: Collected,
    tooled: Tooled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mariadbd.sql(SOME)
    slow = tooled('real "$@" | head -n 40; while sleep 0.1 && head -c 300000 /dev/urandom; do :; done')
    with PrivateSshd(tmp_path / "own") as sshd:
        one = replace(server, host=sshd.host, port=sshd.port, key=sshd.client_key)
        async with opened(one, tmp_path) as session:
            running = asyncio.create_task(dumped(session, one, incoming, reporter, dump_tools=slow))
            while reporter.last is None or not reporter.last.bytes:
                assert not running.done()
                await asyncio.sleep(0.05)
            began = time.monotonic()
            sshd.cut_connections()
            with pytest.raises(ConnectionLostError):
                await running
            assert time.monotonic() - began < 20
    assert not packing_threads()


async def test_a_dump_that_is_cancelled_leaves_no_thread(mariadbd: PrivateMariadb, dump_by: DumpBy) -> None:
    mariadbd.sql(SOME)
    slow = "echo '-- begin'; sleep 20"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await dump_by(slow)
    assert not packing_threads()


async def test_a_database_that_is_dropped_after_the_login_is_not_whole(
    session: Session, server: Server, mariadbd: PrivateMariadb, incoming: Incoming, reporter: Collected
) -> None:
    mariadbd.sql(SOME)
    mariadbd.sql("CREATE DATABASE hilang")
    async with await login(session, server, None) as database:
        mariadbd.sql("DROP DATABASE hilang")
        result = await dump(session, await probe(session), database, server, incoming, reporter)
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, False)
    assert {one.name: one.whole for one in result.databases} == {"toko": True}
    first = next(finding for finding in reporter.findings if finding.subject == "hilang")
    assert "Unknown database 'hilang'" in first.reason
    assert first.mark


async def test_a_row_longer_than_the_server_s_packets_is_dumped(
    session: Session,
    server: Server,
    start_mariadb: MariadbStarter,
    incoming: Incoming,
    reporter: Collected,
) -> None:
    mariadbd = start_mariadb("--max-allowed-packet=1M", "--net-buffer-length=16K")
    mariadbd.sql(SOME + "CREATE TABLE besar (a INT, b LONGBLOB, c LONGBLOB);")
    mariadbd.sql("INSERT INTO toko.besar VALUES (1, REPEAT('x', 900000), REPEAT('y', 900000))")
    one = replace(server, database=Database(user=account(), socket=str(mariadbd.socket)))
    result = await dumped(session, one, incoming, reporter)
    assert (result.whole, result.bytes > 1_800_000) == (True, True)


async def test_a_dump_may_take_longer_than_the_server_waits_for_a_silent_login(
    session: Session,
    server: Server,
    start_mariadb: MariadbStarter,
    incoming: Incoming,
    reporter: Collected,
    tooled: Tooled,
) -> None:
    """The login of step 3 is silent while the programs dump, and needed afterwards."""
    mariadbd = start_mariadb("--wait-timeout=1")
    mariadbd.sql(FILLED + "; CREATE SEQUENCE nomor")
    one = replace(server, database=Database(user=account(), socket=str(mariadbd.socket)))
    result = await dumped(
        session, one, incoming, reporter, dump_tools=tooled('real "$@"; code=$?; sleep 3; exit $code')
    )
    assert (result.outcome, result.whole) == (Outcome.DONE, True)


async def test_a_server_without_databases_is_said(
    session: Session, server: Server, mariadbd: PrivateMariadb, incoming: Incoming, reporter: Collected
) -> None:
    with pytest.raises(DatabaseError, match=r"siakad: .* sees no database there; GRANT SELECT"):
        await dumped(session, server, incoming, reporter)


@pytest.mark.parametrize("packers", [("gzip",), ()])
async def test_servers_without_zstd(
    tmp_path: Path,
    server: Server,
    mariadbd: PrivateMariadb,
    incoming: Incoming,
    reporter: Collected,
    packers: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mariadbd.sql(FILLED)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "mariadb-dump", "cat", "uname", "id", "date", "nice", "head", "env", "test", *packers):
        if path := shutil.which(name):
            (tools / name).symlink_to(path)
    command = f'PATH={tools}; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    with PrivateSshd(tmp_path / "own", force_command=command) as sshd:
        one = replace(server, host=sshd.host, port=sshd.port, key=sshd.client_key)
        async with opened(one, tmp_path) as session:
            found = await probe(session)
            assert (found.zstd, found.gzip) == (False, "gzip" in packers)
            result = await dumped(session, one, incoming, reporter)
    assert (result.outcome, result.whole, reporter.findings) == (Outcome.DONE, True, [])
    sql = unpacked(incoming.path / "toko.sql.zst")
    assert sql.count(b"\n(") == 2000


async def test_what_a_login_shell_says_is_no_finding(
    tmp_path: Path,
    server: Server,
    mariadbd: PrivateMariadb,
    incoming: Incoming,
    reporter: Collected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mariadbd.sql(FILLED)
    noisy = """echo 'Error: nvm is not compatible' >&2; printf 'Welcome\\033[2J\\n\\n' >&2; """
    with PrivateSshd(tmp_path / "own", force_command=noisy + 'exec sh -c "$SSH_ORIGINAL_COMMAND"') as sshd:
        one = replace(server, host=sshd.host, port=sshd.port, key=sshd.client_key)
        async with opened(one, tmp_path) as session:
            result = await dumped(session, one, incoming, reporter)
    assert (result.outcome, result.whole, reporter.findings) == (Outcome.DONE, True, [])


async def test_what_the_dump_program_complains_of_is_a_finding(
    mariadbd: PrivateMariadb, reporter: Collected, dump_by: DumpBy
) -> None:
    mariadbd.sql(FILLED)
    tool = """echo "$0: Can't get keys for table x (y)" >&2; real "$@" """
    result = await dump_by(tool)
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    assert "Can't get keys" in reporter.findings[0].reason


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'sh: 1: something: not found' >&2; exit 127", "exited with 127: sh: 1: something: not found"),
        ('echo rubbish >&2; echo "mariadb-dump: Got error: 5" >&2; exit 2', "mariadb-dump: Got error: 5"),
        ("kill -SEGV $$", "Segmentation fault"),
    ],
)
async def test_a_program_that_cannot_begin_is_done_without(
    mariadbd: PrivateMariadb, incoming: Incoming, reporter: Collected, script: str, said: str, dump_by: DumpBy
) -> None:
    """It tells its options, and fails as soon as it is to dump."""
    mariadbd.sql(FILLED)
    result = await dump_by(script)
    assert (result.outcome, result.whole, reporter.findings) == (Outcome.DONE, True, [])
    assert (result.instant, result.rows) == ("barrier", "compared")
    assert result.tool.startswith("none: read over a connection: the dump program ")
    assert said in result.tool
    assert unpacked(incoming.path / "toko.sql.zst").count(b"\n(") == 2000


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo '-- Setting savepoint...' >&2; echo 'sh: 1: something: not found' >&2; exit 127",
            "exited with 127: sh: 1: something: not found",
        ),
        (
            'real "$@" | head -c 900; echo "mariadb-dump: Got error: 5" >&2; exit 2',
            "mariadb-dump: Got error: 5",
        ),
        ('real "$@" | head -c 1500', "ends without its last line"),
        ('real "$@" | grep -v "^-- Dump completed"', "ends without its last line"),
        ('real "$@" | sed "/CREATE TABLE/,/^);/d"', "tables missing in the dump: isi"),
    ],
)
async def test_a_bad_dump_is_no_dump(
    mariadbd: PrivateMariadb, incoming: Incoming, reporter: Collected, script: str, said: str, dump_by: DumpBy
) -> None:
    """It is made anew without the program, and that is said."""
    mariadbd.sql(FILLED)
    result = await dump_by(script)
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    [finding] = reporter.findings
    assert "dumped a second time" in finding.reason
    assert said in finding.reason
    assert unpacked(incoming.path / "toko.sql.zst").count(b"\n(") == 2000


async def test_a_bomb_does_not_fill_the_memory(
    session: Session,
    server: Server,
    mariadbd: PrivateMariadb,
    incoming: Incoming,
    reporter: Collected,
    tooled: Tooled,
    tmp_path: Path,
) -> None:
    """A server whose packer is not what it says sends 512 MiB of nothing in 16 KiB."""
    mariadbd.sql(SOME)
    bomb, packing = tmp_path / "bomb.zst", zstandard.ZstdCompressor(level=1).compressobj()
    nothing = bytes(16 << 20)
    bomb.write_bytes(b"".join(packing.compress(nothing) for _ in range(32)) + packing.flush())
    before = _resident()
    highest = 0

    async def watch() -> None:
        nonlocal highest
        while True:
            highest = max(highest, _resident())
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    packer = tmp_path / "bin"
    packer.mkdir()
    (packer / "zstd").write_text(f"#!/bin/sh\ncat {bomb}\n")
    (packer / "zstd").chmod(0o755)
    force = f'PATH={packer}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    with PrivateSshd(tmp_path / "own", force_command=force) as sshd:
        one = replace(server, host=sshd.host, port=sshd.port, key=sshd.client_key)
        async with opened(one, tmp_path) as other:
            await dumped(other, one, incoming, reporter)
    assert "dumped a second time" in reporter.findings[0].reason
    watching.cancel()
    assert highest - before < 200 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mariadb-dump: Got error: 1146: \"Table 'a.b' doesn't exist\" when doing LOCK TABLES", True),
        ("/usr/bin/mysqldump: Couldn't execute 'SHOW FIELDS FROM `v`'", True),
        ("mysqldump: [Warning] something", True),
        ("Error: Couldn't read status information for table x ()", True),
        ("-- Warning: Skipping data for table 'x' because it's of type MRG_MyISAM", True),
        ("zstd: error 25 : Write error", True),
        ("mysqldump: Deprecated program name. It will be removed in a future release", False),
        ("-- Retrieving rows...", False),
        ("bash: warning: setlocale: LC_ALL: cannot change locale (id_ID.UTF-8)", False),
        ("Error: nvm is not compatible", False),
        ("", False),
    ],
)
def test_each_kind_of_line_is_understood(line: str, expected: bool) -> None:
    assert complaint(line) is expected
