"""What makes a snapshot restorable without tuibackup: restore.sh and the lists it reads (restore/…).

The order is the same as in `restore`: regular files archive by archive, then links, then folders.
"""

import hashlib
import re
from pathlib import Path

from tuibackup.vault.archive import tarheader
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.archive.frames import CompressedFile
from tuibackup.vault.index.read import Archive, Index
from tuibackup.vault.index.same import same
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.output import OutputFile, Written, vault_errors
from tuibackup.vault.summary import DatabaseSummary
from tuibackup.vault.sums import read_sums

SCRIPT = "restore.sh"
LISTS = "restore"
LINKS, FOLDERS = "links.tar.zst", "folders.tar.zst"
# Beside dumps, where there is something to say in them. A dump is called NAME.sql.zst, so none is called that.
PLACEHOLDERS, LATE_VIEWS = "placeholders.sql", "views.sql"
LEFT_OUT, USERS = "left-out.sql", "users.sql"

_SCRIPTS = Path(__file__).parent / "scripts"


class Lists:
    """The lists of an older snapshot, in its `folder`, of which those that are the same now are copied.

    `name` is the snapshot's. A list that is not what its SHA256SUMS says is not used.
    """

    def __init__(self, folder: Path, name: str, index: Index) -> None:
        self._folder = folder
        self._sums = {one.name: one.sha256 for one in read_sums(folder)}
        self._same = same(index.path, folder / INDEX, name)
        with Index(folder / INDEX) as older:
            self._numbers = {one.id: number for number, one in enumerate(older.archives, 1)}

    def names(self, archive: Archive) -> tuple[bytes, int] | None:
        """The names of one archive, and how many there are."""
        if archive.id not in self._same.archives:
            return None
        data = self._read(f"{self._numbers[archive.id]:03}.names.zst")
        return None if data is None else (data, self._same.archives[archive.id])

    def links(self) -> bytes | None:
        return self._read(LINKS) if self._same.links else None

    def folders(self) -> bytes | None:
        return self._read(FOLDERS) if self._same.folders else None

    def _read(self, name: str) -> bytes | None:
        try:
            data = (self._folder / LISTS / name).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).digest() == self._sums.get(f"{LISTS}/{name}") else None


def write_files(folder: Path, index: Index, older: Lists | None = None) -> list[Written]:
    """restore.sh and restore/ for the files snapshot in `folder`. Raises VaultError.

    What is the same as in `older` is taken from there.
    """
    lists = folder / LISTS
    with vault_errors(lists):
        lists.mkdir(mode=0o700)
    written = [_text(folder / SCRIPT, (_SCRIPTS / "restore-files.sh").read_text("utf-8"))]
    archives: list[str] = []
    for archive in index.archives:
        number = f"{len(archives) + 1:03}"
        names = lists / f"{number}.names.zst"
        place = f"../{archive.snapshot}/{archive.name}" if archive.snapshot else archive.name
        if older and (known := older.names(archive)):
            output, count = _file(names, known[0]), known[1]
        else:
            output, count = _names(names, index, archive)
        written.append(output)
        archives.append(f"{number} {count} {place}\n")
    written.append(_text(lists / "archives", "".join(archives)))
    links, folders = (older.links(), older.folders()) if older else (None, None)
    written += [
        _links(lists / LINKS, index) if links is None else _file(lists / LINKS, links),
        _folders(lists / FOLDERS, index) if folders is None else _file(lists / FOLDERS, folders),
    ]
    return written


def _names(path: Path, index: Index, archive: Archive) -> tuple[Written, int]:
    output = CompressedFile(path)
    count = 0
    try:
        for paths in index.names(archive.id):
            output.write(b"".join([path.lstrip(b"/") + b"\0" for path in paths]))
            count += len(paths)
        return output.close(), count
    finally:
        output.abandon()


def _links(path: Path, index: Index) -> Written:
    """Symbolic links and FIFOs, then further names of inodes (whose first name may be a symbolic link)."""
    output = CompressedFile(path)
    xattrs = index.has_xattrs()
    try:
        for found in index.of_kinds(Kind.SYMLINK, Kind.FIFO):
            if found.carrier is None:
                kind = tarheader.SYMLINK if found.entry.kind == Kind.SYMLINK else tarheader.FIFO
                name, target = _name(found.path), found.entry.target or b""
                extra = index.xattrs(found.id) if xattrs else None
                output.write(tarheader.header(name, found.entry, kind=kind, link=target, extra=extra))
        paths = index.paths()
        for found in index.hard_links():
            assert found.carrier is not None
            name, target = _name(found.path), _name(paths(found.carrier))
            output.write(tarheader.header(name, found.entry, kind=tarheader.HARD_LINK, link=target))
        output.write(tarheader.END)
        return output.close()
    finally:
        output.abandon()


def _folders(path: Path, index: Index) -> Written:
    output = CompressedFile(path)
    xattrs = index.has_xattrs()
    try:
        for found in index.of_kinds(Kind.FOLDER):
            extra = index.xattrs(found.id) if xattrs else None
            output.write(tarheader.header(_name(found.path), found.entry, kind=tarheader.FOLDER, extra=extra))
        output.write(tarheader.END)
        return output.close()
    finally:
        output.abandon()


def write_databases(folder: Path, databases: tuple[DatabaseSummary, ...]) -> list[Written]:
    """restore.sh for the dumps in `folder`, in the order given. Raises VaultError."""
    script = (_SCRIPTS / "restore-databases.sh").read_text("utf-8")
    everything = [f"\tplain {PLACEHOLDERS}"] if (folder / PLACEHOLDERS).exists() else []
    everything += [
        f"\twrite {_quoted(one.file)}" if one.late is None else f"\tbegin {_quoted(one.file)} {one.late}"
        for one in databases
    ]
    everything += [f"\tplain {LATE_VIEWS}"] if (folder / LATE_VIEWS).exists() else []
    everything = everything or ["\t:"]
    names = [f"\tprintf '%s\\n' {_quoted(one.name)}" for one in databases] or ["\t:"]
    each = [f"{_quoted(one.name)}) write {_quoted(one.file)} ;;" for one in databases]
    parts = {"ALL": everything, "LIST": names, "EACH": each}
    # In one go: a database may be called "@EACH@".
    script = re.sub(
        "@(ALL|LIST|EACH)@\n", lambda mark: "".join(f"{line}\n" for line in parts[mark[1]]), script
    )
    return [_text(folder / SCRIPT, script)]


def _quoted(text: str) -> str:
    """One word of sh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _name(path: bytes) -> bytes:
    """An absolute path as it stands in an archive."""
    return path.lstrip(b"/") or b"."


def _text(path: Path, text: str) -> Written:
    return _file(path, text.encode())


def _file(path: Path, data: bytes) -> Written:
    output = OutputFile(path)
    try:
        output.write(data)
        return output.close()
    finally:
        output.abandon()
