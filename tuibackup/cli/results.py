"""Prints what became of a snapshot: what a restore, verify or drill found, from the document of its result."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from tuibackup.cli.output import MARKS, coloured, paint, print_hanging
from tuibackup.cli.recovered import print_recovered
from tuibackup.cli.summary import Ended, print_compared, print_summary
from tuibackup.cli.waysout import print_ways_out
from tuibackup.jobs.restore.forecast_words import forecast_lines
from tuibackup.overview.ways_out import ways_out
from tuibackup.run.journal.events import JobKind
from tuibackup.text import count, duration, size, when
from tuibackup.words import _, ngettext

SHOWN = 20  # sentences of one kind that are listed here; --json and the ledger have more
NAMED = 10_000  # damaged files that are named here; --json names all

Document = Mapping[str, Any]


def print_result(job: JobKind, outcome: str, result: Document) -> None:
    """Print it for people. `outcome` is its word, `result` what the command prints with --json."""
    if job == "verify":
        _print_verified(outcome, result)
    elif job == "drill":
        _print_drilled(outcome, result)
    elif job == "recover":
        print_recovered(outcome, result)
    elif job == "retention":
        _print_retained(outcome, result)
    elif job == "hold":
        text = (
            _("{snapshot} is held: {reason}") if result["held"] else _("{snapshot} is held no more: {reason}")
        )
        _line(outcome, text.format(snapshot=result["snapshot"], reason=result["reason"]))
    elif job == "copy":
        _print_copied(outcome, result)
    elif "dry-run" in result:
        _print_forecast(outcome, result)
    elif "to" in result:
        _print_folder(outcome, result)
    elif "database" in result:
        _print_database(outcome, result)
    else:
        _print_on_server(outcome, result)


def ended_of(outcome: str, result: Document) -> Ended:
    """The snapshot or the server, its outcome, and the first thing that was wrong with it, for the summary."""
    lists = (result.get(name, ()) for name in ("problems", "differences", "gaps"))
    wrong = [*filter(None, [result.get("error")]), *chain.from_iterable(lists)]
    name = result.get("snapshot") or result.get("recovery") or result.get("server") or result["copy"]
    return Ended(name, outcome, tuple(wrong[:1]))


def print_results_summary(job: JobKind, ended: list[Ended]) -> None:
    """Print how many snapshots ended how, if there are several."""
    if job in ("restore", "recover", "retention", "hold", "copy"):
        return
    what = ngettext("{number} snapshot", "{number} snapshots", len(ended)).format(number=count(len(ended)))
    print_summary(what, ended, _("in order") if job == "verify" else "")


def _print_verified(outcome: str, result: Document) -> None:
    where = f" ({result['copy']})" if "copy" in result else ""
    _line(outcome, f"{result['snapshot']}{where}  {_files(result)}  {duration(result['seconds'])}")
    problems = result["problems"]
    for problem in problems[:SHOWN]:
        print_hanging("    ", problem)
    if len(problems) > SHOWN:
        print(_("    and {number} more").format(number=count(len(problems) - SHOWN)))
    print_ways_out(None if "copy" in result else ways_out("verify", result))


def _print_copied(outcome: str, result: Document) -> None:
    copy, spec = result["copy"], result["snapshot"]
    if "away" in result:
        since = _("{copy} is away since {time}: {why}").format(
            copy=copy, time=when(datetime.fromisoformat(result["away"]), datetime.now(UTC)), why=result["why"]
        )
        lacks = ngettext(
            "{number} snapshot goes there when it is back",
            "{number} snapshots go there when it is back",
            result["missing"],
        )
        lines = [since, lacks.format(number=count(result["missing"]))] if result["missing"] else [since]
        print_hanging("○ ", "; ".join(lines))
    elif "swept" in result:
        text = ngettext(
            "{copy}: {number} object that an interrupted copy left is removed, {size} freed",
            "{copy}: {number} objects that an interrupted copy left are removed, {size} freed",
            result["swept"],
        )
        number = count(result["swept"])
        print_hanging("  ", text.format(copy=copy, number=number, size=size(result["freed"])))
    elif result.get("removed"):
        text = _("{copy} lets {snapshot} go, {size} freed")
        print_hanging("  ", text.format(copy=copy, snapshot=spec, size=size(result["freed"])))
    else:
        way = f"{copy} → {spec}" if result.get("back") else f"{spec} → {copy}"
        sent = "" if result.get("back") else _("  ({size} sent)").format(size=size(result["sent"]))
        _line(outcome, f"{way}  {size(result['bytes'])}{sent}  {duration(result['seconds'])}")


def _print_drilled(outcome: str, result: Document) -> None:
    if error := result.get("error"):
        _line(outcome, f"{result['snapshot']}: {error}")
        return
    from tuibackup.jobs.drill.drill import amount

    where = _("in {place}").format(place=result["where"])
    _line(outcome, f"{result['snapshot']}  {amount(result)}  {where}  {duration(result['seconds'])}")
    print_compared(result["differences"], result["gaps"], result["incomparable"])
    print_ways_out(ways_out("drill", result))


def _print_retained(outcome: str, result: Document) -> None:
    gone = ngettext("{number} snapshot removed", "{number} snapshots removed", len(result["removed"]))
    amount = _("{size} freed").format(size=size(result["freed"]))
    text = f"{gone.format(number=count(len(result['removed'])))}, {amount}  {duration(result['seconds'])}"
    _line(outcome, f"{result['server']}  {text}")
    for spec in result["spared"][:SHOWN]:
        print_hanging("  ▲ ", _("{snapshot} stays: it is being read or held just now").format(snapshot=spec))


def _print_folder(outcome: str, result: Document) -> None:
    spec = result["snapshot"]
    _line(outcome, f"{spec} → {result['to']}  {_files(result)}  {duration(result['seconds'])}")
    _print_damaged(result)
    _print_problems(result)


def _print_forecast(outcome: str, result: Document) -> None:
    _line(outcome, f"{result['snapshot']} → {result['where']}")
    for text in forecast_lines(result):
        print_hanging("    ", text)


def _print_on_server(outcome: str, result: Document) -> None:
    spec = result["snapshot"]
    _line(outcome, f"{spec} → {result['into']}  {_files(result)}  {duration(result['seconds'])}")
    _print_damaged(result)
    _print_sentences("  × ", result["differences"])
    _print_problems(result)
    for gap in result["gaps"]:
        print_hanging("  ▲ ", gap)
    number = result["hashed"]
    how = (
        ngettext(
            "{number} file compared with the snapshot, by sha256sum of the server",
            "{number} files compared with the snapshot, by sha256sum of the server",
            number,
        )
        if result["compared"] == "sha256sum"
        else ngettext(
            "{number} file read back and compared with the snapshot",
            "{number} files read back and compared with the snapshot",
            number,
        )
    )
    print_hanging("    ", how.format(number=count(number)))
    if result["differences"] or result["damaged"]:
        print_hanging(
            "    ", _("the folder stays closed to others (mode 0700); nothing else was changed there")
        )
    elif result["swap"]:
        print_hanging("    ", _("to put it in the place of what is there now, on that server:"))
        for command in result["swap"]:
            print(f"      {command}")


def _print_damaged(result: Document) -> None:
    if damaged := result["damaged"]:
        lost = ngettext(
            "{number} file is damaged in the vault and did not come back; tuibackup snapshots {server} shows older"
            " snapshots that may hold it",
            "{number} files are damaged in the vault and did not come back; tuibackup snapshots {server} shows older"
            " snapshots that may hold them",
            damaged,
        )
        server = result["snapshot"].split("/")[0]
        print_hanging("  × ", lost.format(number=count(damaged), server=server))


def _print_problems(result: Document) -> None:
    """Each name once, and a reason that many have once above them: of what is damaged, everything is wanted."""
    problems = result["problems"]
    if not result["damaged"]:
        _print_sentences("  ▲ ", problems)
        return
    named: dict[str, list[str]] = {}
    for one in problems[:NAMED]:
        named.setdefault(one["reason"], []).append(one["path"])
    for reason, paths in named.items():
        if len(paths) == 1:
            print_hanging("  ▲ ", f"{paths[0]}: {reason}")
            continue
        print_hanging("  ▲ ", _("{reason}; not restored:").format(reason=reason))
        for path in paths:
            print_hanging("      ", path)
    if len(problems) > NAMED:
        print(_("  and {number} more").format(number=count(len(problems) - NAMED)))


def _print_sentences(sign: str, sentences: Sequence[Document]) -> None:
    for one in sentences[:SHOWN]:
        print_hanging(sign, f"{one['path']}: {one['reason']}")
    if len(sentences) > SHOWN:
        print(_("  and {number} more").format(number=count(len(sentences) - SHOWN)))


def _print_database(outcome: str, result: Document) -> None:
    tables = ngettext("{count} table", "{count} tables", result["tables"]).format(
        count=count(result["tables"])
    )
    rows = ngettext("{count} row", "{count} rows", result["rows"]).format(count=count(result["rows"]))
    name = result["database"] if result["table"] is None else f"{result['database']}.{result['table']}"
    text = f"{result['snapshot']}: {name} → {result['where']}"
    _line(outcome, f"{text}  {tables}, {rows}, {size(result['bytes'])}  {duration(result['seconds'])}")
    print_compared(result["differences"], result["gaps"], result["incomparable"])


def _line(outcome: str, text: str) -> None:
    mark = paint(MARKS[outcome], outcome, coloured())
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")


def _files(result: Document) -> str:
    words = ngettext("{files} file, {size}", "{files} files, {size}", result["files"])
    return words.format(files=count(result["files"]), size=size(result["bytes"]))
