"""`tuibackup discover`: what a server has, and what of it no folder and no database of the configuration covers."""

import argparse
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.answers import TerminalAnswers
from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json, say
from tuibackup.text import count, printable
from tuibackup.words import _, joined, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.discover import Discovered
    from tuibackup.overview.coverage import Unprotected

SHOWN = 40  # of one kind that are listed; --json has all


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `discover`."""
    parser.description = _(
        "Looks at what the server serves (nginx, Apache, OpenLiteSpeed, panels, containers, services), which"
        " applications these are, and where their data and databases lie; and says what of it no backup holds."
        " It changes nothing there, and no password comes over the line. Exit code 3: not all could be looked at."
    )
    parser.add_argument("server", metavar="SERVER")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Look, and print what is unprotected with the way out."""
    from tuibackup.jobs.discover import discover, plan_discover
    from tuibackup.run.journal.events import EXIT_CODES

    plan = plan_discover(context.config, args.server)
    recorder = None if context.read_only else context.recorder
    server = plan.server.name
    with TerminalAnswers() as terminal:
        found = loop.run(
            discover(plan, context.config, recorder, terminal, lambda text: say(f"{server}: {text}"))
        )
    if args.json:
        print_json(found.document())
    else:
        _print(found)
    return EXIT_CODES[found.outcome]


def _print(discovered: "Discovered") -> None:
    from tuibackup.overview.unprotected import (
        accepted_words,
        counted,
        cut_words,
        elsewhere_words,
        name_of,
    )

    server, covered = discovered.plan.server.name, discovered.coverage
    found = covered.found
    web = ", ".join(found.web) or _("no web server that is known")
    folders = ngettext("{count} folder", "{count} folders", len(found.folders)).format(
        count=count(len(found.folders))
    )
    databases = ngettext("{count} database", "{count} databases", len(found.databases)).format(
        count=count(len(found.databases))
    )
    print_hanging(f"{server}  ", f"{web} · {folders} · {databases}")
    if covered.unprotected:
        number = counted(covered)
        _line("warnings", _("unprotected: {what}").format(what=number))
        for one in covered.unprotected[:SHOWN]:
            _print_one(one)
        _more(len(covered.unprotected))
    else:
        _line("done", _("all that was found is in the backup, or accepted"))
    for one in covered.accepted[:SHOWN]:
        assert one.accepted
        print_hanging("  · ", f"{name_of(one)}: {accepted_words(one.accepted)}")
    _more(len(covered.accepted))
    for database in covered.elsewhere[:SHOWN]:
        print_hanging("  · ", elsewhere_words(database))
    for text in cut_words(found):
        _line("warnings", text)
    if covered.unprotected:
        first = covered.unprotected[0]
        print()
        print_hanging(
            "", _("to add folders: u in the cockpit, or folders of [servers.{server}]").format(server=server)
        )
        print_hanging(
            "",
            _("what needs no backup: {command}").format(
                command=f"tuibackup accept {server} {quoted(first.name)} --reason TEXT"
            ),
        )


def _print_one(one: "Unprotected") -> None:
    from tuibackup.overview.unprotected import amount, name_of, used_by, why

    of = joined(" · ", filter(None, (used_by(one), amount(one))))
    print_hanging("  ", f"{name_of(one)}  {of}".rstrip())
    print_hanging("      ", why(one))
    if one.folder and one.folder.exclude:
        patterns = ", ".join(f'"{printable(pattern)}"' for pattern in one.folder.exclude)
        print_hanging("      ", _("worth leaving out: {patterns}").format(patterns=patterns))


def _line(state: str, text: str) -> None:
    print_hanging(f"{MARKS[state]} ", text, drawn=f"{paint(MARKS[state], state, coloured())} ")


def _more(number: int) -> None:
    if number > SHOWN:
        print(_("    and {number} more").format(number=count(number - SHOWN)))


def quoted(name: str) -> str:
    """A name as a word of the shell."""
    import shlex

    return shlex.quote(printable(name))
