"""`tuibackup restore`: get files or databases out of a snapshot, into a folder or into a database server."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from tuibackup.cli import attended, fromcopy
from tuibackup.cli.approved import approved as asked
from tuibackup.cli.context import Context
from tuibackup.errors import UsageError
from tuibackup.words import _, sentence

if TYPE_CHECKING:
    from tuibackup.jobs.process.order import RestoreDatabase, RestoreFolder, RestoreOnServer
    from tuibackup.jobs.restore.approval import Approval
    from tuibackup.jobs.restore.plan import DatabasePlan, FolderPlan, ServerPlan


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `restore`."""
    parser.description = _(
        "Restores a snapshot, or some paths of it, below DIR: /var/www/siakad becomes DIR/var/www/siakad."
        " What exists there is left alone. With --into SERVER:/NEW/FOLDER files go into a new folder of a server of"
        " the configuration, and are compared there. Databases become DIR/NAME.sql, a table DIR/NAME.TABLE.sql, to be"
        " fed to mariadb; with --into a database, or one table of it, goes into the database of a server, or of this"
        " machine behind its socket, and is compared there. Exit code 3: something was left out, or nothing proves it."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help=_("absolute, as on the server; none: everything")
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="DIR")
    where.add_argument(
        "--into",
        metavar="TARGET",
        help=_("SERVER:/NEW/FOLDER for files; a server's name or the path of a socket for a database"),
    )
    parser.add_argument("--database", action="append", default=[], metavar="NAME", help=_("only this one"))
    parser.add_argument("--table", metavar="TABLE", help=_("only this table of it"))
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
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=_("say what would be written, left and replaced; change nothing"),
    )
    parser.add_argument("--approved-by", default="", metavar="NAME", help=_("who approved this restore"))
    parser.add_argument("--reason", default="", metavar="TEXT", help=_("why; both are recorded"))
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Make the plan, have it carried out, and print the result."""
    from tuibackup.cli.job import do, do_here
    from tuibackup.jobs.process.order import order
    from tuibackup.jobs.restore.plan import is_on_server

    if args.to is not None:
        if not args.to:  # as from a variable that is not set: the folder one stands in is not meant
            raise UsageError(_("--to names no folder"), _("--to . is the folder you are in"))
        args.to = Path(args.to)
    approved = asked(args, context)
    if args.source is not None:
        return _from_copy(args, context, approved)
    how = _to_folder if args.into is None else _on_server if is_on_server(args.into) else _into_database
    words, plan = how(args, context, approved)
    words = structs.replace(words, dry_run=args.dry_run)
    wanted = order(words, context.operator, server=plan.snapshot.server, what=plan.body()["detail"])
    if args.dry_run:
        return do_here(wanted, context, as_json=args.json)
    return do(wanted, context, as_json=args.json, several=False, detach=args.detach)


def _from_copy(args: argparse.Namespace, context: Context, approved: "Approval") -> int:
    """Have it restored out of a copy: what the copy holds is known only when it was asked."""
    from tuibackup.cli.job import do
    from tuibackup.jobs.process.order import Restore, RestoreDatabase, RestoreFolder, RestoreOnServer, order
    from tuibackup.jobs.restore.plan import is_on_server
    from tuibackup.vault.restore.existing import Existing

    said = fromcopy.source(args, context)
    common = {"snapshot": args.snapshot, "approval": approved, "dry_run": args.dry_run, **said}
    words: Restore
    if args.into is None:
        words = RestoreFolder(
            to=os.fsencode(args.to.expanduser().absolute()),
            paths=tuple(map(os.fsencode, args.paths)),
            databases=tuple(args.database),
            table=args.table,
            existing=Existing(args.existing),
            numeric_owner=args.numeric_owner,
            **common,
        )
    elif is_on_server(args.into):
        words = RestoreOnServer(
            into=os.fsencode(args.into),
            paths=tuple(map(os.fsencode, args.paths)),
            numeric_owner=args.numeric_owner,
            **common,
        )
    else:
        if len(args.database) != 1:
            raise UsageError(
                _("one database at a time goes into a database server"), _("name it: --database NAME")
            )
        into = str(Path(args.into).expanduser().absolute()) if "/" in args.into else args.into
        words = RestoreDatabase(
            into=os.fsencode(into),
            database=args.database[0],
            table=args.table,
            overwrite=args.existing == "always",
            **common,
        )
    what = sentence("{snapshot}, out of {copy}", snapshot=args.snapshot, copy=args.source)
    wanted = order(words, context.operator, server=args.snapshot.split("/")[0], what=what)
    return do(wanted, context, as_json=args.json, several=False, detach=args.detach)


def _on_server(
    args: argparse.Namespace, context: Context, approved: "Approval"
) -> "tuple[RestoreOnServer, ServerPlan]":
    from tuibackup.jobs.process.order import RestoreOnServer
    from tuibackup.jobs.restore.plan import plan_server

    if args.existing != "never":
        raise UsageError(
            _("--into SERVER:/NEW/FOLDER goes into a new folder: there is nothing to replace"),
            _("leave out --existing and --overwrite"),
        )
    if args.database or args.table is not None:
        raise UsageError(
            _("a database goes into a server's database, not into a folder there"),
            _("--into {server}, without a folder").format(server=args.into.partition(":")[0]),
        )
    plan = plan_server(
        context.config,
        args.snapshot,
        args.into,
        paths=args.paths,
        numeric_owner=args.numeric_owner,
        approval=approved,
    )
    words = RestoreOnServer(
        snapshot=plan.snapshot.spec,
        into=plan.into.name.encode() + b":" + plan.folder,
        paths=plan.paths,
        numeric_owner=args.numeric_owner,
        approval=approved,
    )
    return words, plan


def _to_folder(
    args: argparse.Namespace, context: Context, approved: "Approval"
) -> "tuple[RestoreFolder, FolderPlan]":
    from tuibackup.jobs.process.order import RestoreFolder
    from tuibackup.jobs.restore.plan import plan_folder
    from tuibackup.vault.restore.existing import Existing

    attended.depends_on(args.to.absolute().parent, _("the disk to restore to does not answer, {seconds} s"))
    plan = plan_folder(
        context.config,
        args.snapshot,
        args.to,
        paths=args.paths,
        databases=args.database,
        table=args.table,
        existing=Existing(args.existing),
        numeric_owner=args.numeric_owner,
        approval=approved,
    )
    words = RestoreFolder(
        snapshot=plan.snapshot.spec,  # not "latest": a run may publish one meanwhile
        to=os.fsencode(plan.to),
        paths=plan.paths,
        databases=tuple(args.database),
        table=args.table,
        existing=Existing(args.existing),
        numeric_owner=args.numeric_owner,
        approval=approved,
    )
    return words, plan


def _into_database(
    args: argparse.Namespace, context: Context, approved: "Approval"
) -> "tuple[RestoreDatabase, DatabasePlan]":
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
        approval=approved,
    )
    into = str(Path(args.into).expanduser().absolute()) if "/" in args.into else args.into
    words = RestoreDatabase(
        snapshot=plan.snapshot.spec,
        into=os.fsencode(into),
        database=plan.dump.name,
        table=args.table,
        overwrite=args.existing == "always",
        approval=approved,
    )
    return words, plan
