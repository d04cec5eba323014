"""`tuibackup report`: the SOP's form, printed from the ledger, for a month, a year, a run or a restore."""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging
from tuibackup.errors import UsageError
from tuibackup.words import LANGUAGES, _

if TYPE_CHECKING:
    from tuibackup.jobs.report.make import Format, ReportPlan


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `report`."""
    parser.description = _(
        "Prints the record in the SOP's own form: of a month (default: this one) or a year the Berita Acara Hasil"
        " Backup, of a restore the Berita Acara Restore, of a run all its details. A report that goes to a file, and"
        " every PDF, is recorded in the ledger with its SHA-256."
    )
    about = parser.add_mutually_exclusive_group()
    about.add_argument("--month", metavar="MONTH", help=_("of this month: 2026-11, or last"))
    about.add_argument("--year", metavar="YEAR", help=_("of this year: 2026"))
    about.add_argument("--run", metavar="R", help=_("of this run: its id, or the beginning of one"))
    about.add_argument(
        "--restore",
        metavar="J",
        help=_("of this restore: its id, the beginning of one, or its number in the ledger"),
    )
    parser.add_argument("--server", metavar="S", help=_("only of this server"))
    parser.add_argument(
        "--format",
        choices=("html", "pdf", "csv", "md", "json"),
        help=_("default: by the ending of FILE, else md"),
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--output", type=Path, metavar="FILE", help=_("write it to this file (default: print it)")
    )
    where.add_argument(
        "--filed",
        action="store_true",
        help=_("write it below reports in the state folder, as PDF where that can be made"),
    )
    parser.add_argument("--language", choices=LANGUAGES, default="id", help=_("of the report (default: id)"))
    parser.add_argument("--date", type=_day, metavar="DATE", help=_("the day on the paper (default: today)"))
    parser.add_argument(
        "--number", default="", help=_("the number on the paper (default: a line to fill in)")
    )
    parser.add_argument("--operator", metavar="NAME", help=_("who makes it, for the record"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Make it, print or write it, record it."""
    from dataclasses import replace

    from tuibackup.jobs.recorder import Recorder
    from tuibackup.jobs.report.apart import place
    from tuibackup.jobs.report.make import make_report, record_report, refuse, write_report
    from tuibackup.run.operator import identify

    plan = _plan(args, context)
    if args.filed and not context.read_only:
        about = f"{plan.about}-{plan.server}" if plan.server else plan.about
        args.output = place(context.config, about, args.format or "")
        plan = replace(plan, format=_format(args))
    if plan.format == "pdf" and args.output is None and sys.stdout.isatty():
        raise UsageError(_("a PDF is nothing for a terminal"), _("name a file: --output report.pdf"))
    recorded = args.output is not None or args.filed or plan.format == "pdf"
    if recorded and context.read_only:
        raise UsageError(
            _("--read-only: a report that goes to a file is recorded"),
            _("leave --output out, or --read-only"),
        )
    if args.output is not None:
        refuse(args.output)
    made = make_report(context.config, context.ledger, plan)
    if recorded:
        context.recorder = Recorder(context.config, identify(args.operator, context.config.operators))
    if args.output is not None:
        write_report(made, args.output, context.recorder)
        text = _("√ {file}, SHA-256 {sum}")
        print_hanging("", text.format(file=args.output, sum=made.sum))
        return 0
    sys.stdout.flush()
    sys.stdout.buffer.write(made.content)
    if recorded:
        record_report(made, "-", context.recorder)
    return 0


def _plan(args: argparse.Namespace, context: Context) -> "ReportPlan":
    from tuibackup.jobs.report.make import ReportPlan, numbered, today
    from tuibackup.jobs.report.period import month_of, year_of

    if args.server and (args.run or args.restore):
        raise UsageError(_("a run or a restore belongs to its server already"), _("leave --server out"))
    for name in ("run", "restore"):
        if getattr(args, name) == "":
            raise UsageError(
                _("--{name} needs an id").format(name=name), _("tuibackup log --json has the ids")
            )
    day = args.date or today()
    span = None
    if not (args.run or args.restore):
        span = (
            year_of(args.year, today()) if args.year else month_of(args.month or f"{today():%Y-%m}", today())
        )
    if (
        args.server
        and args.server not in context.config.servers
        and not context.ledger.run_count(args.server)
    ):
        context.server(args.server)  # raises the error that names the nearest one
    return ReportPlan(
        format=_format(args),
        language=args.language,
        day=day,
        span=span,
        run=args.run or "",
        restore=args.restore or "",
        server=args.server or "",
        number=numbered(args.number),
    )


def _format(args: argparse.Namespace) -> "Format":
    from tuibackup.jobs.report.make import FORMATS

    if args.format:
        found: Format = args.format
        return found
    ending = args.output.suffix.lower().lstrip(".") if args.output else ""
    return next(
        (one for one in FORMATS if one == {"htm": "html", "markdown": "md"}.get(ending, ending)), "md"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        from tuibackup.text import printable

        raise UsageError(
            _('--date "{text}" is no date').format(text=printable(text)), _("write it as 2026-11-30")
        ) from None
