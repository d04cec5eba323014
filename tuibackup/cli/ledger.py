"""`tuibackup ledger`: check the record, take it out in a form that others can check, seal it."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.moment import moment
from tuibackup.cli.output import print_hanging, print_json, say
from tuibackup.errors import LedgerError, UsageError
from tuibackup.text import count, printable, when
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuibackup.jobs.ledger.verify import LedgerVerified
    from tuibackup.ledger.entries import Entry

VERIFY, EXPORT, SEAL = "verify", "export", "seal"


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `ledger`."""
    parser.description = _(
        "verify: reads every entry, and says which was changed, removed, inserted or lost; compares with the seals and"
        " with what the snapshots of the vault know of the ledger.\nexport: writes it as JSON Lines that anybody can"
        " check without tuibackup.\nseal: signs the newest entry, and with it all before it."
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", metavar="verify | export | seal")
    parser.add_argument(
        "--against",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help=_("verify: an export or a seal that was kept elsewhere, or a folder of them"),
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help=_("export: into a new file"))
    parser.add_argument(
        "--since", type=moment, metavar="DATE", help=_("export: only what was written from then on")
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help=_("seal: with your own SSH key, or the public half of one in an agent"),
    )
    parser.add_argument("--operator", metavar="NAME", help=_("seal: who does it, for the record"))
    parser.add_argument("--json", action="store_true", help=_("verify, seal: one JSON document"))


_OF = {VERIFY: {"against", "json"}, EXPORT: {"output", "since"}, SEAL: {"key", "operator", "json"}}


def run(args: argparse.Namespace, context: Context) -> int:
    """Do it."""
    if args.what not in _OF:
        raise UsageError(
            _("tuibackup ledger {word}: there is no such command").format(word=printable(args.what)),
            _("say verify, export or seal"),
        )
    for option in ("against", "output", "since", "key", "operator", "json"):
        if getattr(args, option) and option not in _OF[args.what]:
            raise UsageError(
                _("--{option} is no option of tuibackup ledger {word}").format(option=option, word=args.what),
                _("see {command} --help").format(command="tuibackup ledger"),
            )
    if args.what == VERIFY:
        return _verify(args, context)
    if args.what == EXPORT:
        return _export(args, context)
    return _seal(args, context)


def _verify(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.jobs.ledger.verify import verify_ledger

    recorder = None if context.read_only else context.recorder
    result = verify_ledger(context.config, recorder, against=args.against)
    if args.json:
        print_json(result.document())
    else:
        _print(result)
    return {"done": 0, "warnings": 3}.get(result.outcome, 1)


def _print(result: "LedgerVerified") -> None:
    from datetime import datetime

    from tuibackup.jobs.ledger.verify import way_out

    for problem in result.problems:
        print_hanging("× ", _(problem.text))
    if not result.entries:
        print(_("the ledger has no entry yet"))
    elif not result.problems:
        text = ngettext(
            "√ {number} entry, as it was written; head {hash}",
            "√ {number} entries, all as they were written; head {hash}",
            result.entries,
        )
        print_hanging("", text.format(number=count(result.entries), hash=result.head.hash))
    seals, snapshots, others = result.compared
    compared = [
        ngettext("{number} seal", "{number} seals", seals).format(number=count(seals)),
        ngettext("{number} snapshot", "{number} snapshots", snapshots).format(number=count(snapshots)),
    ]
    if others:
        named = ngettext("{number} entry kept elsewhere", "{number} entries kept elsewhere", others)
        compared.append(named.format(number=count(others)))
    print_hanging("  ", _("compared with {what}").format(what=" · ".join(compared)))
    for entry in result.seals:
        now = datetime.now().astimezone()
        text = _("last sealed {when} by {who} with {key}, up to entry {seq}")
        print_hanging(
            "  ",
            text.format(
                when=when(entry.moment, now),
                who=printable(entry.operator),
                key=printable(str(entry.body.get("key"))),
                seq=entry.body.get("entry"),
            ),
        )
    for name in _with_several_keys(result.seals):
        text = _(
            "{name} has sealed with more than one key: if nobody renewed it on purpose, compare with the line of"
            " allowed_signers that you keep elsewhere"
        )
        print_hanging("▲ ", text.format(name=printable(name)))
    if result.unasked:
        print_hanging("▲ ", _("the vault was not asked: {reason}").format(reason=_(result.unasked)))
    if result.problems:
        print_hanging("  ", _("what to do: {way_out}").format(way_out=_(way_out(result.problems))))


def _with_several_keys(seals: "Sequence[Entry]") -> list[str]:
    """Whose seals (the newest of each key) are of several keys: one was renewed, or another was put in its place."""
    from tuibackup.ledger.seal import Seal

    names = []
    for one in seals:
        with suppress(LedgerError):  # that it is no seal is told among the problems
            names.append(Seal(str(one.body.get("statement")), str(one.body.get("signature"))).by)
    return sorted({name for name in names if names.count(name) > 1})


def _export(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.jobs.ledger.export import export, export_to

    if args.output:
        done = export_to(context.ledger, args.output, since=args.since)
    else:
        done = export(context.ledger, sys.stdout, since=args.since)
    text = ngettext("{number} entry, head {hash}", "{number} entries, head {hash}", done.entries)
    say(text.format(number=count(done.entries), hash=done.head.hash), "")
    return 0


def _seal(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.jobs.ledger.seal import seal
    from tuibackup.ledger.seal import allowed_signer, file_of, principal
    from tuibackup.run.operator import identify
    from tuibackup.run.places import seals_folder

    if context.read_only:
        raise UsageError(
            _("--read-only: {command} would change something").format(command="tuibackup ledger seal"),
            _("leave --read-only out"),
        )
    config = context.config
    made = seal(config, identify(args.operator, config.operators), args.key)
    path = file_of(seals_folder(config), made)
    if args.json:
        print_json(
            {
                "entry": made.head.seq,
                "hash": made.head.hash,
                "time": made.time,
                "by": made.by,
                "key": made.fingerprint,
                "statement": str(path),
                "signature": f"{path}.sig",
                "allowed-signer": allowed_signer(made),
            }
        )
        return 0
    text = _("√ entry {seq} and all before it sealed by {who} with {key}")
    print_hanging("", text.format(seq=made.head.seq, who=made.by, key=made.fingerprint))
    print_hanging(
        "  ", _("keep these two elsewhere, too: {path} and {path2}").format(path=path, path2=f"{path}.sig")
    )
    print_hanging("  ", _("the key's line for allowed_signers: {line}").format(line=allowed_signer(made)))
    command = (
        f"ssh-keygen -Y verify -f {path.parent}/allowed_signers -I {principal(made.by)} -n tuibackup-ledger"
        f" -s {path}.sig < {path}"
    )
    print_hanging("  ", _("to check it: {command}").format(command=command))
    return 0
