"""The same traps on a real MySQL: its tool and the native dumper, restored and compared.

Runs with scripts/test --long where scripts/fetch-mysql has been run.
"""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.database import mysqld
from tests.database.everything import Rows, differences, everything
from tests.database.mysqld import PrivateMysqld
from tests.database.natively import beside, dumps, inventoried, put_together
from tests.database.traps import FIXTURES, assert_scanned
from tuibackup.config import Database, Server
from tuibackup.database.connect.login import log_in_again, login
from tuibackup.database.dump import tool
from tuibackup.database.dump.barrier import Barrier
from tuibackup.remote.session import Session

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(mysqld.missing(), reason="no MySQL here: run scripts/fetch-mysql"),
]


def test_mysqls_traps_come_back_by_both_engines(tmp_path: Path) -> None:
    with PrivateMysqld(tmp_path / "m") as server:
        for fixture in FIXTURES:
            if ".mariadb." not in fixture.name:
                server.sql(fixture.read_bytes())
        infos = asyncio.run(inventoried(server.socket))
        more = asyncio.run(beside(server.socket, "MySQL"))
        source = asyncio.run(everything(server.socket))
        native = asyncio.run(dumps(server.socket, "MySQL"))
        by_mysqldump = {
            info.name: put_together(server.client(
                "mysqldump", *tool._FLAGS, *tool._OPTIONAL.values(),
                *(f"--ignore-table={info.name}.{view}" for view in (*info.passed_over, *info.apart.views)),
                "--databases", "--", info.name,
            ), more.views[info.name].own)
            for info in infos
        }  # fmt: skip

        def restored(sqls: dict[str, bytes], *options: str) -> dict[str, Rows]:
            drops = "".join(f"DROP DATABASE `{info.name.replace('`', '``')}`;\n" for info in infos)
            server.sql(drops.encode())
            server.sql(more.first + b"".join(sqls.values()) + more.last, *options)
            return asyncio.run(everything(server.socket))

        by_native, by_tool = restored(native), restored(by_mysqldump, "--force")
        lost = differences(source, by_native)
        assert set(lost) == SPELT_OTHERWISE, lost
        differing = differences(by_native, by_tool)
        assert set(differing) == LOST_BY_THE_TOOL
    for info in infos:
        assert_scanned(native[info.name], info)


async def test_the_lock_keeps_statements_that_change_tables_away_too_and_is_given_back(
    tmp_path: Path, session: Session, server: Server
) -> None:
    with PrivateMysqld(tmp_path / "m") as mysql:
        mysql.sql(b"CREATE DATABASE toko; CREATE TABLE toko.isi (id INT)")
        one = replace(server, database=Database(user="root", socket=str(mysql.socket)))
        async with await login(session, one, None) as database:
            control, helper = [await log_in_again(session, database.options) for _ in range(2)]
            barrier = Barrier(control, helper, database.vendor, database.server_version)
            for statement in ("INSERT INTO toko.isi VALUES (1)", "CREATE TABLE toko.baru (i INT)"):
                async with barrier.held():
                    with pytest.raises(AssertionError, match="Lock wait timeout"):
                        mysql.sql(f"SET lock_wait_timeout = 1; {statement}".encode())
                mysql.sql(statement.encode())
            await control.close()
            await helper.close()


# A column's character set is said where it was said when the table was made; a dump cannot but say it.
SPELT_OTHERWISE = {"pindah: SHOW CREATE TABLE `x`", "utf8lama: SHOW CREATE TABLE `x`"}
# mysqldump: six digits of a FLOAT, and no -0; tables of which every column is generated (what it writes of them is no
# SQL); bytes that are no character; which of two empty values of an ENUM it was.
LOST_BY_THE_TOOL = {
    "pecahan: CHECKSUM TABLE `nol`",
    "pecahan: rows of `nol`",
    "pecahan: CHECKSUM TABLE `ukur`",
    "pecahan: rows of `ukur`",
    "tabel: CHECKSUM TABLE `hanya_hitung`",
    "tabel: rows of `hanya_hitung`",
    "teks: CHECKSUM TABLE `banyak_bita`",
    "teks: rows of `banyak_bita`",
    "teks: CHECKSUM TABLE `pilihan`",
    "teks: CHECKSUM TABLE `satu_bita`",
    "teks: rows of `satu_bita`",
}
