"""`tuibackup add`: a server is set up by questions, each answer tried at once."""

import argparse

from tuibackup.cli import guided
from tuibackup.cli.context import Context
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `add`."""
    parser.description = _(
        "Asks for a server, tries every answer at once, writes config.toml, and offers a first backup. Nothing is"
        " written before the last question. An option answers its question beforehand."
    )
    parser.add_argument("host", nargs="?", metavar="[USER@]HOST[:PORT]")
    parser.add_argument("--name", metavar="NAME", help=_("what it is called on the command line"))
    parser.add_argument("--label", metavar="TEXT", help=_("what people call it"))
    parser.add_argument("--user", metavar="USER", help=_("the account at the server"))
    parser.add_argument("--jump", metavar="HOST", help=_("a jump host on the way, [USER@]HOST[:PORT]"))
    parser.add_argument(
        "--folder", action="append", default=[], metavar="PATH", help=_("may be given several times")
    )
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help=_("likewise"))
    parser.add_argument("--database", metavar="PLACE", help=_("the path of its socket, HOST:PORT, or: no"))
    parser.add_argument(
        "--vault", metavar="DIR", help=_("the folder of the backup disk, if there is no configuration")
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Ask, write, check; back up, if that is wanted."""
    from tuibackup.jobs.setup.guide import adding, begin

    begun = begin(context.config_path)
    context.use(begun.config)
    presets = _presets(args)
    return guided.guide(
        lambda answers, note: adding(begun, context.recorder, answers, note, presets), context
    )


def _presets(args: argparse.Namespace) -> dict[str, str]:
    from tuibackup.jobs.setup.folders import written

    found = {name: getattr(args, name) for name in ("name", "label", "user", "database", "vault")}
    if args.host:
        found["host"] = args.host + (f" via {args.jump}" if args.jump else "")
    found["folders"] = written(args.folder)
    found["exclude"] = written(args.exclude)
    return {step: answer for step, answer in found.items() if answer}
