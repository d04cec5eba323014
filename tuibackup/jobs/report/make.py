"""The job: plan a report, make it, write it to a file, record its SHA-256.

A report changes nothing but the file that it is written to; that file is then known to the ledger by its hash.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from tuibackup.config import Config
from tuibackup.durable import replace_file
from tuibackup.errors import UsageError
from tuibackup.jobs.recorder import Recorder
from tuibackup.jobs.report.document import Document
from tuibackup.jobs.report.facts import Report
from tuibackup.jobs.report.gather import gather_restore, gather_run, gather_span
from tuibackup.jobs.report.pages import document
from tuibackup.jobs.report.period import Span
from tuibackup.ledger import Kind, Ledger
from tuibackup.text import printable
from tuibackup.words import sentence, speaking

Format = Literal["html", "pdf", "csv", "md", "json"]
FORMATS: tuple[Format, ...] = ("html", "pdf", "csv", "md", "json")
_LONGEST = 100  # characters of a paper's number


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """What is reported: a `span` of days, a `run` or a `restore` (one of the three), of one `server` or all ("")."""

    format: Format
    language: str
    day: date
    span: Span | None = None
    run: str = ""
    restore: str = ""
    server: str = ""
    number: str = ""

    @property
    def about(self) -> str:
        """In a word, for the record and for a file's name: "2026-11", "2026", or the id of the run or the restore."""
        if self.span is None:
            return self.run or self.restore
        return str(self.span.first.year) if self.span.whole_year else f"{self.span.first:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Made:
    """A report as a file's `content`, and its `sum`: SHA-256 in hex."""

    plan: ReportPlan
    content: bytes

    @property
    def sum(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def numbered(text: str) -> str:
    """A paper's number as somebody typed it. Raises UsageError."""
    said = text.strip()
    if len(said) > _LONGEST or not said.isprintable():
        raise UsageError(sentence("the number of a report is one short line"))
    return said


def make_report(config: Config, ledger: Ledger, plan: ReportPlan) -> Made:
    """Gather the facts and put them on paper. Raises UsageError: nothing of that name, no typst. LedgerError."""
    with speaking(plan.language):
        report = _gather(config, ledger, plan)
        if plan.format == "json":
            return Made(plan, _json(report))
        return Made(plan, _RENDERERS[plan.format]()(document(report, plan.language)))


def write_report(made: Made, path: Path, recorder: Recorder) -> str | None:
    """Write it to `path`, and record that; returns why it could not be recorded. Raises UsageError: not writable."""
    refuse(path)
    try:
        replace_file(path, made.content)
    except OSError as error:
        raise UsageError(
            sentence("{path} cannot be written: {error}", path=printable(str(path)), error=error.strerror),
            sentence("name another file with --output"),
        ) from None
    return record_report(made, str(path.absolute()), recorder)


def record_report(made: Made, where: str, recorder: Recorder) -> str | None:
    """Record that a report went to `where`, with its SHA-256; returns why it could not be recorded."""
    plan = made.plan
    body: dict[str, Any] = {
        "about": printable(plan.about),
        "format": plan.format,
        "language": plan.language,
        "file": printable(where),
        "bytes": len(made.content),
        "sha256": made.sum,
        "detail": sentence(
            "report of {about} as {format}: {file}, SHA-256 {sum}",
            about=printable(plan.about),
            format=plan.format,
            file=printable(where),
            sum=made.sum,
        ),
    }
    return recorder.record(Kind.REPORT, body, server=plan.server or None)


def refuse(path: Path) -> None:
    """UsageError where `path` is something that no report may take the place of."""
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            sentence("{path} cannot be written: {error}", path=printable(str(path)), error=error.strerror)
        ) from None
    if not stat.S_ISREG(kind):
        raise UsageError(
            sentence("{path} is no file that a report can be written to", path=printable(str(path))),
            sentence("name a file with --output"),
        )


def _gather(config: Config, ledger: Ledger, plan: ReportPlan) -> Report:
    if plan.run:
        report = gather_run(config, ledger, plan.run, plan.day)
    elif plan.restore:
        report = gather_restore(config, ledger, plan.restore, plan.day)
    else:
        assert plan.span is not None
        report = gather_span(config, ledger, plan.span, plan.day, server=plan.server)
    from msgspec.structs import replace

    return replace(report, number=plan.number)


def _json(report: Report) -> bytes:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(report, enc_hook=str), indent=2) + b"\n"


def _html() -> Callable[[Document], bytes]:
    from tuibackup.jobs.report.as_html import html

    return html


def _pdf() -> Callable[[Document], bytes]:
    from tuibackup.jobs.report.as_pdf import pdf

    return pdf


def _csv() -> Callable[[Document], bytes]:
    from tuibackup.jobs.report.as_csv import as_csv

    return as_csv


def _markdown() -> Callable[[Document], bytes]:
    from tuibackup.jobs.report.as_markdown import markdown

    return markdown


# Each imported when it is asked for.
_RENDERERS: Mapping[str, Callable[[], Callable[[Document], bytes]]] = {
    "html": _html,
    "pdf": _pdf,
    "csv": _csv,
    "md": _markdown,
}


def today() -> date:
    """The local day."""
    return datetime.now().astimezone().date()
