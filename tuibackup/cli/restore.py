"""`tuibackup restore`: get files or databases out of a snapshot, into a folder or into a database server."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.answers import TerminalAnswers
from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json, say
from tuibackup.cli.progress import ProgressLine
from tuibackup.cli.summary import print_compared
from tuibackup.errors import UsageError
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.restore.database import RestoredDatabase
    from tuibackup.jobs.restore.folder import RestoredFolder

SHOWN = 20


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `restore`."""
    parser.description = _(
        "Restores a snapshot, or some paths of it, below DIR: /var/www/siakad becomes DIR/var/www/siakad."
        " What exists there is left alone. Databases become DIR/NAME.sql, to be fed to mariadb; with --into a"
        " database, or one table of it, goes into the database of a server of the configuration, or of this machine"
        " behind its socket, and is compared there. Exit code 3: something was left out, or nothing proves it."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help=_("absolute, as on the server; none: everything")
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, metavar="DIR")
    where.add_argument("--into", metavar="TARGET", help=_("a server's name, or the path of a socket"))
    parser.add_argument("--database", action="append", default=[], metavar="NAME", help=_("only this one"))
    parser.add_argument("--table", metavar="TABLE", help=_("only this table of it (with --into)"))
    parser.add_argument("--overwrite", action="store_true", help=_("replace what exists in DIR or TARGET"))
    parser.add_argument("--numeric-owner", action="store_true", help=_("owners by number, not by name"))
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Restore, and print the result."""
    from tuibackup.run.journal.events import EXIT_CODES

    done = _into_database(args, context) if args.into is not None else _to_folder(args, context)
    if args.json:
        print_json(done.document())
    return EXIT_CODES[done.outcome]


def _to_folder(args: argparse.Namespace, context: Context) -> "RestoredFolder":
    from tuibackup.jobs.restore.folder import restore_to_folder
    from tuibackup.jobs.restore.plan import plan_folder

    if args.table is not None:
        raise UsageError(
            _("--table needs --into: a table goes into a database"), _("or restore the database --to DIR")
        )
    plan = plan_folder(
        context.config,
        args.snapshot,
        args.to,
        paths=args.paths,
        databases=args.database,
        overwrite=args.overwrite,
        numeric_owner=args.numeric_owner,
    )
    with ProgressLine(plan.snapshot.spec) as line:
        done = restore_to_folder(plan, context.recorder, line.update)
    if not args.json:
        _print_folder(done)
    return done


def _into_database(args: argparse.Namespace, context: Context) -> "RestoredDatabase":
    from tuibackup.jobs.restore.database import restore_into_database
    from tuibackup.jobs.restore.plan import plan_database

    plan = plan_database(
        context.config,
        args.snapshot,
        args.into,
        paths=args.paths,
        databases=args.database,
        table=args.table,
        overwrite=args.overwrite,
    )
    with ProgressLine(plan.snapshot.spec) as line, TerminalAnswers() as terminal:
        done = loop.run(
            restore_into_database(plan, context.config, context.recorder, terminal, say, line.update)
        )
    if not args.json:
        _print_database(done)
    return done


def _print_folder(done: "RestoredFolder") -> None:
    from tuibackup.text import count, duration, size

    outcome, restored, spec = done.outcome.value, done.restored, done.plan.snapshot.spec
    mark = paint(MARKS[outcome], outcome, coloured())
    words = ngettext("{files} file, {size}", "{files} files, {size}", restored.files)
    amount = words.format(files=count(restored.files), size=size(restored.bytes))
    text = f"{spec} → {done.plan.to}  {amount}  {duration(done.seconds)}"
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")
    if damaged := restored.damaged:
        lost = ngettext(
            "{number} file is damaged in the vault and did not come back; tuibackup snapshots {server} shows older"
            " snapshots that may hold it",
            "{number} files are damaged in the vault and did not come back; tuibackup snapshots {server} shows older"
            " snapshots that may hold them",
            damaged,
        )
        print_hanging("  × ", lost.format(number=count(damaged), server=done.plan.snapshot.server))
    for path, reason in restored.problems[:SHOWN]:
        print_hanging("  ▲ ", f"{path}: {reason}")
    if len(restored.problems) > SHOWN:
        print(_("  and {number} more").format(number=count(len(restored.problems) - SHOWN)))


def _print_database(done: "RestoredDatabase") -> None:
    from tuibackup.text import count, duration, size

    outcome, loaded, compared = done.outcome.value, done.loaded, done.loaded.compared
    mark = paint(MARKS[outcome], outcome, coloured())
    tables = ngettext("{count} table", "{count} tables", compared.tables).format(count=count(compared.tables))
    rows = ngettext("{count} row", "{count} rows", compared.rows).format(count=count(compared.rows))
    text = (
        f"{done.plan.snapshot.spec}: {done.plan.name} → {loaded.where}"
        f"  {tables}, {rows}, {size(loaded.bytes)}  {duration(done.seconds)}"
    )
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")
    print_compared(compared.differences, done.gaps, compared.incomparable)
