"""Looking into a ledger leaves no trace, whatever state its files are in."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuibackup.errors import LedgerError
from tuibackup.ledger import Kind, Ledger


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below `folder`: its mode, time and content."""
    return {
        str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    } | {str(folder): (folder.stat().st_mode, folder.stat().st_mtime_ns, b"")}


_WRITER = """
import sys
from pathlib import Path
from tuibackup.ledger import Kind, Ledger
with Ledger.open(Path(sys.argv[1])) as ledger:
    for line in sys.stdin:
        ledger.append(Kind.NOTE, {"number": int(line)}, operator="andi", server="siakad")
        print("written", flush=True)
    if sys.argv[2] == "crash":
        import os
        os._exit(0)
"""


class Writer:
    """Another process that has the ledger open."""

    def __init__(self, path: Path, end: str = "") -> None:
        words = [sys.executable, "-c", _WRITER, str(path), end]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(3):
            self.write(number)

    def write(self, number: int) -> None:
        assert self._process.stdin
        assert self._process.stdout
        print(number, file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "written\n"

    def close(self) -> None:
        self._process.communicate()


def closed(path: Path) -> Writer | None:
    Writer(path).close()
    assert not list(path.parent.glob("*-wal")), "closed well it has no log"
    return None


def in_use(path: Path) -> Writer | None:
    return Writer(path)


def left_by_a_crash(path: Path) -> Writer | None:
    """Log and index lie there, and nobody holds them."""
    Writer(path, "crash").close()
    assert Path(f"{path}-wal").stat().st_size > 0
    return None


def left_without_index(path: Path) -> Writer | None:
    left_by_a_crash(path)
    os.unlink(f"{path}-shm")
    return None


@pytest.mark.parametrize("leave", [closed, in_use, left_by_a_crash, left_without_index])
@pytest.mark.parametrize("closed_folder", [False, True], ids=["writable", "read-only"])
def test_every_entry_is_read_and_nothing_changes(
    tmp_path: Path, leave: Callable[[Path], Writer | None], closed_folder: bool
) -> None:
    path = tmp_path / "state/ledger.sqlite"
    path.parent.mkdir()
    holder = leave(path)
    if closed_folder:
        path.parent.chmod(0o500)
    before = tree(path.parent)
    ledger = Ledger.read_only(path)
    assert [entry.body["number"] for entry in ledger.log()] == [2, 1, 0]
    assert ledger.verify_chain().problems == ()
    if holder:
        holder.write(3)
        before = tree(path.parent)
        assert ledger.count() == 4, "what is written meanwhile is seen"
    with pytest.raises(LedgerError, match="reading only"):
        ledger.append(Kind.NOTE, {}, operator="andi")
    ledger.close()
    assert tree(path.parent) == before
    if holder:
        holder.close()
    path.parent.chmod(0o700)


def test_a_ledger_that_is_not_there_is_empty_and_is_not_made(tmp_path: Path) -> None:
    ledger = Ledger.read_only(tmp_path / "state/ledger.sqlite")
    assert ledger.log() == []
    assert ledger.clock_facts() == {}
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_ledger_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"garbage " * 4096)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.read_only(path)
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE entry (x)")
    database.close()
    with pytest.raises(LedgerError, match="is no ledger of tuibackup"):
        Ledger.read_only(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(LedgerError):
        Ledger.read_only(path)
