"""What a new index has in common with the older one for the lists of restore.sh: whole lists, not single files.

Of a run that found nothing new they are those of the run before. To find that out takes a sixth of the time of making
them.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

_ARCHIVES = """
SELECT n.id FROM main.archive n JOIN old.archive o ON o.id = n.id
    AND o.name = n.name AND CASE o.snapshot WHEN '' THEN ? ELSE o.snapshot END = n.snapshot
"""
_OTHER_CONTENT = """
SELECT DISTINCT n.archive FROM main.content n LEFT JOIN old.content o ON o.entry = n.entry
    WHERE o.archive IS NOT n.archive OR o.offset IS NOT n.offset
"""
_MEMBERS = "SELECT archive, count(*) FROM {}.content GROUP BY archive"
# What a header of tar tells of an entry that has no content.
_CHANGED = "(n.mode, n.owner, n.mtime_ns, n.target) IS NOT (o.mode, o.owner, o.mtime_ns, o.target)"
# Of those that are new, have another place or kind, or are no files and changed: their kinds, and how many.
_OTHER = f"""
SELECT o.id IS NULL, n.parent <> o.parent OR n.name <> o.name OR n.kind <> o.kind, n.kind, count(*)
FROM main.entry n LEFT JOIN old.entry o ON o.id = n.id
WHERE o.id IS NULL OR n.name <> o.name OR n.parent <> o.parent OR n.kind <> o.kind OR (n.kind <> 'f' AND {_CHANGED})
GROUP BY 1, 2, 3
"""  # noqa: S608 # ours
_GONE = """
SELECT DISTINCT o.kind FROM old.entry o LEFT JOIN main.entry n ON n.id = o.id WHERE n.id IS NULL
"""
_CHANGED_LINKS = f"""
SELECT 1 FROM main.hardlink h JOIN main.entry n ON n.id = h.entry LEFT JOIN old.entry o ON o.id = h.entry
    WHERE {_CHANGED} LIMIT 1
"""  # noqa: S608 # ours


class Same(NamedTuple):
    """What is the same in both: the paths in these `archives`, in their order (by their ids, with how many there are);
    all `links`; all `folders`. Of the latter two all that a header of tar tells.
    """

    archives: dict[int, int]
    links: bool
    folders: bool


NOTHING = Same({}, links=False, folders=False)


def same(index: Path, older: Path, snapshot: str) -> Same:
    """Compare `index` with `older`, that of `snapshot`, entry by entry as they are numbered.

    Nothing is raised: what cannot be compared is not the same.
    """
    try:
        with closing(sqlite3.connect(f"{index.absolute().as_uri()}?immutable=1", uri=True)) as db:
            db.execute("ATTACH ? AS old", (f"{older.absolute().as_uri()}?immutable=1",))
            return _same(db, snapshot)
    except sqlite3.Error:
        return NOTHING


def _same(db: sqlite3.Connection, snapshot: str) -> Same:
    new, old = (dict(db.execute(_MEMBERS.format(name))) for name in ("main", "old"))
    archives = {
        number: new[number]
        for (number,) in db.execute(_ARCHIVES, (snapshot,))
        if new.get(number) == old.get(number)
    }
    if not archives:  # much has changed: the rest is hardly worth a look
        return NOTHING
    other = db.execute(_OTHER).fetchall()
    if any(moved for _, moved, _, _ in other) or _differ(db, "owner"):
        return NOTHING
    kinds = {kind for _, _, kind, _ in other}
    both = _count(db, "main", "entry") - sum(count for added, _, _, count in other if added)
    for (number,) in db.execute(_OTHER_CONTENT):
        archives.pop(number, None)
    if _count(db, "old", "entry") > both:
        kinds |= {kind for (kind,) in db.execute(_GONE)}
    if _differ(db, "xattr"):
        return Same(archives, links=False, folders=False)
    linked = _differ(db, "hardlink") or db.execute(_CHANGED_LINKS).fetchone() is not None
    return Same(archives, links=not (linked or kinds - {"d", "f"}), folders="d" not in kinds)


def _count(db: sqlite3.Connection, name: str, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {name}.{table}").fetchone()[0])  # noqa: S608 # ours


def _differ(db: sqlite3.Connection, table: str) -> bool:
    """Whether a small table holds other rows."""
    rows = f"SELECT 1 FROM (SELECT * FROM main.{table} EXCEPT SELECT * FROM old.{table}) LIMIT 1"  # noqa: S608 # ours
    return _count(db, "main", table) != _count(db, "old", table) or db.execute(rows).fetchone() is not None
