"""What a new inventory has in common with an older one: unchanged files point to where they lie already.

The older one is a snapshot's, or that of an interrupted run, of which the complete archives are left.

A file is unchanged when every recorded field is the same and neither of its times is later than two seconds
before the older inventory began: a write in the same tick of the clock cannot be seen. Inode and device numbers
mean nothing on network, FUSE and overlay file systems and are left out of the comparison there, unless the configured
folder leads elsewhere now: where times are whole seconds, a release's file may look like that of the one before. A
file that was stored with a problem (its end is missing, say) is fetched again, whatever it looks like: or nobody would
hear of it.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tuibackup.vault.schema import DISTRUSTED

TICK_NS = 2_000_000_000

_LOOSE = """(type LIKE 'fuse%' OR type IN ('nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', '9p', 'afs', 'ceph', 'glusterfs',
    'lustre', 'overlay', 'aufs', 'vboxsf', 'virtiofs', ''))"""

# `pair`: folders of this level in both. `unchanged`: entries of both that did not change, by their ids.
_TABLES = f"""
CREATE TEMP TABLE unchanged (new INTEGER PRIMARY KEY, old INTEGER NOT NULL);
CREATE TEMP TABLE pair (
    new INTEGER PRIMARY KEY, old INTEGER NOT NULL, started_ns INTEGER NOT NULL, moved INTEGER NOT NULL
);
CREATE TEMP TABLE next_pair AS SELECT * FROM pair;
CREATE TEMP TABLE same_owner AS
    SELECT n.id AS new, o.id AS old FROM main.owner n JOIN old.owner o
    ON o.uid = n.uid AND o.gid = n.gid AND o.user = n.user AND o."group" = n."group";
CREATE TEMP TABLE same_filesystem AS
    SELECT n.id AS new, o.id AS old, {_LOOSE.replace("type", "CAST(n.type AS TEXT)")} AS loose
    FROM main.filesystem n JOIN old.filesystem o ON o.type = n.type
    AND (o.device = n.device OR {_LOOSE.replace("type", "CAST(n.type AS TEXT)")});
INSERT INTO pair SELECT n.id, o.id, q.started_ns, r.resolved <> q.resolved
    FROM main.root r JOIN old.root q ON q.folder = r.folder
    JOIN main.entry n ON n.parent = -r.id JOIN old.entry o ON o.parent = -q.id AND o.name = n.name
    WHERE n.kind = 'd' AND o.kind = 'd';
"""

_UNCHANGED = f"""
INSERT INTO temp.unchanged SELECT n.id, o.id FROM {{source}}
    JOIN temp.same_owner w ON w.new = n.owner AND w.old = o.owner
    JOIN temp.same_filesystem f ON f.new = n.filesystem AND f.old = o.filesystem
    WHERE n.kind = o.kind AND n.kind IN ('f', 'd') AND n.mode = o.mode AND n.size = o.size AND n.links = o.links
    AND n.mtime_ns = o.mtime_ns AND n.ctime_ns = o.ctime_ns
    AND (n.inode = o.inode AND n.inode <> 0 OR f.loose AND NOT p.moved)
    AND max(o.mtime_ns, o.ctime_ns) < p.started_ns - {TICK_NS}
"""
_ROOTS = "temp.pair p JOIN main.entry n ON n.id = p.new JOIN old.entry o ON o.id = p.old"
_BELOW = """temp.pair p JOIN main.entry n ON n.parent = p.new
    JOIN old.entry o ON o.parent = p.old AND o.name = n.name"""


def take_over(db: sqlite3.Connection, older: Path, snapshot: str) -> int:
    """Give the unchanged files in the index `db` their content in `older`, the index of `snapshot`; how many.

    `db` has its hard links found, and the temporary table `same` (new, old), which is filled with all unchanged
    files and folders. Only a name that carries the content in both snapshots is taken over: the archive holds it
    under that name. What has content already keeps it. Extended attributes come along. Called outside a
    transaction; after an error `db` is of no use.
    """
    with _compared(db, older):
        db.execute("INSERT INTO temp.same SELECT * FROM temp.unchanged")
        db.execute(
            """INSERT OR IGNORE INTO main.archive (snapshot, name)
            SELECT CASE snapshot WHEN '' THEN ? ELSE snapshot END, name FROM old.archive
            WHERE id IN (SELECT archive FROM temp.same s JOIN old.content c ON c.entry = s.old
                WHERE NOT EXISTS (SELECT 1 FROM main.content k WHERE k.entry = s.new))""",
            (snapshot,),
        )
        taken = db.execute(
            """INSERT INTO main.content SELECT s.new, a.id, c.offset, c.length, c.sha256
            FROM temp.same s JOIN old.content c ON c.entry = s.old JOIN old.archive b ON b.id = c.archive
            JOIN main.archive a
                ON a.name = b.name AND a.snapshot = CASE b.snapshot WHEN '' THEN ? ELSE b.snapshot END
            WHERE NOT EXISTS (SELECT 1 FROM main.hardlink h WHERE h.entry = s.new)
                AND NOT EXISTS (SELECT 1 FROM main.content k WHERE k.entry = s.new)""",
            (snapshot,),
        ).rowcount
        db.execute(
            """INSERT OR REPLACE INTO main.xattr SELECT s.new, x.key, x.value
            FROM temp.same s JOIN old.xattr x ON x.entry = s.old"""
        )
    return taken


def take_over_leftover(db: sqlite3.Connection, older: Path, names: Mapping[str, str]) -> list[str]:
    """The same from what an interrupted run left: only files whose content lies in one of its own archives in
    `names`, which are called differently here; those of them that are used now.

    Of folders nothing is taken over: that run may not have come to their extended attributes.
    """
    with _compared(db, older):
        db.execute(
            "CREATE TEMP TABLE moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL, name TEXT NOT NULL)"
        )
        for name, new in names.items():
            db.execute("INSERT INTO main.archive (snapshot, name) VALUES ('', ?)", (new,))
            db.execute(
                """INSERT INTO temp.moved SELECT b.id, a.id, b.name FROM old.archive b, main.archive a
                WHERE b.snapshot = '' AND b.name = ? AND a.snapshot = '' AND a.name = ?""",
                (name, new),
            )
        db.execute(
            """CREATE TEMP TABLE taken AS SELECT s.new AS entry, s.old AS old, m.new AS archive, m.old AS held
            FROM temp.unchanged s JOIN old.content c ON c.entry = s.old JOIN temp.moved m ON m.old = c.archive
            WHERE NOT EXISTS (SELECT 1 FROM main.hardlink h WHERE h.entry = s.new)
                AND NOT EXISTS (SELECT 1 FROM main.content k WHERE k.entry = s.new)"""
        )
        db.execute(
            """INSERT INTO main.content SELECT t.entry, t.archive, c.offset, c.length, c.sha256
            FROM temp.taken t JOIN old.content c ON c.entry = t.old"""
        )
        db.execute(
            """INSERT INTO main.xattr SELECT t.entry, x.key, x.value
            FROM temp.taken t JOIN old.xattr x ON x.entry = t.old"""
        )
        db.execute(
            """INSERT INTO main.written SELECT m.new, r.id, w.bytes, w.sha256 FROM temp.moved m
            JOIN old.written w ON w.archive = m.old
            JOIN old.root q ON q.id = w.root JOIN main.root r ON r.folder = q.folder
            WHERE m.old IN (SELECT held FROM temp.taken)"""
        )
        db.execute(
            """DELETE FROM main.archive WHERE id IN (SELECT new FROM temp.moved)
                AND id NOT IN (SELECT archive FROM temp.taken)"""
        )
        used = db.execute("SELECT name FROM temp.moved WHERE old IN (SELECT held FROM temp.taken)").fetchall()
        for table in ("moved", "taken"):
            db.execute(f"DROP TABLE temp.{table}")
    return [name for (name,) in used]


def distrusted(db: sqlite3.Connection) -> list[int]:
    """The roots, in the attached index `old`, of which too much is doubtful for a list."""
    said = db.execute("SELECT value FROM old.meta WHERE key = ?", (DISTRUSTED,)).fetchone()
    return json.loads(said[0]) if said else []


def with_problems(db: sqlite3.Connection) -> Iterator[int]:
    """The ids, in the attached index `old`, of files and folders that are in it and were not as they should be.

    Of a further name of an inode, the name that has the content.
    """
    roots: dict[int, bytes] = dict(db.execute("SELECT id, folder FROM old.root"))
    problems = db.execute(
        """SELECT DISTINCT root, path FROM old.problem
        WHERE missing = 0 AND path <> x'' AND root IN (SELECT id FROM old.root)"""
    )
    for root, path in problems:
        number, kind = -root, ""
        for name in (roots[root], *path.split(b"/")):
            row = db.execute(
                "SELECT id, kind FROM old.entry WHERE parent = ? AND name = ?", (number, name)
            ).fetchone()
            if row is None:
                break
            number, kind = row
        else:
            if kind == "f":
                carrier = db.execute("SELECT carrier FROM old.hardlink WHERE entry = ?", (number,)).fetchone()
                yield carrier[0] if carrier else number
            elif kind == "d":
                yield number


@contextmanager
def _compared(db: sqlite3.Connection, older: Path) -> Iterator[None]:
    """In a transaction of the block: `old` is the other index, `unchanged` is filled."""
    db.execute("ATTACH ? AS old", (f"{older.absolute().as_uri()}?immutable=1",))
    db.execute("BEGIN")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    for root in distrusted(db):
        db.execute("DELETE FROM temp.pair WHERE old IN (SELECT id FROM old.entry WHERE parent = ?)", (-root,))
    db.execute(_UNCHANGED.format(source=_ROOTS))
    while db.execute("SELECT EXISTS (SELECT 1 FROM temp.pair)").fetchone()[0]:
        db.execute(_UNCHANGED.format(source=_BELOW))
        db.execute(
            f"""INSERT INTO temp.next_pair SELECT n.id, o.id, p.started_ns, p.moved FROM {_BELOW}
            WHERE n.kind = 'd' AND o.kind = 'd'"""
        )
        db.execute("DELETE FROM temp.pair")
        db.execute("INSERT INTO temp.pair SELECT * FROM temp.next_pair")
        db.execute("DELETE FROM temp.next_pair")
    db.execute("CREATE TEMP TABLE faulty (old INTEGER PRIMARY KEY)")
    db.executemany("INSERT OR IGNORE INTO temp.faulty VALUES (?)", ((one,) for one in with_problems(db)))
    db.execute("DELETE FROM temp.unchanged WHERE old IN temp.faulty")
    yield
    for table in ("pair", "next_pair", "same_owner", "same_filesystem", "unchanged", "faulty"):
        db.execute(f"DROP TABLE temp.{table}")
    db.execute("COMMIT")
    db.execute("DETACH old")
