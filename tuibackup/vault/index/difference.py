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
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from tuibackup.vault.index.schema import DISTRUSTED, LACKING, Paths, join

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


# Folders that did not change, and lost names all the same. Where a folder's times do not follow its names (buckets
# behind FUSE), that is nothing; find tells their type, others tell none.
_FEWER = """
SELECT n.id, o.id,
    (SELECT count(*) FROM old.entry c WHERE c.parent = o.id) AS had,
    (SELECT count(*) FROM main.entry c WHERE c.parent = n.id) AS has
FROM temp.unchanged u JOIN main.entry n ON n.id = u.new JOIN old.entry o ON o.id = u.old
    JOIN main.root r ON r.id = n.root JOIN old.root q ON q.id = o.root
    JOIN main.filesystem f ON f.id = n.filesystem
    JOIN temp.same_filesystem s ON s.new = n.filesystem AND s.old = o.filesystem
WHERE n.kind = 'd' AND r.excludes = q.excludes AND r.resolved = q.resolved AND (NOT s.loose OR f.type = x'')
"""
_FILES_BELOW = """
WITH RECURSIVE lost (id, kind) AS (
    SELECT o.id, o.kind FROM old.entry o WHERE o.parent = ?
        AND NOT EXISTS (SELECT 1 FROM main.entry n WHERE n.parent = ? AND n.name = o.name)
    UNION ALL SELECT c.id, c.kind FROM lost l JOIN old.entry c ON c.parent = l.id WHERE l.kind = 'd'
) SELECT count(*) FROM lost WHERE kind = 'f'
"""


class Fewer(NamedTuple):
    """A folder, by its id, that has fewer names than it `had`, and how many regular files are lacking with them."""

    id: int
    had: int
    has: int
    files: int


def take_over(
    db: sqlite3.Connection, older: Path, snapshot: str, damaged: Collection[tuple[str, str]] = ()
) -> tuple[int, list[Fewer]]:
    """Give the unchanged files in the index `db` their content in `older`, the index of `snapshot`; how many.

    And which folders list fewer names than there, though they were not changed.

    `db` has its hard links found, and the temporary table `same` (new, old), which is filled with all unchanged
    files and folders. Only a name that carries the content in both snapshots is taken over: the archive holds it
    under that name, and not in an archive that is `damaged` (its snapshot as that index says, and its name). What has
    content already keeps it. Extended attributes come along. Called outside a
    transaction; after an error `db` is of no use.
    """
    with _compared(db, older) as fewer:
        db.executemany(
            """DELETE FROM temp.unchanged WHERE old IN (
                SELECT c.entry FROM old.content c JOIN old.archive a ON a.id = c.archive
                WHERE a.snapshot = ? AND a.name = ?)""",
            damaged,
        )
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
    return taken, fewer


def compare(db: sqlite3.Connection, older: Path) -> list[Fewer]:
    """The folders that list fewer names than in `older`; nothing is taken over. None of them where that is damaged."""
    try:
        with closing(sqlite3.connect(f"{older.absolute().as_uri()}?immutable=1", uri=True)) as alone:
            if alone.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                return []
    except sqlite3.DatabaseError:
        return []
    with _compared(db, older) as fewer:
        return fewer


def take_over_unfinished(db: sqlite3.Connection, older: Path, names: Mapping[str, str]) -> list[str]:
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
        number, kind = _at(db, root, roots[root], path)
        if kind == "f":
            carrier = db.execute("SELECT carrier FROM old.hardlink WHERE entry = ?", (number,)).fetchone()
            yield carrier[0] if carrier else number
        elif kind == "d":
            yield number


def _at(db: sqlite3.Connection, root: int, folder: bytes, path: bytes) -> tuple[int, str]:
    """The id and the kind of what is at `path` in a root of `old`; "" where there is nothing."""
    number, kind = -root, ""
    for name in (folder, *(path.split(b"/") if path else ())):
        row = db.execute(
            "SELECT id, kind FROM old.entry WHERE parent = ? AND name = ?", (number, name)
        ).fetchone()
        if row is None:
            return 0, ""
        number, kind = row
    return number, kind


def _fewer(db: sqlite3.Connection) -> list[Fewer]:
    """The folders in `unchanged` of which names are lacking that nothing else was said of.

    A folder of which that was said already is held against what it had before.
    """
    roots: dict[int, bytes] = dict(db.execute("SELECT id, folder FROM old.root"))
    said = db.execute("SELECT value FROM old.meta WHERE key = ?", (LACKING,)).fetchone()
    known = {
        _at(db, root, roots[root], bytes.fromhex(path))[0]: (had, files)
        for root, path, had, files in (json.loads(said[0]) if said else ())
    }
    found = []
    for new, old, had, has in db.execute(_FEWER):
        had = max(had, known[old][0]) if old in known else had  # what it had when it was whole
        if has < had:
            lost = db.execute(_FILES_BELOW, (old, new)).fetchone()[0]
            found.append(Fewer(new, had, has, max(lost, known[old][1]) if old in known else lost))
    return _unexplained(db, found) if found else []


def _unexplained(db: sqlite3.Connection, found: list[Fewer]) -> list[Fewer]:
    """Those of `found` of which this inventory has not said itself that they, or their names, could not be had."""
    rows = db.execute("SELECT r.folder, p.path FROM main.problem p JOIN main.root r ON r.id = p.root")
    problems = {join(folder, path) for folder, path in rows}
    paths, left = Paths(db), []
    for one in found:
        folder = paths(one.id)
        named = [path.rpartition(b"/") for path in problems]
        told = sum(
            not db.execute(
                "SELECT 1 FROM main.entry WHERE parent = ? AND name = ?", (one.id, name)
            ).fetchone()
            for above, _, name in named
            if (above or b"/") == folder
        )
        if folder not in problems and one.has + told < one.had:
            left.append(one)
    return left


@contextmanager
def _compared(db: sqlite3.Connection, older: Path) -> Iterator[list[Fewer]]:
    """In a transaction of the block: `old` is the other index, `unchanged` is filled. Gives what `_fewer` finds."""
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
    fewer = _fewer(db)
    db.execute("CREATE TEMP TABLE faulty (old INTEGER PRIMARY KEY)")
    db.executemany("INSERT OR IGNORE INTO temp.faulty VALUES (?)", ((one,) for one in with_problems(db)))
    db.execute("DELETE FROM temp.unchanged WHERE old IN temp.faulty")
    yield fewer
    for table in ("pair", "next_pair", "same_owner", "same_filesystem", "unchanged", "faulty"):
        db.execute(f"DROP TABLE temp.{table}")
    db.execute("COMMIT")
    db.execute("DETACH old")
