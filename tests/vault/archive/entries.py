"""Entries of archives, and archives of small frames."""

from collections.abc import Iterator
from contextlib import contextmanager

from tuibackup.vault.archive import archive as archive_module
from tuibackup.vault.archive.entry import Entry, Kind

NS = 1_700_000_000_123_456_789


def entry(size: int, **more: object) -> Entry:
    values = {
        "mode": 0o644,
        "uid": 33,
        "gid": 33,
        "user": b"www-data",
        "group": b"www-data",
        "mtime_ns": NS,
    } | more
    return Entry(path=b"", kind=Kind.FILE, size=size, **values)  # type: ignore[arg-type]


@contextmanager
def small_frames(size: int = 4096) -> Iterator[None]:
    before, archive_module.FRAME = archive_module.FRAME, size
    try:
        yield
    finally:
        archive_module.FRAME = before
