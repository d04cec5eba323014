"""What makes a snapshot restorable without tuibackup: restore.sh and the lists it reads (restore/…).

The order is the same as in `restore`: regular files archive by archive, then links, then folders.
"""

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from tuibackup.errors import VaultError
from tuibackup.vault import tarheader
from tuibackup.vault.entry import Kind
from tuibackup.vault.frames import CompressedFile
from tuibackup.vault.index import Archive, Index
from tuibackup.vault.output import OutputFile, Written, vault_errors
from tuibackup.vault.renewal import Same
from tuibackup.vault.summary import DatabaseSummary
from tuibackup.vault.verify import read_sums

SCRIPT = "restore.sh"
LISTS = "restore"
# Beside dumps, where there is something to say in them. A dump is called NAME.sql.zst, so none is called that.
PLACEHOLDERS, LEFT_OUT, USERS = "placeholders.sql", "left-out.sql", "users.sql"

_LINKS, _FOLDERS = "links.tar.zst", "folders.tar.zst"
_SCRIPTS = Path(__file__).parent / "scripts"


def write_files(folder: Path, index: Index, same: Same | None = None) -> list[Written]:
    """restore.sh and restore/ for the files snapshot in `folder`. Raises VaultError.

    What is the `same` as in an older snapshot is copied from there.
    """
    older = _Older(same) if same else None
    lists = folder / LISTS
    with vault_errors(lists):
        lists.mkdir(mode=0o700)
    written = [_text(folder / SCRIPT, (_SCRIPTS / "restore-files.sh").read_text("utf-8"))]
    archives: list[str] = []
    for archive in index.archives:
        number = f"{len(archives) + 1:03}"
        names = lists / f"{number}.names.zst"
        place = f"../{archive.snapshot}/{archive.name}" if archive.snapshot else archive.name
        copied = older.names(archive, names) if older else None
        output, count = copied or _names(names, index, archive)
        written.append(output)
        archives.append(f"{number} {count} {place}\n")
    written.append(_text(lists / "archives", "".join(archives)))
    links, folders = lists / _LINKS, lists / _FOLDERS
    written.append((same and older and same.links and older.copy(_LINKS, links)) or _links(links, index))
    written.append(
        (same and older and same.folders and older.copy(_FOLDERS, folders)) or _folders(folders, index)
    )
    return written


class _Older:
    """The lists of the older snapshot; what of them is damaged or missing is as good as not the same."""

    def __init__(self, same: Same) -> None:
        self._same = same
        self._folder = same.older.path / LISTS
        self._sums: dict[str, bytes] = {}
        self._names: dict[str, tuple[str, int]] = {}  # number and count, by the archive's place
        with suppress(VaultError, OSError, ValueError):
            self._sums = {one.name: one.sha256 for one in read_sums(same.older.path)}
            for line in (self._folder / "archives").read_text().splitlines():
                number, count, place = line.split(" ", 2)
                self._names[place] = number, int(count)

    def names(self, archive: Archive, target: Path) -> tuple[Written, int] | None:
        """A copy of the list of an archive, and how many names are in it."""
        own = archive.snapshot == self._same.older.snapshot
        found = self._names.get(archive.name if own else f"../{archive.snapshot}/{archive.name}")
        if found is None or (archive.snapshot, archive.name) not in self._same.archives:
            return None
        number, count = found
        written = self.copy(f"{number}.names.zst", target)
        return (written, count) if written else None

    def copy(self, name: str, target: Path) -> Written | None:
        """A copy of one list, if it is what its snapshot says."""
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).digest() != self._sums.get(f"{LISTS}/{name}"):
            return None
        return _file(target, data)


def _names(path: Path, index: Index, archive: Archive) -> tuple[Written, int]:
    output = CompressedFile(path)
    count = 0
    try:
        for paths in index.names(archive.id):
            output.write(b"".join([_name(path) + b"\0" for path in paths]))
            count += len(paths)
        return output.close(), count
    finally:
        output.abandon()


def _links(path: Path, index: Index) -> Written:
    """Symbolic links and FIFOs, then further names of inodes (whose first name may be a symbolic link)."""
    output = CompressedFile(path)
    try:
        for found in index.of_kinds(Kind.SYMLINK, Kind.FIFO):
            if found.carrier is None:
                kind = tarheader.SYMLINK if found.entry.kind == Kind.SYMLINK else tarheader.FIFO
                name, target = _name(found.path), found.entry.target or b""
                output.write(
                    tarheader.header(name, found.entry, kind=kind, link=target, extra=index.xattrs(found.id))
                )
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
    try:
        for found in index.of_kinds(Kind.FOLDER):
            extra = index.xattrs(found.id)
            output.write(tarheader.header(_name(found.path), found.entry, kind=tarheader.FOLDER, extra=extra))
        output.write(tarheader.END)
        return output.close()
    finally:
        output.abandon()


def write_databases(folder: Path, databases: tuple[DatabaseSummary, ...]) -> list[Written]:
    """restore.sh for the dumps in `folder`, in the order given. Raises VaultError."""
    script = (_SCRIPTS / "restore-databases.sh").read_text("utf-8")
    everything = [f"\tplain {PLACEHOLDERS}"] if (folder / PLACEHOLDERS).exists() else []
    everything += [f"\twrite {_quoted(one.file)}" for one in databases]
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
