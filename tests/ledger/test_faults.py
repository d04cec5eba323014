"""What cannot be used as a ledger is told in one line, with the way out."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tuibackup.errors import LedgerError
from tuibackup.ledger import Kind, Ledger


def refused(path: Path | str) -> str:
    with pytest.raises(LedgerError) as caught:
        Ledger.open(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, but long enough to have a header" * 100)
    before = path.read_bytes()
    assert "file is not a database" in refused(path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_told_in_one_line(path: Path, ledger: Ledger) -> None:
    for number in range(200):
        ledger.append(Kind.NOTE, {"number": number}, operator="andi", server="siakad")
    ledger.close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = os.urandom(len(content) - 4096 * 2)
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="the file is damaged: keep it"), Ledger.open(path) as damaged:
        damaged.verify_chain()


def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE entry (x)")
    database.close()
    assert "is no ledger of tuibackup" in refused(path)


def test_a_newer_format_is_refused_in_plain_words(path: Path, ledger: Ledger) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    assert refused(path) == (
        f"{path} was written by a newer tuibackup (format 2; this one knows 1); update tuibackup"
    )


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    assert "cannot be opened: Not a directory" in refused(tmp_path / "state" / "ledger.sqlite")


def test_an_unwritable_state_folder_is_told_with_the_way_out(tmp_path: Path) -> None:
    """As an ordinary account: root may write everywhere."""
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o555)
    script = (
        "import os, sys\n"
        "from tuibackup.ledger import Ledger\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: Ledger.open(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    arguments = [sys.executable, "-c", script, str(folder / "ledger.sqlite")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=30)
    assert done.stdout.startswith("LedgerError"), done.stderr
    assert "cannot be opened: Permission denied; check the state folder's owner and mode" in done.stdout


def test_a_full_disk_is_told(path: Path, ledger: Ledger) -> None:
    with ledger._connection() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    with pytest.raises(LedgerError, match="disk is full; make room"):
        ledger.append(Kind.NOTE, {"long": "x" * 100_000}, operator="andi")
    assert ledger.verify_chain().problems == ()


@pytest.mark.parametrize("url", ["mysql://ledger@db/tuibackup", "mariadb+aiomysql://db/tuibackup"])
def test_a_shared_ledger_is_named_as_not_yet_supported(url: str) -> None:
    message = refused(url)
    assert "is not supported yet" in message
    assert "SQLite" in message
