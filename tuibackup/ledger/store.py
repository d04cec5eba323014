"""The ledger's store: opens it, appends entries under one writer at a time, checks the chain.

SQLite: WAL, every entry synced to the disk before `append` returns. Any number of processes may append. A shared
ledger (MariaDB, MySQL) is a URL that is known but refused for now.
"""

import json
import os
import socket
import sqlite3
import time as clock
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Self

from tuibackup.errors import LedgerError
from tuibackup.ledger import reading, schema, witness
from tuibackup.ledger.chain import Check, Checked, bounded
from tuibackup.ledger.entries import GENESIS, Entry, Kind, canonical, entry_hash, iso
from tuibackup.ledger.faults import explained
from tuibackup.ledger.log import body_of
from tuibackup.ledger.queries import Queries
from tuibackup.ledger.results import ADDED, results_of
from tuibackup.ledger.soundness import as_far_as_possible, of_file, witnessed
from tuibackup.ledger.witness import Head
from tuibackup.parts import with_parts
from tuibackup.text import printable
from tuibackup.words import sentence

PATIENCE = 30.0  # seconds to wait for another process that holds the ledger
_SQLITE = "sqlite:///"


class Ledger(Queries):
    """An open ledger; `queries.Queries` holds what may be asked of it. Usable from several threads."""

    def __init__(self, path: Path, host: str, *, read_only: bool = False, patience: float = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._host = host
        self._read_only = read_only
        self._idle: list[sqlite3.Connection] = []  # a thread takes one, or opens one more, and puts it back
        self._closed = False

    @classmethod
    def open(cls, target: str | Path, *, host: str | None = None, patience: float = PATIENCE) -> Self:
        """Open the SQLite file at a path or a `sqlite:////path` URL, and create it where it is missing.

        `host` is this machine's name for entries, `patience` the seconds that each question and entry waits for other
        processes. Raises LedgerHeldError after that, LedgerError: not writable, damaged, not ours, newer.
        """
        path = _path_of(target)
        ledger = cls(path, host or socket.gethostname(), patience=patience)
        with explained(path):
            _create_file(path)
        try:
            with ledger._connection() as connection:
                _prepare(connection, path, patience)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def read_only(cls, target: str | Path, *, patience: float = PATIENCE) -> Self:
        """Only look into the ledger and leave no trace; one that is not there is empty.

        Raises LedgerHeldError, LedgerError: not readable, damaged, not ours, newer.
        """
        ledger = cls(_path_of(target), "", read_only=True, patience=patience)
        with ledger._connection() as connection:
            _refuse_foreign(connection, ledger._path)
        return ledger

    def close(self) -> None:
        """Close every connection, those in use when they are free; the object cannot be used any more."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        operator: str,
        server: str | None = None,
        run: str | None = None,
        time: datetime | None = None,
    ) -> Entry:
        """Add an entry; it is on the disk when this returns. Raises LedgerError, TypeError for no JSON."""
        text = canonical(with_parts(dict(body)))
        names = {
            "time": iso(time or datetime.now(UTC)),
            "kind": Kind(kind).value,
            "operator": printable(operator),
            "host": printable(self._host),
            "server": None if server is None else printable(server),
            "run": None if run is None else printable(run),
        }
        with self._writing() as connection:
            seq, prev = _head(connection, witness.remembered(self._path).seq)
            row = {"seq": seq, **names, "body": text, "prev": prev}
            row["hash"] = entry_hash(**row)  # type: ignore[arg-type]  # the columns are its parameters
            _insert(connection, row, json.loads(text))
        witness.remember(self._path, Head(seq, str(row["hash"])))
        return Entry(**{**row, "kind": Kind(kind), "body": json.loads(text)})

    def verify_chain(self, on_progress: Callable[[int], None] | None = None) -> Checked:
        """Read the whole chain, and say what is wrong with it: changed, missing, inserted and reordered entries, a lost
        end that the file beside it knows of, and what SQLite itself finds damaged.

        `on_progress` gets the number of entries read so far. Raises LedgerError: it cannot be opened.
        """
        kept = witness.remembered(self._path)
        with self._connection() as connection, _any_text(connection):
            # One read transaction: nothing that is appended meanwhile may fall between the two.
            connection.execute("BEGIN")
            entries = _all(connection, "SELECT * FROM entry ORDER BY seq")
            results = _all(connection, "SELECT * FROM result ORDER BY seq, what")
            check = Check(entries, results, max(_highest(connection), kept.seq), on_progress)
            looks = (check.problems(), witnessed(connection, kept), of_file(connection))
            problems = bounded(chain.from_iterable(as_far_as_possible(look, check) for look in looks))
        return Checked(check.read, check.head, problems)

    def _rows(self, sql: str, **values: Any) -> Sequence[Any]:
        with self._connection() as connection:
            try:
                return list(_named(connection.execute(sql, values)))
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
            with _any_text(connection):  # one entry that was changed must not hide all others
                return list(_named(connection.execute(sql, values)))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, the only writer from its start: what it reads is still true when it writes."""
        if self._read_only:
            raise LedgerError(
                sentence("the ledger {path} is open for reading only", path=printable(str(self._path)))
            )
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile; what it has not committed is rolled back.

        Looking only, each question opens the file anew: how it can be opened changes when others open and close it.
        """
        with explained(self._path):
            try:
                connection = self._idle.pop()
            except IndexError:
                opener = reading.connect if self._read_only else _connect
                connection = opener(self._path, self._patience)
            try:
                yield connection
            finally:
                try:
                    connection.rollback()
                finally:
                    if self._closed or self._read_only:
                        connection.close()
                    else:
                        self._idle.append(connection)


def _path_of(target: str | Path) -> Path:
    if isinstance(target, str) and "://" in target:
        if not target.startswith(_SQLITE):
            kind = printable(target.partition("://")[0])
            raise LedgerError(
                sentence("a ledger on {kind} is not supported yet", kind=kind),
                sentence("leave url empty in [ledger]: SQLite in the state folder"),
            )
        target = target.removeprefix(_SQLITE)
    return Path(target)


def _create_file(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can ever read it; its WAL inherits the mode."""
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(0o700, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    # Transactions are begun by hand: the driver's own BEGIN would be a deferred one. Threads take turns.
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, patience: float) -> None:
    """Create the tables in an empty file; refuse one that is not ours or newer than this program."""
    _use_wal(connection, path, patience)
    if _is_empty(connection):
        connection.execute("BEGIN IMMEDIATE")
        if _is_empty(connection):  # still, now that nobody else can write
            for statement in schema.STATEMENTS:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION}")
            connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        connection.execute("COMMIT")
    _refuse_foreign(connection, path)
    _catch_up(connection)


def _catch_up(connection: sqlite3.Connection) -> None:
    """Add the rows of `result` that a version before this one did not write.

    Entries that lack one are the first of their kind, or the last: so it is enough to look at those two each time.
    """
    if connection.execute(schema.ENDS_LACK, {"kind": ADDED}).fetchone():
        connection.execute("BEGIN IMMEDIATE")
        for row in list(_named(connection.execute(schema.LACKING, {"kind": ADDED}))):
            _insert_results(connection, row._asdict(), body_of(row.body))
        connection.execute("COMMIT")


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """LedgerError for a file that is not ours, or newer than this program."""
    if _pragma(connection, "application_id") != schema.APPLICATION:
        raise LedgerError(
            sentence("{path} is no ledger of tuibackup", path=printable(str(path))),
            sentence("move it away, or set url in [ledger]"),
        )
    version = _pragma(connection, "user_version")
    if version > schema.VERSION:
        raise LedgerError(
            sentence(
                "{path} was written by a newer tuibackup (format {version}; this one knows {version2})",
                path=printable(str(path)),
                version=version,
                version2=schema.VERSION,
            ),
            sentence("update tuibackup"),
        )


def _use_wal(connection: sqlite3.Connection, path: Path, patience: float) -> None:
    deadline = clock.monotonic() + patience
    while _pragma(connection, "journal_mode") != "wal":
        try:
            mode = _value(connection, "PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # SQLite does not wait here when another process does the same at the same moment.
            if "locked" not in str(error) or clock.monotonic() > deadline:
                raise
            clock.sleep(0.05)
        else:
            if mode != "wal":
                raise LedgerError(
                    sentence("{path}: this file system cannot hold the ledger", path=printable(str(path))),
                    sentence("put the state folder on a local disk"),
                )


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return _value(connection, f"PRAGMA {name}")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return bool(_value(connection, "SELECT COUNT(*) FROM sqlite_schema") == 0)


def _head(connection: sqlite3.Connection, kept: int) -> tuple[int, str]:
    """The next entry's number and the hash it follows. A number that was once given is never given again, also where
    the ledger was replaced by an older copy: `kept` is the last one that the file beside it knows.
    """
    last = connection.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    number, prev = last or (0, GENESIS)
    return max(number, kept, _highest(connection)) + 1, prev


def _highest(connection: sqlite3.Connection) -> int:
    """The highest number ever given, also when its entry is gone."""
    return _value(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'entry'") or 0


def _all(connection: sqlite3.Connection, sql: str) -> Iterator[Any]:
    """The rows, asked for when the first one is taken."""
    yield from _named(connection.execute(sql))


@contextmanager
def _any_text(connection: sqlite3.Connection) -> Iterator[None]:
    """Read text that is no UTF-8 any more as it is: it was changed, and that is to be said of its entry."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        connection.text_factory = str


def _insert(connection: sqlite3.Connection, row: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    connection.execute(schema.ADD_ENTRY, row)
    _insert_results(connection, row, body)


def _insert_results(connection: sqlite3.Connection, row: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    if row["server"] is not None:
        for result in results_of(row["kind"], body):
            values = {"seq": row["seq"], "server": row["server"], "time": row["time"]}
            connection.execute(schema.ADD_RESULT, {**values, **result.columns()})


def _value(connection: sqlite3.Connection, sql: str) -> Any:
    """The first column of a statement's first row; None where there is no row."""
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def _named(cursor: sqlite3.Cursor) -> Iterator[Any]:
    """The cursor's rows as tuples whose columns are attributes too."""
    return map(_row(tuple(column[0] for column in cursor.description))._make, cursor)


@cache
def _row(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", columns)  # the columns are a query's, not known here
