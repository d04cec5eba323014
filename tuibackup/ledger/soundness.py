"""What a look at the ledger's file finds, beside the chain: damaged pages, tables, indexes and triggers that somebody
took away, changed or added, and an end that the file beside it does not know.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing

from tuibackup.ledger import schema
from tuibackup.ledger.chain import Check, Problem
from tuibackup.ledger.witness import Head
from tuibackup.text import printable
from tuibackup.words import sentence


def as_far_as_possible(look: Iterator[Problem], check: Check) -> Iterator[Problem]:
    """What a look finds, up to where the file itself cannot be read any more."""
    try:
        yield from look
    except sqlite3.DatabaseError as error:
        text = sentence(
            "the file cannot be read after entry {seq}: {error}",
            seq=str(check.head.seq),
            error=printable(str(error)),
        )
        yield Problem(check.head.seq + 1, "file", text)


def witnessed(connection: sqlite3.Connection, kept: Head) -> Iterator[Problem]:
    """Whether the entry that was kept beside the ledger as its last is still the one."""
    row = connection.execute("SELECT hash FROM entry WHERE seq = ?", (kept.seq,)).fetchone()
    if row and row[0] != kept.hash:
        text = sentence("entry {seq} is another one than the file beside the ledger knows", seq=str(kept.seq))
        yield Problem(kept.seq, "other", text)


def of_file(connection: sqlite3.Connection) -> Iterator[Problem]:
    """What SQLite finds: damaged pages, indexes that have lost an entry; and what of our own tables is not there."""
    for (said,) in connection.execute("PRAGMA integrity_check(20)"):
        if said != "ok":
            yield Problem(0, "file", sentence("the file is damaged: {said}", said=printable(str(said))))
    there, ours = _shape(connection), _own_shape()
    for name in dict.fromkeys([*ours, *there]):
        if name not in there:
            text = sentence("the file lacks {name}: somebody with a database tool took it away", name=name)
        elif name not in ours:
            text = sentence(
                "the file has {name}, which is not ours: somebody with a database tool made it",
                name=printable(name),
            )
        elif there[name] != ours[name]:
            text = sentence(
                "the file has another {name} than ours: somebody with a database tool changed it", name=name
            )
        else:
            continue
        yield Problem(0, "file", text)


def _shape(connection: sqlite3.Connection) -> Mapping[str, tuple[str, ...]]:
    """What each table, index and trigger is: its columns, or its words where it has none. Two files may say the same in
    other words, as those of the first versions do.
    """
    named = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite|_%' ESCAPE '|'"
    ).fetchall()
    return {name: (kind, of, *_columns(connection, kind, name, sql)) for kind, name, of, sql in named}


def _columns(connection: sqlite3.Connection, kind: str, name: str, sql: str | None) -> tuple[str, ...]:
    if kind not in ("table", "index"):
        return tuple((sql or "").split())
    rows = connection.execute(f"SELECT name FROM pragma_{kind}_info(?)", (name,))  # noqa: S608  one of two words
    return tuple(str(row[0]) for row in rows)


def _own_shape() -> Mapping[str, tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in schema.STATEMENTS:
            connection.execute(statement)
        return _shape(connection)
