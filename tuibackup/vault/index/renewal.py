"""An index that begins as a copy of the older one, where an inventory is known to differ little from it.

The tables are copied as they lie (SQLite moves whole records), which takes a tenth of the time of making them from
an inventory. The rule of `difference` holds here, too: what was changed within two seconds of the older inventory's
beginning, or later, is fetched again, and so is what was stored with a problem.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.index.difference import TICK_NS, distrusted, with_problems
from tuibackup.vault.index.rows import Rows, signed
from tuibackup.vault.index.schema import APPLICATION_ID, FORMAT, LACKING, LONGEST_PROBLEM, UNSIGNED

MOST_DOUBTFUL = 20  # names; with more of them the whole inventory is looked at
_MOST_OWNERS = 10_000  # that are asked for their names once more
DOUBTFUL = "doubtful"  # the key in `meta`

_COPIED = ("owner", "filesystem", "entry", "content", "hardlink", "xattr")


class UnrenewableError(Exception):
    """The older index cannot be used that way; the inventory has to be read as a whole."""


class Older(NamedTuple):
    """The newest good snapshot: its folder and its name, and how to tell its index."""

    path: Path
    snapshot: str


class Known(NamedTuple):
    """What of an older index matters before it is copied.

    `owners` are uid, gid, user, group. `doubtful`, by root: paths whose rows are not what the listing said.
    """

    owners: list[tuple[int, int, bytes, bytes]]
    doubtful: dict[int, list[bytes]]


def known(db: sqlite3.Connection, older: Path) -> Known | None:
    """What is known in the index `older`; None when it has other roots than `db`, or too much in it is doubtful."""
    try:
        with _attached(db, older):
            roots = "SELECT id, folder, resolved, excludes FROM {}.root ORDER BY id"
            mine, theirs = (db.execute(roots.format(name)).fetchall() for name in ("main", "old"))
            # Where a listing lacked names, the same again would be no proof.
            lacking = db.execute("SELECT 1 FROM old.meta WHERE key = ?", (LACKING,)).fetchone()
            if mine != theirs or distrusted(db) or lacking:
                return None
            paths = db.execute("SELECT DISTINCT root, path FROM old.problem LIMIT ?", (MOST_DOUBTFUL + 1,))
            doubtful: dict[int, list[bytes]] = {}
            for root, path in paths.fetchall():
                if len(path) >= LONGEST_PROBLEM:  # cut off: it would not be found in the listing
                    return None
                doubtful.setdefault(root, []).append(path)
            said = db.execute("SELECT value FROM old.meta WHERE key = ?", (DOUBTFUL,)).fetchone()
            for root, path in json.loads(said[0]) if said else ():
                doubtful.setdefault(root, []).append(bytes.fromhex(path))
            if sum(map(len, doubtful.values())) > MOST_DOUBTFUL:
                return None
            owners = db.execute(
                'SELECT uid, gid, user, "group" FROM old.owner LIMIT ?', (_MOST_OWNERS + 1,)
            ).fetchall()
            return Known(owners, doubtful) if len(owners) <= _MOST_OWNERS else None
    except (sqlite3.DatabaseError, ValueError):
        return None  # damaged: `difference` says so


def copy(db: sqlite3.Connection, older: Older, index: Path) -> None:
    """Fill `db`, which holds nothing but the same roots, with what the older index holds, and `temp.same`."""
    with _attached(db, index):
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO main.archive SELECT id, CASE snapshot WHEN '' THEN ? ELSE snapshot END, name FROM old.archive",
            (older.snapshot,),
        )
        for table in _COPIED:
            db.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")  # noqa: S608 # fixed names
        db.execute(
            """CREATE TEMP TABLE recent AS SELECT e.id FROM old.entry e JOIN old.root r ON r.id = e.root
            WHERE max(e.mtime_ns, e.ctime_ns) >= r.started_ns - ?""",
            (TICK_NS,),
        )
        for number in list(with_problems(db)):  # at most as many as are `doubtful`
            db.execute("INSERT INTO temp.recent VALUES (?)", (number,))
        for statement in (
            "DELETE FROM main.content WHERE entry IN (SELECT id FROM temp.recent)",
            "DELETE FROM main.xattr WHERE entry IN (SELECT id FROM temp.recent)",
            """INSERT INTO temp.same SELECT id, id FROM main.entry
                WHERE kind = 'd' AND id NOT IN (SELECT id FROM temp.recent)""",
            "DROP TABLE temp.recent",
            "COMMIT",
        ):
            db.execute(statement)


def clear(db: sqlite3.Connection) -> None:
    """Take out again what `copy` brought."""
    for table in (*(f"main.{name}" for name in _COPIED), "main.archive", "temp.same"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 # fixed names


def update(db: sqlite3.Connection, rows: Rows, number: int, seen: Entry) -> bool:
    """Change entry `number` to what `seen` says; False when that is what it was."""
    if fault := rows.fault(seen):
        raise UnrenewableError(fault)
    was = db.execute(
        """SELECT e.kind, e.mode, o.uid, o.gid, o.user, o."group", e.size, e.mtime_ns, e.ctime_ns, f.device,
            e.inode, e.links, f.type, e.target
        FROM entry e JOIN owner o ON o.id = e.owner JOIN filesystem f ON f.id = e.filesystem WHERE e.id = ?""",
        (number,),
    ).fetchone()
    *status, device, inode, links, fstype, target = was
    if (*status, device & UNSIGNED, inode & UNSIGNED, links, fstype, target) == seen[1:]:
        return False
    if was[0] != seen.kind or (links > 1 and seen.kind != "d"):
        raise UnrenewableError("other kind, or hard links")
    db.execute(
        """UPDATE entry SET mode = ?, owner = ?, size = ?, mtime_ns = ?, ctime_ns = ?, filesystem = ?, inode = ?,
            links = ?, target = ? WHERE id = ?""",
        (
            seen.mode,
            rows.owner(seen.uid, seen.gid, seen.user, seen.group),
            seen.size,
            seen.mtime_ns,
            seen.ctime_ns,
            rows.filesystem(seen.device, seen.fstype),
            signed(seen.inode),
            seen.links,
            seen.target,
            number,
        ),
    )
    return True


def finish(db: sqlite3.Connection) -> int:
    """When all differences are in: leave out archives that nothing points into; how many files have content."""
    db.execute("DELETE FROM archive WHERE id NOT IN (SELECT archive FROM content)")
    return int(db.execute("SELECT count(*) FROM content").fetchone()[0])


@contextmanager
def _attached(db: sqlite3.Connection, older: Path) -> Iterator[None]:
    """`old` is the other index, outside a transaction."""
    db.execute("ATTACH ? AS old", (f"{older.absolute().as_uri()}?immutable=1",))
    try:
        version = db.execute("PRAGMA old.user_version").fetchone()[0]
        application = db.execute("PRAGMA old.application_id").fetchone()[0]
        if (application, version) != (APPLICATION_ID, FORMAT):
            raise sqlite3.DatabaseError("not an index of this version")
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("DETACH old")
