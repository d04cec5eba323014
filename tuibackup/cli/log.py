"""`tuibackup log`: what was done, from the ledger, the newest last (as a terminal is read)."""

import argparse
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from tuibackup.cli.context import Context
from tuibackup.cli.loglines import SHOWN, print_log
from tuibackup.cli.moment import moment
from tuibackup.cli.output import print_json_list
from tuibackup.errors import UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry

NEWEST = 200  # entries shown without --since and --all


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `log`."""
    parser.description = _("Shows what was done, from the ledger, the newest last.")
    parser.add_argument("--server", metavar="S", help=_("only of this server"))
    parser.add_argument(
        "--since", metavar="DATE", type=moment, help=_('from then on: 2026-11-01 or "2026-11-01 08:00"')
    )
    parser.add_argument(
        "--run",
        metavar="RUN",
        help=_("all of one run: needs, steps, every finding; RUN is its id, or the beginning"),
    )
    parser.add_argument("--all", action="store_true", help=_("steps, needs and seals too, and no limit"))
    parser.add_argument(
        "--kind", metavar="K", help=_("only of this kind: run, restore, config, note, seal …")
    )
    parser.add_argument("--numbers", action="store_true", help=_("with the number of each entry"))
    parser.add_argument("--json", action="store_true", help=_("every entry whole, as one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the entries; a server that is no longer configured may be named too."""
    from tuibackup.ledger.entries import WITHIN_RUNS

    ledger, everything = context.ledger, args.all or args.json
    if args.run:
        entries: Iterable[Entry] = ledger.of_run(_run(args.run, context))
    else:
        kinds = [] if everything else [kind for kind in ledger.kinds() if kind not in WITHIN_RUNS]
        if args.kind:
            kinds = [_kind(args.kind, ledger.kinds())]
        if everything or args.since:
            entries = ledger.entries(server=args.server, since=args.since, kinds=kinds)
        else:
            entries = ledger.log(NEWEST, server=args.server, kinds=kinds)[::-1]
    if args.server and args.server not in context.config.servers:
        entries = iter(entries)
        first = next(entries, None)
        if first is None:
            context.server(args.server)  # raises the error that names the nearest one
        else:
            entries = chain([first], entries)
    if args.json:
        print_json_list(map(_document, entries))
        return 0
    bound = None if args.all or args.run else SHOWN
    print_log(entries, ledger, bound, numbers=args.numbers)
    return 0


def _kind(word: str, known: list[str]) -> str:
    """The kind of that name, in English or in the language in use. Raises UsageError."""
    from tuibackup.ledger.entries import Kind
    from tuibackup.text import printable

    names = {name: kind for kind in dict.fromkeys((*map(str, Kind), *known)) for name in (kind, _(kind))}
    if word not in names:
        raise UsageError(
            _("there is no kind {word} of entries").format(word=printable(word)),
            _("choose one of: {names}").format(names=", ".join(map(str, Kind))),
        )
    return names[word]


def _run(word: str, context: Context) -> str:
    """The id of the recorded run that `word` is, or is the beginning of. Raises UsageError."""
    from tuibackup.text import printable

    found = context.ledger.runs_beginning(word)
    if word in found or len(found) == 1:
        return word if word in found else found[0]
    text = (
        _("{word} is the beginning of several runs") if found else _("there is no run {word} in the ledger")
    )
    raise UsageError(text.format(word=printable(word)), _("tuibackup log --json has the ids"))


def _document(entry: "Entry") -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "time": entry.time,
        "kind": str(entry.kind),
        "operator": entry.operator,
        "host": entry.host,
        "server": entry.server,
        "run": entry.run,
        "body": dict(entry.body),
        "prev": entry.prev,
        "hash": entry.hash,
    }
