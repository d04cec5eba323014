"""`tuibackup copies`: the second places, what lies there, and what they lack."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuibackup.cli.columns import Shape
from tuibackup.cli.context import Context
from tuibackup.cli.output import Cell, print_json, print_table
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.overview.copies import CopyState
    from tuibackup.vault.layout import Vault


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `copies`."""
    parser.description = _(
        "Lists the copies of [copies]: where each lies, what it holds and lacks, and since when it is away."
        " Asks no place: it tells what is recorded."
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print them."""
    from tuibackup.overview.copies import copy_states

    found = copy_states(context.config, context.ledger, _vault(context) if context.config.copies else None)
    if args.json:
        print_json([one.document() for one in found])
        return 0
    if not found:
        print(_("no copy is configured"))
        return 0
    now = datetime.now(UTC)
    heads = [_("copy"), _("place"), _("snapshots"), _("size"), _("last copied"), _("remark")]
    print_table(heads, [_row(one, now) for one in found], "<<>><<", Shape(remark=5, spare=(1, 3)))
    return 0


def _vault(context: Context) -> "Vault | None":
    """None where it is lost, or not made yet: what is recorded of its copies is what is asked for then."""
    from tuibackup.cli.output import say
    from tuibackup.errors import VaultError

    try:
        return context.vault
    except VaultError as error:
        say(str(error))
        say(_("so what the copies lack is not known; tuibackup snapshots --from COPY asks one what it holds"))
        return None


def _row(one: "CopyState", now: datetime) -> list[Any]:
    from tuibackup.text import count, size, when

    return [
        one.name,
        one.place,
        count(one.held),
        size(one.bytes),
        when(one.last, now) if one.last else _("never"),
        Cell("; ".join(map(_, one.remarks(now))), "due" if one.missing or one.is_unlocked else ""),
    ]
