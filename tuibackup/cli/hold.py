"""`tuibackup hold`: keep a snapshot, whatever the rules of retention say."""

import argparse
from datetime import date

from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging, print_json
from tuibackup.errors import UsageError
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `hold`."""
    parser.description = _(
        "Holds a snapshot, with everything that it points into: nothing removes it until somebody releases it. After"
        " --until it is still held, and said to be past its end."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument("--reason", required=True, metavar="TEXT", help=_("why; it is recorded"))
    parser.add_argument("--until", metavar="DATE", help=_("its end, such as 2027-01-31; default: none"))
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Hold it, and say so."""
    from tuibackup.jobs.hold import hold

    context.require_disk()
    done = hold(context.config, args.snapshot, args.reason, _day(args.until), context.recorder)
    if args.json:
        print_json(done.document())
        return 0
    text = (
        _("√ {snapshot} is held: {reason}")
        if done.until is None
        else _("√ {snapshot} is held until {day}: {reason}")
    )
    print_hanging("", text.format(snapshot=done.snapshot, reason=done.reason, day=done.until))
    return 0


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            _("--until {text}: is no date").format(text=text), _("write it as 2027-01-31")
        ) from None
