"""`tuibackup restore`: get files or databases out of a snapshot into a local folder, and record it.

Into a database server: see `into`.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuibackup.cli import into
from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json
from tuibackup.cli.progress import ProgressLine
from tuibackup.errors import UsageError
from tuibackup.progress import Progress
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot
    from tuibackup.vault.restore.files import Restored

SHOWN = 20
RECORDED = 100
_CODES = {"done": 0, "warnings": 3, "failed": 1}


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `restore`."""
    parser.description = _(
        "Restores a snapshot, or some paths of it, below DIR: /var/www/siakad becomes DIR/var/www/siakad."
        " What exists there is left alone. Databases become DIR/NAME.sql, to be fed to mariadb; with --into a"
        " database, or one table of it, goes into the database of a server of the configuration, or of this machine"
        " behind its socket, and is compared there. Exit code 3: something was left out, or nothing proves it."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help=_("absolute, as on the server; none: everything")
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, metavar="DIR")
    where.add_argument("--into", metavar="TARGET", help=_("a server's name, or the path of a socket"))
    parser.add_argument("--database", action="append", default=[], metavar="NAME", help=_("only this one"))
    parser.add_argument("--table", metavar="TABLE", help=_("only this table of it (with --into)"))
    parser.add_argument("--overwrite", action="store_true", help=_("replace what exists in DIR or TARGET"))
    parser.add_argument("--numeric-owner", action="store_true", help=_("owners by number, not by name"))
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def carry_out(args: argparse.Namespace, context: Context) -> int:
    """Restore, print what came out, and record it, also when it failed."""
    from tuibackup.ledger.entries import Kind

    snapshot = context.vault.find(args.snapshot)
    if args.into is not None:
        return into.carry_out(args, snapshot, context)
    if args.table is not None:
        raise UsageError(
            _("--table needs --into: a table goes into a database"), _("or restore the database --to DIR")
        )
    target = Path(os.path.abspath(args.to.expanduser()))
    began = time.monotonic()
    what = _asked(snapshot, args, target)
    with (
        context.recorder.attempt(Kind.RESTORE, what, server=snapshot.server),
        ProgressLine(snapshot.spec) as line,
    ):
        restored = _restore(snapshot, args, target, line.update)
    outcome = _outcome(restored)
    document = _document(snapshot, target, restored, outcome, round(time.monotonic() - began, 3))
    body = {**what, **_recorded(what, document)}
    document["not-recorded"] = context.recorder.record(Kind.RESTORE, body, server=snapshot.server)
    if args.json:
        print_json(document)
    else:
        _print(document)
    return _CODES[outcome]


def _restore(
    snapshot: "Snapshot", args: argparse.Namespace, target: Path, on_progress: Callable[[Progress], None]
) -> "Restored":
    from tuibackup.sop import Clock
    from tuibackup.vault.restore.files import restore_dumps, restore_files

    if snapshot.clock is Clock.DATABASES:
        if args.paths:
            raise UsageError(_("a databases snapshot has no paths"), _("use --database NAME"))
        return restore_dumps(
            snapshot, args.database, target, overwrite=args.overwrite, on_progress=on_progress
        )
    if args.database:
        raise UsageError(_("{snapshot} holds files").format(snapshot=snapshot.spec), _("name paths instead"))
    relative = [path for path in args.paths if not path.startswith("/")]
    if relative:
        raise UsageError(
            _("{path}: paths are absolute, as on the server").format(path=relative[0]),
            _("tuibackup ls {snapshot} shows them").format(snapshot=snapshot.spec),
        )
    return restore_files(
        snapshot,
        [os.fsencode(path) for path in args.paths],
        target,
        overwrite=args.overwrite,
        numeric_owner=args.numeric_owner,
        on_progress=on_progress,
    )


def _outcome(restored: "Restored") -> str:
    """A snapshot that cannot give what it holds has failed, however much else came."""
    if restored.damaged:
        return "failed"
    if not restored.problems:
        return "done"
    return "warnings" if restored.files or restored.folders or restored.links else "failed"


def _document(
    snapshot: "Snapshot", target: Path, restored: "Restored", outcome: str, seconds: float
) -> dict[str, Any]:
    return {
        "snapshot": snapshot.spec,
        "to": str(target),
        "outcome": outcome,
        "files": restored.files,
        "folders": restored.folders,
        "links": restored.links,
        "bytes": restored.bytes,
        "seconds": seconds,
        "problems": [{"path": path, "reason": reason} for path, reason in restored.problems],
        "damaged": restored.damaged,
    }


def _print(document: dict[str, Any]) -> None:
    from tuibackup.text import count, duration, size

    outcome, problems = document["outcome"], document["problems"]
    mark = paint(MARKS[outcome], outcome, coloured())
    words = ngettext("{files} file, {size}", "{files} files, {size}", document["files"])
    amount = words.format(files=count(document["files"]), size=size(document["bytes"]))
    text = f"{document['snapshot']} → {document['to']}  {amount}  {duration(document['seconds'])}"
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")
    if damaged := document["damaged"]:
        lost = ngettext(
            "{number} file is damaged in the vault and did not come back; tuibackup snapshots {server} shows older"
            " snapshots that may hold it",
            "{number} files are damaged in the vault and did not come back; tuibackup snapshots {server} shows older"
            " snapshots that may hold them",
            damaged,
        )
        server = document["snapshot"].partition("/")[0]
        print_hanging("  × ", lost.format(number=count(damaged), server=server))
    for problem in problems[:SHOWN]:
        print_hanging("  ▲ ", f"{problem['path']}: {problem['reason']}")
    if len(problems) > SHOWN:
        print(_("  and {number} more").format(number=count(len(problems) - SHOWN)))


def _asked(snapshot: "Snapshot", args: argparse.Namespace, target: Path) -> dict[str, Any]:
    """What is to be restored, for the ledger."""
    from tuibackup.text import printable

    what = [printable(os.fsencode(path)) for path in args.paths] or list(args.database)
    return {
        "snapshot": snapshot.spec,
        "to": printable(str(target)),
        "paths": what[:RECORDED],
        "paths_total": len(what),
        "overwrite": args.overwrite,
        "detail": f"{snapshot.spec} → {printable(str(target))}",
    }


def _recorded(what: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """What came of it, for the ledger."""
    from tuibackup.text import count, size

    files, problems = document["files"], document["problems"]
    detail = (
        f"{what['detail']}: {count(files)} {'file' if files == 1 else 'files'}, {size(document['bytes'])}"
    )
    if problems:
        detail += f", {count(len(problems))} not restored"
    return {
        **document,
        "to": what["to"],
        "problems": problems[:RECORDED],
        "problems_total": len(problems),
        "detail": detail,
    }
