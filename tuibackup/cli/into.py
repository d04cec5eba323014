"""`tuibackup restore … --into TARGET`: a database, or a table, into a database server; recorded as every restore."""

import argparse
from typing import TYPE_CHECKING, Any

from tuibackup.cli import loop
from tuibackup.cli.answers import TerminalAnswers
from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json, say
from tuibackup.cli.progress import ProgressLine
from tuibackup.errors import InterruptedRunError, UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.jobs.restore_database import Wanted
    from tuibackup.vault.layout import Snapshot

SHOWN = 20
RECORDED = 100
_CODES = {"done": 0, "warnings": 3, "failed": 1}


def carry_out(args: argparse.Namespace, snapshot: "Snapshot", context: Context) -> int:
    """Restore, prove, print and record it, also when it failed."""
    from tuibackup.jobs import restore_database
    from tuibackup.ledger.entries import Kind

    want = _wanted(args, snapshot)
    if "/" not in args.into:
        context.server(args.into)
    what, told = _asked(want, args), context.trusting(args.into, "a restore")
    with context.recorder.attempt(Kind.RESTORE, what, server=snapshot.server):
        try:
            with ProgressLine(snapshot.spec) as line, TerminalAnswers() as terminal:
                restored = loop.run(
                    restore_database.restore_into(
                        context.config, want, args.into, terminal, say, line.update, told
                    )
                )
        except KeyboardInterrupt:
            raise InterruptedRunError(
                _("stopped; what of {name} is on {target} now may be incomplete").format(
                    name=want.name, target=args.into
                ),
                _("restore again with --overwrite"),
            ) from None
    document = restore_database.body(want, args.into, restored)
    body = {**what, **_recorded(document)}
    document["not-recorded"] = context.recorder.record(Kind.RESTORE, body, server=snapshot.server)
    if args.json:
        print_json(document)
    else:
        _print(want, document)
    return _CODES[document["outcome"]]


def _wanted(args: argparse.Namespace, snapshot: "Snapshot") -> "Wanted":
    from tuibackup.jobs.restore_database import wanted
    from tuibackup.sop import Clock

    if snapshot.clock is not Clock.DATABASES:
        raise UsageError(_("{snapshot} holds files").format(snapshot=snapshot.spec), _("use --to DIR"))
    if args.paths:
        raise UsageError(_("a databases snapshot has no paths"), _("use --database NAME"))
    if len(args.database) != 1:
        raise UsageError(_("--into restores one database at a time"), _("name it: --database NAME"))
    return wanted(snapshot, args.database[0], args.table, overwrite=args.overwrite)


def _print(want: "Wanted", document: dict[str, Any]) -> None:
    from tuibackup.text import count, duration, size
    from tuibackup.words import ngettext

    outcome = document["outcome"]
    mark = paint(MARKS[outcome], outcome, coloured())
    amount = ", ".join(
        (
            ngettext("{count} table", "{count} tables", document["tables"]).format(
                count=count(document["tables"])
            ),
            ngettext("{count} row", "{count} rows", document["rows"]).format(count=count(document["rows"])),
            size(document["bytes"]),
        )
    )
    text = (
        f"{want.snapshot.spec}: {want.name} → {document['where']}  {amount}  {duration(document['seconds'])}"
    )
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")
    for sign, state, kind in (
        ("×", "failed", "differences"),
        ("▲", "warnings", "gaps"),
        ("·", "dim", "incomparable"),
    ):
        for sentence in document[kind][:SHOWN]:
            print_hanging(f"  {sign} ", sentence, drawn=f"  {paint(sign, state, coloured())} ")
        if len(document[kind]) > SHOWN:
            print(_("  and {number} more").format(number=count(len(document[kind]) - SHOWN)))


def _asked(want: "Wanted", args: argparse.Namespace) -> dict[str, Any]:
    """What is to be restored, for the ledger."""
    from tuibackup.text import printable

    return {
        "snapshot": want.snapshot.spec,
        "database": printable(want.dump.name),
        "table": printable(want.table.name) if want.table else None,
        "into": printable(args.into),
        "overwrite": args.overwrite,
        "detail": f"{want.snapshot.spec}: {want.name} → {printable(args.into)}",
    }


def _recorded(document: dict[str, Any]) -> dict[str, Any]:
    """What came of it, for the ledger."""
    body = {key: value[:RECORDED] if isinstance(value, list) else value for key, value in document.items()}
    if document["differences"]:
        body["error"] = document["differences"][0]
    return body
