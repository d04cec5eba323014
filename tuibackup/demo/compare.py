"""Compares two trees file by file: kinds, contents, modes, owners, times, links.

Independent of the vault's code, which it is to judge.
"""

import filecmp
import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tuibackup.text import printable


@dataclass
class Comparison:
    """What was compared; `differences` are sentences, empty where the trees agree."""

    files: int = 0
    bytes: int = 0
    others: int = 0  # folders and links
    differences: list[str] = field(default_factory=list)


def compare(source: Path, restored: Path, *, owners: bool) -> Comparison:
    """Compare `restored` with `source`; `owners` where the restorer could set them (root)."""
    result = Comparison()
    left, right = dict(_entries(source)), dict(_entries(restored))
    for name in sorted(left.keys() - right.keys()):
        result.differences.append(f"{printable(name)} is missing")
    for name in sorted(right.keys() - left.keys()):
        result.differences.append(f"{printable(name)} is not in the source")
    for name in sorted(left.keys() & right.keys()):
        found = _difference(left[name], right[name], owners)
        if found:
            result.differences.append(f"{printable(name)}: {found}")
        if stat.S_ISREG(left[name][1].st_mode):
            result.files += 1
            result.bytes += left[name][1].st_size
        else:
            result.others += 1
    for names in _hard_links(left) ^ _hard_links(right):
        result.differences.append(f"{printable(min(names))}: hard links differ")
    return result


def _entries(root: Path) -> Iterator[tuple[bytes, tuple[bytes, os.stat_result]]]:
    top = os.fsencode(root)
    yield b".", (top, os.lstat(top))
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), (path, os.lstat(path))


def _difference(left: tuple[bytes, os.stat_result], right: tuple[bytes, os.stat_result], owners: bool) -> str:
    (one, a), (two, b) = left, right
    if stat.S_IFMT(a.st_mode) != stat.S_IFMT(b.st_mode):
        return "another kind"
    if stat.S_ISLNK(a.st_mode):
        return "" if os.readlink(one) == os.readlink(two) else "the link leads elsewhere"
    if a.st_mode != b.st_mode:
        return f"mode {stat.filemode(b.st_mode)} instead of {stat.filemode(a.st_mode)}"
    if a.st_mtime_ns != b.st_mtime_ns:
        return f"time {b.st_mtime_ns} instead of {a.st_mtime_ns}"
    if owners and (a.st_uid, a.st_gid) != (b.st_uid, b.st_gid):
        return f"owner {b.st_uid}:{b.st_gid} instead of {a.st_uid}:{a.st_gid}"
    if stat.S_ISREG(a.st_mode) and not filecmp.cmp(os.fsdecode(one), os.fsdecode(two), shallow=False):
        return "another content"
    return ""


def _hard_links(entries: dict[bytes, tuple[bytes, os.stat_result]]) -> set[frozenset[bytes]]:
    """The groups of names that are hard links to one file."""
    groups = defaultdict(set)
    for name, (_path, status) in entries.items():
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            groups[status.st_dev, status.st_ino].add(name)
    return {frozenset(names) for names in groups.values()}
