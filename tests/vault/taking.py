"""Takes snapshots of local trees for the tests: what step 2 does, without a server."""

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tuibackup.sop import Clock, Outcome
from tuibackup.vault.archive.entry import KINDS_OF_MODES, Entry, Kind
from tuibackup.vault.archive.frames import CompressedFile
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.index.read import IndexWriter, Totals
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.summary import DatabaseSummary, SnapshotSummary


def entry(path: bytes, file: bytes) -> Entry:
    """What `find -printf` would say of `file`."""
    seen = os.lstat(file)
    kind = KINDS_OF_MODES[stat.S_IFMT(seen.st_mode)]
    return Entry(
        path,
        kind,
        stat.S_IMODE(seen.st_mode),
        seen.st_uid,
        seen.st_gid,
        _name(lambda: pwd.getpwuid(seen.st_uid).pw_name, seen.st_uid),
        _name(lambda: grp.getgrgid(seen.st_gid).gr_name, seen.st_gid),
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
        seen.st_dev,
        seen.st_ino,
        seen.st_nlink,
        b"ext4",
        os.readlink(file) if kind == Kind.SYMLINK else None,
    )


def inventory(folder: bytes) -> Iterator[Entry]:
    """The tree below `folder`, depth first, as `find` lists it."""
    yield entry(b"", folder)
    stack = [(b"", iter(os.listdir(folder)))]
    while stack:
        below, names = stack[-1]
        name = next(names, None)
        if name is None:
            stack.pop()
            continue
        path = below + b"/" + name if below else name
        found = entry(path, folder + b"/" + path)
        yield found
        if found.kind == Kind.FOLDER:
            stack.append((path, iter(os.listdir(folder + b"/" + path))))


def summary(
    server: str, run: str, clock: Clock, started: str = "2026-11-22T01:30:00Z", **more: object
) -> SnapshotSummary:
    values = {"finished": started, "operator": "siti", "outcome": Outcome.DONE, "whole": True} | more
    return SnapshotSummary(server=server, run=run, clock=clock, started=started, **values)  # type: ignore[arg-type]


def xattrs(file: bytes) -> dict[bytes, bytes]:
    """Extended attributes and access control lists as GNU tar's pax records."""
    records = {}
    for text in os.listxattr(file, follow_symlinks=False):
        name = os.fsencode(text)
        if name.startswith(b"system.posix_acl_"):
            option = {b"access": "-a", b"default": "-d"}[name.rpartition(b"_")[2]]
            command = ["getfacl", "-cEp", option, os.fsdecode(file)]
            value = subprocess.run(command, capture_output=True, check=True).stdout.strip()
            records[b"SCHILY.acl." + name.rpartition(b"_")[2]] = value
        else:
            key = name.replace(b"%", b"%25").replace(b"=", b"%3D")
            records[b"SCHILY.xattr." + key] = os.getxattr(file, name, follow_symlinks=False)
    return records


def take(
    vault: Vault,
    *folders: Path,
    server: str = "siakad",
    run: str = "run1",
    started: str = "2026-11-22T01:30:00Z",
) -> Snapshot:
    """A full snapshot of local folders."""
    incoming = Incoming.create(vault, server, run, Clock.FILES)
    with incoming.index() as index:
        totals = _fill(incoming, index, folders)

    return incoming.publish(
        summary(server, run, Clock.FILES, started, files=totals.files, bytes=totals.content_bytes)
    )


def _fill(incoming: Incoming, index: IndexWriter, folders: Sequence[Path]) -> Totals:
    for folder in folders:
        name = os.fsencode(folder)
        root = index.add_root(name, name)
        entries = list(inventory(name))
        index.add(root, entries)
        with incoming.archive(name) as archive:
            number = index.add_archive(archive.path.name)
            for wanted in index.wanted(root):
                extra = xattrs(wanted.path)
                archive.begin(wanted.name, wanted.entry, extra)
                with open(wanted.path, "rb") as file:
                    while chunk := file.read(1 << 18):
                        archive.write(chunk)
                index.stored(wanted.id, number, *archive.end())
                index.xattrs(wanted.id, extra)
            for one in entries:
                if one.kind == Kind.FOLDER and (extra := xattrs(os.path.join(name, one.path))):
                    number = index.find(root, one.path)
                    assert number is not None
                    index.xattrs(number, extra)
            incoming.wrote(archive.close())
    return index.finish()


def take_dumps(
    vault: Vault, dumps: dict[str, bytes], *, server: str = "siakad", run: str = "run1"
) -> Snapshot:
    """A databases snapshot of the given SQL."""
    incoming = Incoming.create(vault, server, run, Clock.DATABASES)
    databases = []
    for name, sql in dumps.items():
        file = CompressedFile(incoming.dump(name))
        file.write(sql)
        written = file.close()
        incoming.wrote(written)
        databases.append(
            DatabaseSummary(
                name=name, file=written.path.name, bytes=len(sql), stored_bytes=written.stored_bytes
            )
        )
    return incoming.publish(summary(server, run, Clock.DATABASES, databases=tuple(databases)))


def _name(look: Callable[[], str], number: int) -> bytes:
    try:
        return look().encode()
    except KeyError:
        return b"%d" % number
