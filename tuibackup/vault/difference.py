"""What a new inventory has in common with an older snapshot: unchanged files point to where they lie already.

A file is unchanged when every recorded field is the same and neither of its times is later than two seconds
before the older inventory began: a write in the same tick of the clock cannot be seen. Inode and device numbers
mean nothing on network, FUSE and overlay file systems and are left out of the comparison there.
"""

import sqlite3
from pathlib import Path

_TICK_NS = 2_000_000_000

_LOOSE = """(type LIKE 'fuse%' OR type IN ('nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', '9p', 'afs', 'ceph', 'glusterfs',
    'lustre', 'overlay', 'aufs', 'vboxsf', 'virtiofs', ''))"""

# `pair`: folders of this level in both snapshots. `same`: entries of both that did not change, by their ids.
_TABLES = f"""
CREATE TEMP TABLE pair (new INTEGER PRIMARY KEY, old INTEGER NOT NULL, started_ns INTEGER NOT NULL);
CREATE TEMP TABLE next_pair (new INTEGER PRIMARY KEY, old INTEGER NOT NULL, started_ns INTEGER NOT NULL);
CREATE TEMP TABLE same_owner AS
    SELECT n.id AS new, o.id AS old FROM main.owner n JOIN old.owner o
    ON o.uid = n.uid AND o.gid = n.gid AND o.user = n.user AND o."group" = n."group";
CREATE TEMP TABLE same_filesystem AS
    SELECT n.id AS new, o.id AS old, {_LOOSE.replace("type", "CAST(n.type AS TEXT)")} AS loose
    FROM main.filesystem n JOIN old.filesystem o ON o.type = n.type
    AND (o.device = n.device OR {_LOOSE.replace("type", "CAST(n.type AS TEXT)")});
INSERT INTO pair SELECT n.id, o.id, q.started_ns FROM main.root r JOIN old.root q ON q.folder = r.folder
    JOIN main.entry n ON n.parent = -r.id JOIN old.entry o ON o.parent = -q.id AND o.name = n.name
    WHERE n.kind = 'd' AND o.kind = 'd';
"""

_UNCHANGED = f"""
INSERT INTO temp.same SELECT n.id, o.id FROM {{source}}
    JOIN temp.same_owner w ON w.new = n.owner AND w.old = o.owner
    JOIN temp.same_filesystem f ON f.new = n.filesystem AND f.old = o.filesystem
    WHERE n.kind = o.kind AND n.kind IN ('f', 'd') AND n.mode = o.mode AND n.size = o.size AND n.links = o.links
    AND n.mtime_ns = o.mtime_ns AND n.ctime_ns = o.ctime_ns AND (f.loose OR n.inode = o.inode)
    AND max(o.mtime_ns, o.ctime_ns) < p.started_ns - {_TICK_NS}
"""
_ROOTS = "temp.pair p JOIN main.entry n ON n.id = p.new JOIN old.entry o ON o.id = p.old"
_BELOW = """temp.pair p JOIN main.entry n ON n.parent = p.new
    JOIN old.entry o ON o.parent = p.old AND o.name = n.name"""


def take_over(db: sqlite3.Connection, older: Path, snapshot: str) -> int:
    """Give the unchanged files in the index `db` their content in `older`, the index of `snapshot`; how many.

    `db` has its hard links found and no content yet, and the temporary table `same` (new, old), which is filled
    with all unchanged files and folders. Only a name that carries the content in both snapshots is taken over: the
    archive holds it under that name. Extended attributes come along. Called outside a transaction; after an error
    `db` is of no use.
    """
    db.execute("ATTACH ? AS old", (f"{older.absolute().as_uri()}?immutable=1",))
    db.execute("BEGIN")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.execute(_UNCHANGED.format(source=_ROOTS))
    while db.execute("SELECT EXISTS (SELECT 1 FROM temp.pair)").fetchone()[0]:
        db.execute(_UNCHANGED.format(source=_BELOW))
        db.execute(
            f"""INSERT INTO temp.next_pair SELECT n.id, o.id, p.started_ns FROM {_BELOW}
            WHERE n.kind = 'd' AND o.kind = 'd'"""
        )
        db.execute("DELETE FROM temp.pair")
        db.execute("INSERT INTO temp.pair SELECT * FROM temp.next_pair")
        db.execute("DELETE FROM temp.next_pair")
    db.execute(
        """INSERT OR IGNORE INTO main.archive (snapshot, name)
        SELECT CASE snapshot WHEN '' THEN ? ELSE snapshot END, name FROM old.archive
        WHERE id IN (SELECT archive FROM temp.same s JOIN old.content c ON c.entry = s.old)""",
        (snapshot,),
    )
    taken = db.execute(
        """INSERT INTO main.content SELECT s.new, a.id, c.offset, c.length, c.sha256
        FROM temp.same s JOIN old.content c ON c.entry = s.old JOIN old.archive b ON b.id = c.archive
        JOIN main.archive a ON a.name = b.name AND a.snapshot = CASE b.snapshot WHEN '' THEN ? ELSE b.snapshot END
        WHERE NOT EXISTS (SELECT 1 FROM main.hardlink h WHERE h.entry = s.new)""",
        (snapshot,),
    ).rowcount
    db.execute(
        """INSERT INTO main.xattr SELECT s.new, x.key, x.value
        FROM temp.same s JOIN old.xattr x ON x.entry = s.old"""
    )
    for table in ("pair", "next_pair", "same_owner", "same_filesystem"):
        db.execute(f"DROP TABLE temp.{table}")
    db.execute("COMMIT")
    db.execute("DETACH old")
    return taken
