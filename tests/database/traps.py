"""Every trap that is known of dumping (tests/database/fixtures), and what the dump program makes of it."""

import subprocess
from pathlib import Path

from tests.database.natively import put_together
from tuibackup.database.dump import tool
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.sql.scan import Scanner
from tuibackup.demo.mariadbd import PrivateMariadb, account

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.sql"))


def by_the_tool(server: PrivateMariadb, info: DatabaseInfo, views: bytes) -> bytes:
    """The dump of mariadb-dump with step 4's flags."""
    command = [
        "mariadb-dump", "--no-defaults", f"--socket={server.socket}", f"--user={account()}",
        *tool._FLAGS, "--dump-history",
        *(f"--ignore-table={info.name}.{view}" for view in (*info.passed_over, *info.apart.views)),
        "--databases", "--", info.name,
    ]  # fmt: skip
    return put_together(subprocess.run(command, capture_output=True, check=True).stdout, views)


def restore(server: PrivateMariadb, sql: bytes) -> str:
    """Feed `sql` to the client, past its errors, which are returned."""
    command = ["mariadb", "--no-defaults", f"--socket={server.socket}", "--force", "--max-allowed-packet=1G"]
    done = subprocess.run(command, input=sql, capture_output=True, check=False)
    return done.stderr.decode(errors="replace")


def assert_scanned(sql: bytes, info: DatabaseInfo) -> dict[str, int | None]:
    """The scanner of step 4 finds in a dump all that the inventory has. Returns the rows that it counted."""
    scanner = Scanner()
    scanner.feed(sql)
    scanner.finish()
    assert scanner.completed
    found = scanner.contents[info.name]
    assert set(found.tables) == {table.name for table in info.tables}
    assert found.views == set(info.views) - set(info.apart.late)
    counted = {"trigger": info.triggers, "event": info.events, "routine": info.routines}
    assert found.objects == {kind: len(names) for kind, names in counted.items() if names}
    return {name: part.rows for name, part in found.tables.items()}


# What mariadb-dump itself does not bring back; everything else comes back equal by both.
LOST_BY_THE_TOOL: dict[str, set[str]] = {
    # six digits of a FLOAT
    "numbers.sql": {"pecahan: CHECKSUM TABLE `ukur`", "pecahan: rows of `ukur`"},
    # where a sequence stands that has begun again
    "sequences.mariadb.sql": {"urutan: SELECT * FROM `putar`"},
    # bytes that are no character, and which of two empty values of an ENUM it was
    "texts.sql": {
        "teks: CHECKSUM TABLE `banyak_bita`",
        "teks: rows of `banyak_bita`",
        "teks: CHECKSUM TABLE `satu_bita`",
        "teks: rows of `satu_bita`",
        "teks: CHECKSUM TABLE `pilihan`",
    },
}
