"""`tuibackup notify`: tell people by mail and otherwise how the backups stand; or try whether that works."""

import argparse
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging, print_json
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.words import _, sentence

if TYPE_CHECKING:
    from tuibackup.jobs.notify.tell import Sent


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `notify`."""
    parser.description = _(
        "Looks at everything and tells, on every way that [notify] in config.toml names, what is new since it was told"
        " last, what could not be sent before, and the summary when it is time. Runs do this by themselves when they"
        " end; a timer calls it every hour. Exit code 1: something could not be sent; it is tried again."
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--test", action="store_true", help=_("send a test on every way"))
    how.add_argument("--summary", action="store_true", help=_("send the summary now"))
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Tell, and print what became of it."""
    from tuibackup.jobs.notify import tell

    settings = context.config.notify
    if (args.test or args.summary) and not settings.tells:
        raise UsageError(
            _("{file}: [notify] names nobody who is told").format(file=context.config.source),
            _("add mail, post, post_file or apprise_file there"),
        )
    try:
        if args.test:
            sent = tell.test(context.config, context.operator.name)
        else:
            sent, _waits = tell.tell(context.config, tell.Wish(summary=args.summary, eager=True))
    except OSError as error:
        raise TuibackupError(
            sentence(
                "the queue of messages cannot be used: {path}: {error}",
                path=error.filename,
                error=error.strerror,
            )
        ) from error
    if args.json:
        print_json([{"way": one.way, "what": one.what, "error": one.error, "said": one.said} for one in sent])
    else:
        for one in sent:
            print_hanging("", _line(one))
        if not sent:
            print(
                _("nothing to tell") if settings.tells else _("[notify] names nobody who is told"), flush=True
            )
    return 1 if any(one.error for one in sent) else 0


def _line(one: "Sent") -> str:
    if one.error:
        return _("× {way}: not sent: {error}").format(way=one.way, error=one.error)
    what = {
        "news": _("the news"),
        "summary": _("the summary"),
        "test": _("a test"),
        "heartbeat": _("the heartbeat"),
        "metrics": _("the figures"),
    }[one.what]
    if one.what == "metrics":
        return _("√ {way}: written").format(way=one.way)
    if one.said:
        return _("▲ {way}: sent {what}; {said}").format(way=one.way, what=what, said=one.said)
    return _("√ {way}: sent {what}").format(way=one.way, what=what)
