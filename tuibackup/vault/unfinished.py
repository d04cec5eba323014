"""What an interrupted run left that the next one can use: complete archives, and the index that tells what is in them.

A run commits its index whenever an archive is closed and on the disk. So what is listed there as written is whole,
however the run ended: cut off, stopped, killed, or without power.
"""

import os
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from tuibackup.errors import VaultError
from tuibackup.vault.index.schema import APPLICATION_ID, FORMAT
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.output import Written, vault_errors
from tuibackup.vault.sums import Sum
from tuibackup.words import sentence


class Part(NamedTuple):
    """A complete archive of the configured `folder`."""

    folder: bytes
    written: Written


class UnfinishedRun(msgspec.Struct, frozen=True):
    """The incoming folder `path` of an interrupted run. `files` are those with content in its `archives`.

    `full`: that run took nothing over from an older snapshot.
    """

    path: Path
    files: int
    archives: tuple[Part, ...]
    full: bool

    @property
    def stored_bytes(self) -> int:
        """What the archives take on the disk."""
        return sum(one.written.stored_bytes for one in self.archives)

    @property
    def index(self) -> Path:
        return self.path / INDEX

    @property
    def sums(self) -> list[Sum]:
        """What its index says of the archives as files."""
        return [Sum(one.written.path.name, one.written.sha256) for one in self.archives]

    def without(self, names: Collection[str]) -> "UnfinishedRun":
        """The same but for the archives called so."""
        return replace(
            self, archives=tuple(one for one in self.archives if one.written.path.name not in names)
        )

    def check(self) -> None:
        """SQLite's own look at the whole index. Raises VaultError. For the archives see `verify.unsound`."""
        try:
            with closing(sqlite3.connect(f"{self.index.absolute().as_uri()}?mode=ro", uri=True)) as db:
                (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            answer = str(error)
        if answer != "ok":
            raise VaultError(sentence("{index} is damaged: {answer}", index=self.index, answer=answer))

    def trim(self) -> None:
        """Remove what the next run cannot use."""
        kept = {one.written.path.name for one in self.archives} | {INDEX}
        with vault_errors(self.path):
            for place, folders, names in os.walk(self.path, topdown=False):
                for name in names:
                    if place != str(self.path) or name not in kept:
                        os.unlink(os.path.join(place, name))
                for name in folders:
                    os.rmdir(os.path.join(place, name))


def read(path: Path, *, mend: bool = False) -> UnfinishedRun | None:
    """What is left in the incoming folder `path`; None when nothing of use, or when its run is alive.

    `mend` takes back what its run had begun to write into the index when it died: the caller holds the server's lock.
    """
    if not (path / INDEX).is_file():
        return None
    mode = "rw" if mend else "ro"
    uri = f"{(path / INDEX).absolute().as_uri()}?mode={mode}"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=0)) as db:
            if mend:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            return _read(path, db)
    except (sqlite3.DatabaseError, OSError):
        return None


def _read(path: Path, db: sqlite3.Connection) -> UnfinishedRun | None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if (application, version) != (APPLICATION_ID, FORMAT):
        return None
    archives = [
        (number, Part(folder, Written(path / name, stored, sha256)))
        for number, folder, name, stored, sha256 in db.execute(
            """SELECT a.id, r.folder, a.name, w.bytes, w.sha256 FROM written w
            JOIN archive a ON a.id = w.archive JOIN root r ON r.id = w.root
            WHERE a.snapshot = '' ORDER BY a.id"""
        )
    ]
    there = {number: one for number, one in archives if _is_whole(path, one.written)}
    files = sum(
        count
        for number, count in db.execute("SELECT archive, count(*) FROM content GROUP BY archive")
        if number in there
    )
    (older,) = db.execute("SELECT EXISTS (SELECT 1 FROM archive WHERE snapshot <> '')").fetchone()
    if not files:
        return None
    return UnfinishedRun(path, files, tuple(there.values()), full=not older)


def _is_whole(folder: Path, one: Written) -> bool:
    """Whether it is there, in its length; its bytes are looked at when it is taken over."""
    if one.path.parent != folder or one.path.is_symlink() or not one.path.is_file():
        return False
    return one.path.stat().st_size == one.stored_bytes
