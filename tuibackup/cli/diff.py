"""`tuibackup diff`: what differs between two snapshots. Exit codes as of diff: 0 equal, 1 different, 2 in trouble."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tuibackup.cli.columns import Shape
from tuibackup.cli.context import Context
from tuibackup.cli.output import JsonList, exact_name, print_table, say
from tuibackup.errors import TuibackupError
from tuibackup.words import _, joined

if TYPE_CHECKING:
    from tuibackup.jobs.compare_snapshots import Change, Pair, Tally
    from tuibackup.vault.index.comparison import Side

EQUAL, DIFFERENT, TROUBLE = 0, 1, 2


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `diff`."""
    parser.description = _(
        "Tells what was added, removed and changed from the first snapshot to the second one, of one server and clock."
        " Exit code 0: nothing differs; 1: something does; 2: they cannot be compared."
    )
    parser.add_argument("before", metavar="SNAPSHOT")
    parser.add_argument("after", metavar="SNAPSHOT")
    parser.add_argument(
        "only", nargs="?", metavar="PATH | DATABASE[.TABLE]", help=_("only this, and what is in it")
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the differences."""
    try:
        return _compare(args, context)
    except TuibackupError as error:  # 1 would say that they differ
        say(str(error))
        return TROUBLE


def _compare(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.jobs.compare_snapshots import Tally, compare_snapshots, plan_comparison

    pair = plan_comparison(context.vault, args.before, args.after, args.only)
    for one in (pair.before, pair.after):
        if not one.summary.whole:
            line = _("{snapshot} is not whole: what it lacks may only not have been stored")
            say(line.format(snapshot=one.spec))
    tally = Tally()
    changes = _counted(compare_snapshots(pair), tally)
    if args.json:
        _print_document(pair, changes, tally)
    else:
        words = [_("added"), _("removed"), _("changed"), _("metadata")]
        like = [[max(words, key=len), "content, time, …", "1023 KiB → 1023 KiB", "/" * 40]]
        print_table(["", "", "", ""], map(_row, changes), "<<><", Shape(name=3, spare=(1, 2)), like=like)
        print(_summary(tally))
    return EQUAL if tally.equal else DIFFERENT


def _counted(changes: "Iterator[Change]", tally: "Tally") -> "Iterator[Change]":
    for one in changes:
        tally.add(one)
        yield one


def _summary(tally: "Tally") -> str:
    from tuibackup.text import count, size

    if tally.equal:
        return _("no difference")
    number, before, after = tally.number, tally.before, tally.after
    parts = [
        _("{number} added ({size})").format(number=count(number["added"]), size=size(after["added"])),
        _("{number} removed ({size})").format(number=count(number["removed"]), size=size(before["removed"])),
        _("{number} changed ({before} → {after})").format(
            number=count(number["content"]), before=size(before["content"]), after=size(after["content"])
        ),
        _("{number} only in metadata").format(number=count(number["metadata"])),
    ]
    return joined(", ", parts)


def _row(change: "Change") -> list[str]:
    from tuibackup.text import printable, size

    words = {"added": _("added"), "removed": _("removed"), "content": _("changed"), "metadata": _("metadata")}
    before, after = (None if one is None else size(one) for one in change.sizes)
    sizes = f"{before} → {after}" if before and after and before != after else after or before or "–"
    name = printable(change.what if isinstance(change.what, bytes) else str(change.what))
    return [words[change.kind], ", ".join(map(_word, change.differs)), sizes, name]


def _word(differs: str) -> str:
    words = {
        "type": _("type"), "content": _("content"), "target": _("target"), "mode": _("mode"), "owner": _("owner"),
        "time": _("time"), "attributes": _("attributes"), "rows": _("rows"), "size": _("size"),
        "checksum": _("checksum"), "definition": _("definition"),
    }  # fmt: skip
    return words[differs]


def _print_document(pair: "Pair", changes: "Iterator[Change]", tally: "Tally") -> None:
    around = {"before": pair.before.spec, "after": pair.after.spec, "only": pair.only}
    printed = JsonList(around, "changes")
    try:
        for change in changes:
            printed.add(_document(change))
    except BaseException:
        if printed.begun:
            printed.end()
        raise
    printed.end({"summary": tally.document()})


def _document(change: "Change") -> dict[str, Any]:
    document: dict[str, Any] = {"change": change.kind, "differs": list(change.differs)}
    if isinstance(change.what, bytes):
        document |= exact_name("path", change.what)
        return document | {"before": _side(change.before), "after": _side(change.after)}
    name, sizes = change.what, change.sizes
    document |= {"kind": name.kind, "database": name.database, "name": name.name or None}
    return document | {"size-before": sizes[0], "size-after": sizes[1]}


def _side(side: "Side | None") -> dict[str, Any] | None:
    if side is None:
        return None
    document = {
        "kind": side.kind.value, "mode": f"{side.mode:04o}", "uid": side.uid, "gid": side.gid,
        **exact_name("user", side.user), **exact_name("group", side.group), "size": side.size,
        "mtime-ns": side.mtime_ns, "sha256": side.sha256.hex() if side.sha256 else None,
    }  # fmt: skip
    return document | ({} if side.target is None else exact_name("target", side.target))
