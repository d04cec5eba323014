"""`tuibackup find`: where a name is, and which snapshots hold which version of it; the newest first, as they come."""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any

from tuibackup.cli import fromcopy
from tuibackup.cli.columns import Shape
from tuibackup.cli.context import Context
from tuibackup.cli.output import exact_name, print_json_list, print_table, say
from tuibackup.errors import UsageError
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.find import FindPlan, Found, Unsearched

FOUND, NOTHING, NOT_EVERYWHERE = 0, 1, 3
_SOON = 0.05  # seconds that a line may wait to be shown
_PATH = "/" * 40  # so wide are most paths
_TIME = "%Y-%m-%d %H:%M"


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `find`."""
    parser.description = _(
        "Finds files, folders, databases and tables by name, over all snapshots: a line for each version of a path."
        " PATTERN is a name as config.php, krs-*.pdf, akademik.nilai, or with a slash a whole path."
        " Exit code 1: nothing has that name; 3: not every snapshot can be read."
    )
    parser.add_argument("pattern", metavar="PATTERN")
    parser.add_argument("where", nargs="*", metavar="SERVER | SNAPSHOT", help=_("only there"))
    parser.add_argument("-i", "--ignore-case", action="store_true", help=_("A and a are the same"))
    parser.add_argument("--limit", type=_positive, metavar="N", help=_("end after so many lines"))
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print what is found."""
    with fromcopy.looking(args, context, None):
        return _looked(args, context)


def _looked(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.jobs.find import Unsearched, plan_find

    plan = plan_find(context.vault, args.pattern, where=args.where, ignore_case=args.ignore_case)
    told = _Told(plan, args.limit)
    if args.json:
        print_json_list(map(_document, told))
    else:
        heads = [_("newest snapshot"), _("number"), _("first"), _("size"), _("changed"), _("name")]
        specs = [history[-1].spec for history in plan.histories]
        longest = max(map(len, specs), default=0)
        like = [["/" * longest, "000", "2026-11-22T013000Z", "1023 KiB", "2026-11-22 01:30", _PATH]]
        rows = (_row(one) for one in told if not isinstance(one, Unsearched))
        if (first := next(rows, None)) is not None:
            shape = Shape(name=5, spare=(2, 4, 3, 1))
            print_table(heads, chain([first], rows), "<><><<", shape, like=like)
    if told.faults:
        return NOT_EVERYWHERE
    if not told.number:
        line = ngettext(
            "nothing is called {pattern} in {number} snapshot",
            "nothing is called {pattern} in {number} snapshots",
            plan.snapshots,
        )
        say(line.format(pattern=_clean(args.pattern), number=plan.snapshots))
        return NOTHING
    return FOUND


class _Told:
    """What is found, up to a limit, each line shown soon; a snapshot that cannot be read is said at once."""

    def __init__(self, plan: "FindPlan", limit: int | None) -> None:
        self._plan = plan
        self._limit = limit
        self.number = self.faults = 0

    def __iter__(self) -> "Iterator[Found | Unsearched]":
        from tuibackup.jobs.find import Unsearched, find

        shown = 0.0
        for one in find(self._plan):
            if isinstance(one, Unsearched):
                self.faults += 1
                say(_("{snapshot} is not searched: {reason}").format(
                    snapshot=one.snapshot.spec, reason=one.reason
                ))  # fmt: skip
                yield one
                continue
            self.number += 1
            yield one
            if self.number == self._limit:
                return
            if monotonic() - shown > _SOON:
                sys.stdout.flush()
                shown = monotonic()


def _row(found: "Found") -> list[str]:
    from tuibackup.jobs.stored_names import Name, Stored
    from tuibackup.text import printable, size
    from tuibackup.vault.index.search import Seen

    newest, first = found.snapshots[-1], found.snapshots[0]
    row = [newest.spec, str(len(found.snapshots)), first.name]
    match found.what, found.seen:
        case Name() as name, Stored() as stored:
            kind = "" if name.kind == "table" else f" ({_word(name.kind)})"
            amount = "–" if stored.size is None else size(stored.size)
            row += [amount, "–", printable(str(name)) + kind]
        case bytes() as path, Seen() as seen:
            text = printable(path) + ("/" if seen.kind == "d" and path != b"/" else "")
            text += "" if seen.target is None else f" → {printable(seen.target)}"
            changed = datetime.fromtimestamp(seen.mtime_ns // 10**9, UTC).astimezone()
            row += [size(seen.size) if seen.kind == "f" else "–", f"{changed:{_TIME}}", text]
    return row


def _word(kind: str) -> str:
    match kind:
        case "database":
            return _("database")
        case "trigger":
            return _("trigger")
        case "routine":
            return _("routine")
        case "event":
            return _("event")
        case "sequence":
            return _("sequence")
        case _:
            return _("view")


def _document(found: "Found | Unsearched") -> dict[str, Any]:
    from tuibackup.jobs.find import Unsearched
    from tuibackup.jobs.stored_names import Name, Stored
    from tuibackup.vault.index.search import Seen

    if isinstance(found, Unsearched):
        return {"snapshot": found.snapshot.spec, "error": found.reason}
    document: dict[str, Any] = {"server": found.snapshots[0].server}
    match found.what, found.seen:
        case Name() as name, Stored() as stored:
            document |= {"kind": name.kind, "database": name.database, "name": name.name or None}
            document |= {"size": stored.size, "rows": stored.rows}
        case bytes() as path, Seen() as seen:
            document |= {"kind": seen.kind.value, **exact_name("path", path)}
            document |= {"size": seen.size, "mtime-ns": seen.mtime_ns}
            document["sha256"] = seen.sha256.hex() if seen.sha256 else None
            document |= {} if seen.target is None else exact_name("target", seen.target)
    return document | {"snapshots": [one.spec for one in found.snapshots]}


def _positive(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise UsageError(_("--limit {word} is no number of lines").format(word=_clean(word)))
    return int(word)


def _clean(text: str) -> str:
    from tuibackup.text import printable

    return printable(text)
