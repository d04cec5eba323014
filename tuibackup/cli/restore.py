"""`tuibackup restore`: get files or databases out of a snapshot, into a folder or into a database server."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.cli import attended
from tuibackup.cli.context import Context
from tuibackup.errors import UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.jobs.process.order import RestoreDatabase, RestoreFolder
    from tuibackup.jobs.restore.plan import DatabasePlan, FolderPlan


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
    parser.add_argument(
        "--existing",
        choices=("never", "changed", "always"),
        default="never",
        help=_(
            "what exists already and differs: leave it (never), or replace it; always: also what is equal"
        ),
    )
    parser.add_argument(
        "--overwrite",
        dest="existing",
        action="store_const",
        const="always",
        help=_("replace what exists in DIR or TARGET"),
    )
    parser.add_argument("--numeric-owner", action="store_true", help=_("owners by number, not by name"))
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Make the plan, have it carried out, and print the result."""
    from tuibackup.cli.job import do
    from tuibackup.jobs.process.order import order

    words, plan = _into_database(args, context) if args.into is not None else _to_folder(args, context)
    wanted = order(words, context.operator, server=plan.snapshot.server, what=plan.body()["detail"])
    return do(wanted, context, as_json=args.json, several=False, detach=args.detach)


def _to_folder(args: argparse.Namespace, context: Context) -> "tuple[RestoreFolder, FolderPlan]":
    from tuibackup.jobs.process.order import RestoreFolder
    from tuibackup.jobs.restore.plan import plan_folder
    from tuibackup.vault.restore.existing import Existing

    if args.table is not None:
        raise UsageError(
            _("--table needs --into: a table goes into a database"), _("or restore the database --to DIR")
        )
    attended.depends_on(args.to.absolute().parent, _("the disk to restore to does not answer, {seconds} s"))
    plan = plan_folder(
        context.config,
        args.snapshot,
        args.to,
        paths=args.paths,
        databases=args.database,
        existing=Existing(args.existing),
        numeric_owner=args.numeric_owner,
    )
    words = RestoreFolder(
        snapshot=plan.snapshot.spec,  # not "latest": a run may publish one meanwhile
        to=os.fsencode(plan.to),
        paths=plan.paths,
        databases=tuple(args.database),
        existing=Existing(args.existing),
        numeric_owner=args.numeric_owner,
    )
    return words, plan


def _into_database(args: argparse.Namespace, context: Context) -> "tuple[RestoreDatabase, DatabasePlan]":
    from tuibackup.jobs.process.order import RestoreDatabase
    from tuibackup.jobs.restore.plan import plan_database

    if args.existing == "changed":
        raise UsageError(
            _("--existing changed: a database or table is replaced whole, or not at all"),
            _("--existing always replaces it"),
        )
    plan = plan_database(
        context.config,
        args.snapshot,
        args.into,
        paths=args.paths,
        databases=args.database,
        table=args.table,
        overwrite=args.existing == "always",
    )
    into = str(Path(args.into).expanduser().absolute()) if "/" in args.into else args.into
    words = RestoreDatabase(
        snapshot=plan.snapshot.spec,
        into=os.fsencode(into),
        database=plan.dump.name,
        table=args.table,
        overwrite=args.existing == "always",
    )
    return words, plan
