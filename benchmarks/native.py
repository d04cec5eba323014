"""The native dumper beside mariadb-dump, at the server's own socket: `python -m benchmarks.native [--rows 400000]`.

Both read the same tables of a private mariadbd and write to nowhere. Processor time is that of the dumper and of the
server together, which is what bounds a dump here; it is steadier than the time on a busy machine. Rounds alternate.
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuibackup.database import inventory
from tuibackup.database.connect.connection import Connection
from tuibackup.database.native.dumper import Native
from tuibackup.demo.mariadbd import PrivateMariadb, account

# A narrow table, one of text that has to be escaped, one of bytes.
TABLES = """
CREATE DATABASE ukur; USE ukur;
CREATE TABLE nilai (id INT PRIMARY KEY, mahasiswa INT NOT NULL, kode VARCHAR(12), nilai DECIMAL(5,2), kapan DATETIME);
INSERT INTO nilai SELECT seq, seq MOD 9973, CONCAT('MK', seq MOD 300), seq MOD 400 / 4,
    '2026-01-01' + INTERVAL seq SECOND FROM seq_1_to_{rows};
CREATE TABLE berita (id INT PRIMARY KEY, judul VARCHAR(200), isi TEXT);
INSERT INTO berita SELECT seq, CONCAT('Judul ke-', seq, ' "é"'),
    REPEAT(CONCAT(SHA2(seq, 256), ' it\\'s\\n'), 8) FROM seq_1_to_{fewer};
CREATE TABLE berkas (id INT PRIMARY KEY, isi BLOB);
INSERT INTO berkas SELECT seq, UNHEX(REPEAT(SHA2(seq, 512), 16)) FROM seq_1_to_{fewer};
"""


@dataclass(frozen=True)
class Cost:
    """What one dump of one table took."""

    seconds: float
    cpu: float
    bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, default=400_000, help="of the narrow table; the others have a quarter"
    )
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    rows = {"nilai": words.rows, "berita": words.rows // 4, "berkas": words.rows // 4}
    with (
        tempfile.TemporaryDirectory(prefix="tuibackup-bench-") as folder,
        PrivateMariadb(Path(folder) / "m", options=("--innodb-buffer-pool-size=1G",)) as server,
    ):
        server.sql(TABLES.format(rows=words.rows, fewer=words.rows // 4))
        dumpers: dict[str, Callable[[str], int]] = {
            "mariadb-dump": lambda table: _by_tool(server, table),
            "native": lambda table: asyncio.run(_natively(server, table)),
        }
        print("| table | dumper | SQL | processor time | rows per second of it | of mariadb-dump |")
        print("|---|---|---|---|---|---|")
        for table, count in rows.items():
            costs: dict[str, list[Cost]] = {name: [] for name in dumpers}
            for _ in range(words.rounds + 1):
                for name, dumper in dumpers.items():
                    costs[name].append(_cost(server, lambda dumper=dumper, table=table: dumper(table)))
            median = {name: statistics.median(one.cpu for one in each[1:]) for name, each in costs.items()}
            for name, cpu in median.items():
                print(
                    f"| {table} | {name} | {costs[name][0].bytes / 1e6:.0f} MB | {cpu:.2f} s"
                    f" | {count / cpu:,.0f} | {median['mariadb-dump'] / cpu:.2f} |"
                )


def _cost(server: PrivateMariadb, dump: Callable[[], int]) -> Cost:
    before, began = _cpu(server), time.perf_counter()
    size = dump()
    return Cost(time.perf_counter() - began, _cpu(server) - before, size)


def _cpu(server: PrivateMariadb) -> float:
    """Processor seconds of this process, of what it started and ended, and of the server."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) + (int(fields[11]) + int(fields[12])) / 100


def _by_tool(server: PrivateMariadb, table: str) -> int:
    command = [
        "mariadb-dump", "--no-defaults", f"--socket={server.socket}", f"--user={account()}",
        "--single-transaction", "--quick", "--skip-lock-tables", "--hex-blob", "ukur", table,
    ]  # fmt: skip
    size = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read1(1 << 20):
            size += len(chunk)
    return size


async def _natively(server: PrivateMariadb, name: str) -> int:
    reader, writer = await asyncio.open_unix_connection(str(server.socket), limit=1 << 20)
    connection = Connection(reader, writer, account(), None, local=True)
    await connection.open()
    [info] = await inventory.take(connection, frozenset())
    native = Native(connection, "MariaDB")
    await native.begin()
    [table] = [table for table in info.tables if table.name == name]
    size = 0
    async for part in native.table("ukur", table):
        size += len(part)
    await connection.quit()
    return size


if __name__ == "__main__":
    main()
