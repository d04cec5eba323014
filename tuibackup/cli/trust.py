"""`tuibackup trust`: see the host keys on the way to a server, and accept them."""

import argparse

from tuibackup.cli import loop
from tuibackup.cli.answers import TerminalAnswers, present
from tuibackup.cli.context import Context
from tuibackup.cli.output import print_json, say
from tuibackup.errors import NeedsOperatorError, UnknownHostKeyError
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `trust`."""
    parser.description = _(
        "Shows the host key of a server, and of each jump host on the way, if it is not known yet, and asks"
        " whether it is right: compare it on the server's own console. A key that has changed is never accepted"
        " here."
    )
    parser.add_argument("server", metavar="SERVER")
    parser.add_argument(
        "--fingerprint",
        action="append",
        default=[],
        metavar="SHA256:…",
        help=_("accept this key and no other, without asking; may be given for each jump host too"),
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Ask about each unknown key, and print what is trusted then."""
    from tuibackup.jobs.trust import plan_trust, trust

    plan = plan_trust(context.config, args.server, args.fingerprint)
    server = plan.server.name
    try:
        with TerminalAnswers() as terminal:
            trusted = loop.run(
                trust(plan, context.config, context.recorder, terminal, lambda text: say(f"{server}: {text}"))
            )
    except UnknownHostKeyError as error:
        if plan.fingerprints or present():
            raise
        raise NeedsOperatorError(
            _("needs an operator: {text}").format(text=error.message),
            _("do this in a terminal, or name the key: --fingerprint SHA256:…"),
        ) from error
    if args.json:
        print_json(trusted.document())
    elif trusted.accepted:
        print(_("√ {server} is trusted from now on").format(server=server))
    else:
        print(_("√ every host key on the way to {server} is known").format(server=server))
    return 0
