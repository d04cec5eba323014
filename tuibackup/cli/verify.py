"""`tuibackup verify`: read snapshots again, compare every hash, and record what was found."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from tuibackup.cli.context import Context
from tuibackup.cli.output import Cell, coloured, paint, print_hanging, print_json
from tuibackup.cli.progress import ProgressLine
from tuibackup.cli.summary import Ended, print_summary
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot
    from tuibackup.vault.verify import Verdict

SHOWN = 20  # problems of one snapshot that are listed here; --json and the ledger have more
RECORDED = 100


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `verify`."""
    parser.description = _(
        "Reads snapshots from the disk and compares every hash: one snapshot, all of a server, or all."
        " Exit code 1: something is damaged, or there is nothing to verify."
    )
    parser.add_argument("what", nargs="?", metavar="SERVER | SNAPSHOT")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def carry_out(args: argparse.Namespace, context: Context) -> int:
    """Verify one after the other; each is an entry of the ledger."""
    verdicts = []
    for snapshot in _chosen(args.what, context):
        began = time.monotonic()
        with ProgressLine(snapshot.spec) as line:
            from tuibackup.vault.verify import verify

            verdict = verify(snapshot, line.update)
        seconds = time.monotonic() - began
        fault = _record(snapshot, verdict, seconds, context)
        verdicts.append((snapshot, verdict, seconds, fault))
        if not args.json:
            _print(snapshot, verdict, seconds)
    if args.json:
        print_json([_document(*one) for one in verdicts])
    elif verdicts:
        _sum_up([(snapshot, verdict) for snapshot, verdict, *_rest in verdicts])
    else:
        print(_("nothing to verify: there is no snapshot yet"))
    return 0 if verdicts and all(verdict.ok for _snapshot, verdict, *_rest in verdicts) else 1


def _chosen(what: str | None, context: Context) -> "list[Snapshot]":
    vault = context.vault
    if what is None:
        return vault.snapshots()
    if "/" in what:
        return [vault.find(what)]
    if what not in vault.servers():
        context.server(what)
    return vault.snapshots(what)


def _print(snapshot: "Snapshot", verdict: "Verdict", seconds: float) -> None:
    from tuibackup.text import count, duration, size

    state, sign = ("done", "√") if verdict.ok else ("failed", "×")
    mark = paint(Cell(sign), state, coloured())
    words = ngettext("{files} file, {size}", "{files} files, {size}", verdict.files)
    amount = words.format(files=count(verdict.files), size=size(verdict.bytes))
    print_hanging(f"{sign} ", f"{snapshot.spec}  {amount}  {duration(seconds)}", drawn=f"{mark} ")
    for problem in verdict.problems[:SHOWN]:
        print_hanging("    ", problem)
    if len(verdict.problems) > SHOWN:
        print(_("    and {number} more").format(number=count(len(verdict.problems) - SHOWN)))


def _sum_up(verdicts: "list[tuple[Snapshot, Verdict]]") -> None:
    from tuibackup.text import count

    ended = [
        Ended(snapshot.spec, "done" if verdict.ok else "failed", tuple(verdict.problems[:1]))
        for snapshot, verdict in verdicts
    ]
    number = len(ended)
    what = ngettext("{number} snapshot", "{number} snapshots", number).format(number=count(number))
    print_summary(what, ended, _("in order"))


def _record(snapshot: "Snapshot", verdict: "Verdict", seconds: float, context: Context) -> str | None:
    from tuibackup.ledger.entries import Kind
    from tuibackup.text import numbered, size

    detail = f"{snapshot.spec}: {numbered(verdict.files, 'file')}, {size(verdict.bytes)}"
    body = {
        "snapshot": snapshot.spec,
        "outcome": "done" if verdict.ok else "failed",
        "seconds": round(seconds, 3),
        "files": verdict.files,
        "bytes": verdict.bytes,
        "detail": detail,
        "error": "" if verdict.ok else f"{snapshot.spec}: {verdict.problems[0]}",
        "problems": list(verdict.problems[:RECORDED]),
        "problems_total": len(verdict.problems),
    }
    return context.recorder.record(Kind.VERIFY, body, server=snapshot.server)


def _document(snapshot: "Snapshot", verdict: "Verdict", seconds: float, fault: str | None) -> dict[str, Any]:
    return {
        "snapshot": snapshot.spec,
        "ok": verdict.ok,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "seconds": round(seconds, 3),
        "problems": list(verdict.problems),
        "not-recorded": fault,
    }
