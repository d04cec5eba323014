"""Opens a ledger to look into it, and leaves nothing behind: no file is made, changed, or locked for a writer.

It works where nothing may be written: under --read-only, for another account, on a disk that is full or mounted
read-only. SQLite's write-ahead log is what makes that more than one flag: reading through it makes files beside it.
"""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tuibackup.ledger import schema


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """A connection to what the ledger at `path` holds now; an empty one where there is none yet.

    It waits `patience` seconds for other processes. Raises OSError and sqlite3.Error.
    """
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    if not _size(path):
        return _empty()
    if not _size(log):
        # Without this word SQLite would make the log and its index only to look.
        return _open(path, "immutable=1", patience)
    if _size(index):
        try:
            return _open(path, "mode=ro&readonly_shm=1", patience)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
            # Else an index that nobody can use: left by a disk that was full.
    return _copied(path, log)


def _size(file: Path) -> int:
    """Bytes of it; 0 where it is not there."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _open(path: Path, how: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _empty() -> sqlite3.Connection:
    connection = _in_memory()
    for statement in schema.STATEMENTS:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION}")
    connection.execute(f"PRAGMA user_version = {schema.VERSION}")
    return connection


def _copied(path: Path, log: Path) -> sqlite3.Connection:
    """Of a ledger that was left with its log and without that one's index: SQLite must write to read it."""
    with tempfile.TemporaryDirectory(prefix="tuibackup-ledger-") as folder:
        for file in (path, log):
            shutil.copyfile(file, Path(folder) / file.name)
        connection = _in_memory()
        with closing(sqlite3.connect(Path(folder) / path.name)) as copy:
            copy.backup(connection)
    return connection
