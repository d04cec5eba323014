"""`tuibackup run --dry-run`: looks at the servers as a run does, tells what it would do, and changes nothing.

The exit code is what such runs would end with, as far as that can be told now.
"""

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from tuibackup.cli.answers import TerminalAnswers, present
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json, print_table, say
from tuibackup.jobs.trust import accepting
from tuibackup.parts import plain
from tuibackup.run.journal.events import EXIT_CODES
from tuibackup.run.plan import Plan, PlanSummary, describe
from tuibackup.run.rehearsal import Rehearsal, rehearse, room_fault
from tuibackup.sop import Clock, Outcome, Step, worst
from tuibackup.text import count, duration, printable, size
from tuibackup.words import _, later, ngettext

if TYPE_CHECKING:
    from tuibackup.cli.context import Context

AT_ONCE = 8  # servers looked at at the same time
FINDINGS = 20  # of one server, listed one by one


async def show(plans: tuple[Plan, ...], context: "Context", *, as_json: bool) -> int:
    """Print what the plans would do; returns the exit code."""
    config, recorder = context.config, None if context.read_only else context.recorder
    summary = await asyncio.to_thread(describe, plans, config)
    found: list[Rehearsal] = []
    if not summary.fault:  # otherwise a run would not begin
        if present():
            say(_("looking at the servers; nothing is changed"), "")
        slots = asyncio.Semaphore(AT_ONCE)
        with TerminalAnswers() as answers:

            async def look(plan: Plan) -> Rehearsal:
                async with slots:
                    told = accepting(recorder, plan.server, later("a dry run")) if recorder else None
                    return await rehearse(plan, config, answers, told)

            found = list(await asyncio.gather(*map(look, plans)))
    fault = summary.fault or await asyncio.to_thread(room_fault, config, found)
    outcomes = [one.outcome for one in found] + ([Outcome.FAILED] if fault else [])
    outcome = worst(outcomes)
    if as_json:
        print_json(_document(plans, summary, found, fault, outcome))
    else:
        _print(summary, found, fault)
    return EXIT_CODES[outcome]


def _print(summary: PlanSummary, found: list[Rehearsal], fault: str) -> None:
    for one in found:
        _print_server(one)
    if summary.free is not None and found:
        text = _("room: needs {needs}, {free} free on {path}")
        needs = f"~{size(sum(one.needs_room for one in found))}"
        print_hanging("", text.format(needs=needs, free=size(summary.free), path=summary.vault))
    if summary.bandwidth:
        print_hanging("", _("bandwidth: {rule}").format(rule=summary.bandwidth))
    for text in summary.asks:
        print_hanging("", _("will ask: {what}").format(what=text))
    for text in summary.warnings:
        print_hanging("▲ ", text)
    if fault:
        print_hanging("× ", fault)


def _print_server(one: Rehearsal) -> None:
    words = {Clock.FILES: _("files"), Clock.DATABASES: _("databases")}
    clocks = " + ".join(words[clock] for clock in Clock if clock in one.plan.clocks)
    took = f"  ~{duration(sum(one.seconds.values()))}" if _whole(one) else ""
    full = _(", full") if one.full and one.files else ""
    print_hanging("", f"{one.plan.server}  {clocks}{full}{took}")
    for note in one.notes:
        print_hanging("  ", note)
    rows = []
    for folder in one.files.folders if one.files else ():
        changed = _("{changed} to fetch, {size}").format(
            changed=count(folder.changed), size=size(folder.changed_bytes)
        )
        files = ngettext("{count} file", "{count} files", folder.files).format(count=count(folder.files))
        rows.append([f"  {folder.folder}", files, size(folder.bytes), changed])
    for database in one.databases or ():
        number = len(database.tables)
        tables = ngettext("{count} table", "{count} tables", number).format(count=count(number))
        rows.append([f"  {printable(database.name)}", tables, f"~{size(database.bytes)}", _("to dump")])
    if rows:
        print_table([_("  folder or database"), "", _("size"), ""], rows, "<>><")
    if one.files and one.files.resumed:
        text = ngettext(
            "  {files} file, {size} was already fetched by an interrupted run",
            "  {files} files, {size} were already fetched by an interrupted run",
            one.files.resumed,
        )
        print_hanging("", text.format(files=count(one.files.resumed), size=size(one.files.resumed_bytes)))
    mark = paint(MARKS["warnings"], "warnings", coloured())
    for finding in one.findings[:FINDINGS]:
        text = f"{finding.subject}: {finding.reason}"
        print_hanging(f"  {MARKS['warnings']} ", text, drawn=f"  {mark} ")
    if len(one.findings) > FINDINGS:
        print(_("  {mark} and {number} more").format(mark=mark, number=count(len(one.findings) - FINDINGS)))
    if one.error:
        sys.stdout.flush()
        say(one.error)


def _whole(one: Rehearsal) -> bool:
    """Whether the time of every step is known."""
    return not one.error and set(one.plan.steps) <= set(one.seconds)


def _document(
    plans: tuple[Plan, ...], summary: PlanSummary, found: list[Rehearsal], fault: str, outcome: Outcome
) -> dict[str, Any]:
    return {
        "plans": plain(plans),
        "servers": [_server(one) for one in found],
        "outcome": outcome.value,
        "needs-room": sum(one.needs_room for one in found) if found else summary.needs_room,
        "free": summary.free,
        "asks": list(summary.asks),
        "warnings": list(summary.warnings),
        "fault": fault,
        "bandwidth": summary.bandwidth,
    }


def _server(one: Rehearsal) -> dict[str, Any]:
    files = one.files
    return {
        "server": one.plan.server,
        "outcome": one.outcome.value,
        "error": one.error,
        "full": one.full,
        "folders": [
            {
                "folder": folder.folder,
                "files": folder.files,
                "bytes": folder.bytes,
                "changed": folder.changed,
                "changed-bytes": folder.changed_bytes,
                "fault": folder.fault,
            }
            for folder in files.folders
        ]
        if files
        else None,
        "parent": files.parent if files else None,
        "resumed": {"files": files.resumed, "bytes": files.resumed_bytes} if files else None,
        "databases": [
            {"name": printable(database.name), "tables": len(database.tables), "bytes": database.bytes}
            for database in one.databases
        ]
        if one.databases is not None
        else None,
        "needs-room": one.needs_room,
        "seconds": {step.value: round(one.seconds[step], 1) for step in Step if step in one.seconds},
        "findings": [
            {"subject": finding.subject, "reason": finding.reason, "mark": finding.mark}
            for finding in one.findings
        ],
        "notes": list(one.notes),
    }
