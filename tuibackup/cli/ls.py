"""`tuibackup ls`: what a snapshot holds, folder by folder, from its index alone."""

import argparse
import os
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from tuibackup.cli import fromcopy
from tuibackup.cli.columns import GAP, Shape, fit, line
from tuibackup.cli.context import Context
from tuibackup.cli.output import (
    exact_name,
    print_hanging,
    print_json,
    print_json_list,
    print_table,
    terminal_width,
)
from tuibackup.errors import UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.vault.index.read import IndexEntry
    from tuibackup.vault.layout import Snapshot

_LOOKED_AT = 1000  # entries by whose names the columns are laid out
_AMOUNT = 3  # the column of sizes
_TYPES = {
    "f": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK, "p": stat.S_IFIFO, "s": stat.S_IFSOCK,
    "b": stat.S_IFBLK, "c": stat.S_IFCHR,
}  # fmt: skip


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `ls`."""
    parser.description = _(
        "Lists a folder of a files snapshot, or the databases of a databases snapshot."
        " SNAPSHOT is SERVER/files/latest or SERVER/databases/2026-11-22T013512Z."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument("path", nargs="?", metavar="PATH", help=_("absolute, as on the server"))
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the listing."""
    with fromcopy.looking(args, context, args.snapshot) as spec:
        args.snapshot = spec
        return _looked(args, context)


def _looked(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.sop import Clock

    snapshot = context.vault.find(args.snapshot)
    if hold := context.holds(snapshot.server).get(snapshot.spec):
        print_hanging("", _(hold.words(datetime.now().astimezone().date())), stream=sys.stderr)
    if snapshot.clock is Clock.DATABASES:
        return _databases(snapshot, args)
    return _files(snapshot, args)


def _databases(snapshot: "Snapshot", args: argparse.Namespace) -> int:
    from tuibackup.parts import plain
    from tuibackup.text import count, size

    found = [one for one in snapshot.summary.databases if args.path in (None, one.name)]
    if args.path and not found:
        raise UsageError(
            _("{snapshot} has no database {name}").format(snapshot=snapshot.spec, name=_clean(args.path)),
            _("tuibackup ls {snapshot} lists them").format(snapshot=snapshot.spec),
        )
    if args.json:
        print_json({"snapshot": snapshot.spec, "databases": plain(found)})
        return 0
    heads = [_("database"), _("tables"), _("rows"), _("SQL"), _("on disk"), _("remark")]
    rows = [
        [
            one.name,
            count(one.tables),
            count(one.rows),
            size(one.bytes),
            size(one.stored_bytes),
            "" if one.whole else _("not whole"),
        ]
        for one in found
    ]
    print_table(heads, rows, "<>>>><", Shape(remark=5, spare=(3, 1, 2, 4)))
    return 0


def _files(snapshot: "Snapshot", args: argparse.Namespace) -> int:
    from tuibackup.vault.index.read import Index
    from tuibackup.vault.index.schema import FILE_NAME

    path = os.fsencode(args.path) if args.path else b""
    with Index(snapshot.path / FILE_NAME) as index:
        listed = _listing(index.listing(path), index.get(path) if path else None)
        if listed is None:
            raise UsageError(
                _("{snapshot} has no {path}").format(snapshot=snapshot.spec, path=_clean(args.path)),
                _("tuibackup ls {snapshot} shows its folders").format(snapshot=snapshot.spec),
            )
        if args.json:
            print_json_list(map(_document, listed), {"snapshot": snapshot.spec}, "entries")
            return 0
        first = list(islice(listed, _LOOKED_AT))
        lines = _Lines(first, whole=not path)
        for entry in chain(first, listed):
            # Line by line: a folder may hold a million names.
            print(lines.of(entry))
    return 0


def _listing(children: "Iterator[IndexEntry]", itself: "IndexEntry | None") -> "Iterator[IndexEntry] | None":
    """What to list: a folder's content, or the file itself; None if nothing has that name."""
    if itself is not None and itself.entry.kind.value != "d":
        return iter([itself])
    first = next(children, None)
    if first is None:
        return iter([]) if itself is not None else None

    def chain() -> "Iterator[IndexEntry]":
        yield first
        yield from children

    return chain()


class _Lines:
    """The lines of a listing, alike in their columns; on a terminal the names of the `first` entries decide what else
    there is room for."""

    _HEADS = ("", "", "", "", "", "")
    _SHAPE = Shape(name=5, spare=(2, 1, 4, 3))

    def __init__(self, first: "list[IndexEntry]", *, whole: bool) -> None:
        self._whole = whole
        room = terminal_width() if sys.stdout.isatty() else sys.maxsize
        self._widths = fit(self._HEADS, [self._row(one) for one in first], room, self._SHAPE)
        self._cut = room != sys.maxsize

    def of(self, found: "IndexEntry") -> str:
        from tuibackup.text import cells

        row = self._row(found)
        shown = line(row, self._widths, self._SHAPE) if self._cut else dict(enumerate(row))
        parts = []
        for column, text in shown.items():
            space = " " * (self._widths[column] - cells(text))
            parts.append(space + text if column == _AMOUNT else text + space)
        return (" " * GAP).join(parts).rstrip()

    def _row(self, found: "IndexEntry") -> list[str]:
        from tuibackup.text import count, printable

        entry = found.entry
        kind = entry.kind.value
        changed = datetime.fromtimestamp(entry.mtime_ns // 10**9, UTC).astimezone()
        name = printable(found.path if self._whole else found.path.rpartition(b"/")[2])
        return [
            stat.filemode(_TYPES[kind] | entry.mode),
            printable(entry.user or str(entry.uid).encode()),
            printable(entry.group or str(entry.gid).encode()),
            count(entry.size) if kind == "f" else "–",
            f"{changed:%Y-%m-%d %H:%M}",
            name + (f" → {printable(entry.target)}" if entry.target is not None else ""),
        ]


def _document(found: "IndexEntry") -> dict[str, Any]:
    entry = found.entry
    document: dict[str, Any] = {
        **exact_name("path", found.path),
        "kind": entry.kind.value,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        **exact_name("user", entry.user),
        **exact_name("group", entry.group),
        "size": entry.size,
        "mtime-ns": entry.mtime_ns,
        "sha256": found.member.sha256.hex() if found.member else None,
    }
    if entry.target is not None:
        document.update(exact_name("target", entry.target))
    return document


def _clean(text: str) -> str:
    from tuibackup.text import printable

    return printable(os.fsencode(text) if sys.getfilesystemencoding() == "utf-8" else text)
