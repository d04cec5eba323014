"""`tuibackup drill`: restore snapshots into a scratch place, compare, and record what was found."""

import argparse
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json
from tuibackup.cli.progress import ProgressLine
from tuibackup.cli.summary import Ended, print_summary
from tuibackup.errors import VaultError
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.drill.drill import Drilled
    from tuibackup.vault.layout import Snapshot

SHOWN = 20  # sentences of each kind
_CODES = {"failed": 1, "warnings": 3, "done": 0}  # the worst first


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `drill`."""
    parser.description = _(
        "Restores a snapshot into a scratch place, compares it with what was recorded when it was made, and throws it"
        " away: databases into a throw-away mariadbd of this machine (or the empty server of [drill]), files into a"
        " folder. Of a server: the newest good snapshots of both clocks. Exit code 1: something differs; 3: something"
        " could not be proven."
    )
    parser.add_argument("what", metavar="SERVER | SNAPSHOT")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def carry_out(args: argparse.Namespace, context: Context) -> int:
    """Drill one after the other; each is an entry of the ledger."""
    from tuibackup.jobs.drill.drill import drill

    done = []
    for snapshot in _chosen(args.what, context):
        with ProgressLine(snapshot.spec) as line:
            drilled = drill(context.config, snapshot, line.update)
        done.append((drilled, _record(drilled, context)))
        if not args.json:
            _print(drilled)
    if args.json:
        print_json([{**drilled.document(), "not-recorded": fault} for drilled, fault in done])
    else:
        _sum_up([drilled for drilled, _fault in done])
    outcomes = {drilled.found.outcome.value for drilled, _fault in done}
    return next(code for outcome, code in _CODES.items() if outcome in outcomes)


def _chosen(what: str, context: Context) -> "list[Snapshot]":
    from tuibackup.sop import Clock

    vault = context.vault
    if "/" in what:
        return [vault.find(what)]
    if what not in vault.servers():
        context.server(what)
    found = [snapshot for clock in Clock if (snapshot := vault.latest(what, clock))]
    if not found:
        raise VaultError(
            _("{server}: no good snapshot to drill yet").format(server=what), _("tuibackup run makes one")
        )
    return found


def _print(drilled: "Drilled") -> None:
    from tuibackup.text import count, duration

    found, outcome = drilled.found, drilled.found.outcome.value
    mark = paint(MARKS[outcome], outcome, coloured())
    where = _("in {place}").format(place=found.where)
    text = f"{drilled.snapshot.spec}  {drilled.amount()}  {where}  {duration(drilled.seconds)}"
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")
    for sign, state, sentences in (
        ("×", "failed", found.differences),
        ("▲", "warnings", found.gaps),
        ("·", "dim", found.incomparable),
    ):
        for sentence in sentences[:SHOWN]:
            print_hanging(f"  {sign} ", sentence, drawn=f"  {paint(sign, state, coloured())} ")
        if len(sentences) > SHOWN:
            print(_("    and {number} more").format(number=count(len(sentences) - SHOWN)))


def _sum_up(done: "list[Drilled]") -> None:
    from tuibackup.text import count

    ended = [
        Ended(
            drilled.snapshot.spec,
            drilled.found.outcome.value,
            tuple([*drilled.found.differences, *drilled.found.gaps][:1]),
        )
        for drilled in done
    ]
    number = len(ended)
    what = ngettext("{number} snapshot", "{number} snapshots", number).format(number=count(number))
    print_summary(what, ended)


def _record(drilled: "Drilled", context: Context) -> str | None:
    from tuibackup.ledger.entries import Kind

    return context.recorder.record(Kind.DRILL, drilled.body(), server=drilled.snapshot.server)
