"""The ledger's entries as `tuibackup log` prints them: a row each, in full, and below it what was found."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from tuibackup.cli.columns import GAP, Shape, fit
from tuibackup.cli.output import (
    LOOKED_AT,
    MARKS,
    Cell,
    coloured,
    fitted,
    paint,
    print_hanging,
    terminal_width,
)
from tuibackup.text import cells, count, duration, printable, shown, when, wrap
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry
    from tuibackup.ledger.store import Ledger

SHOWN = 20  # findings of one entry; all with --run or --all
_LEAST = 30  # columns that a detail needs beside the others; else it stands below them
_INDENT = " " * 4
_TOOK = 4  # the column whose numbers stand to the right
_SHAPE = Shape(name=1, spare=(_TOOK, 5, 2, 0))


def print_log(
    entries: "Iterable[Entry]", ledger: "Ledger", bound: int | None, *, numbers: bool = False
) -> None:
    """A row for each entry and its findings below, `bound` of them at most. On a terminal long texts are wrapped.

    They are printed as they come: the first of them decide the columns. `numbers`: each with its own, after its time.
    """
    heads: list[str] = [
        Cell(head, "dim") for head in (_("time"), _("server"), _("what"), _("outcome"), _("took"), _("who"))
    ]
    corrections = ledger.corrections()
    entries = iter(entries)
    first = list(islice(entries, LOOKED_AT))
    room = terminal_width() if sys.stdout.isatty() else 0
    widths = fit(heads, [_row(entry, numbers=numbers) for entry in first], room or sys.maxsize, _SHAPE)
    _print(heads, Cell(_("detail"), "dim"), widths, room)
    for entry in chain(first, entries):
        _print(_row(entry, numbers=numbers), _detail(entry), widths, room)
        for mark, text in _findings(entry, ledger, bound):
            print_hanging(f"{_INDENT}{mark} ", text)
        for note in corrections.get(entry.seq, ()):
            text = _("corrected by {who} in entry {number}: {text}")
            said = printable(str(note.body.get("text") or ""))
            print_hanging(
                f"{_INDENT}→ ", text.format(who=printable(note.operator), number=note.seq, text=said)
            )


def _row(entry: "Entry", *, numbers: bool) -> list[str]:
    from tuibackup.overview.logrow import log_row

    row = log_row(entry)
    mark = MARKS.get(row.outcome, "")
    return [
        when(row.time, datetime.now().astimezone()) + (f"  {entry.seq}" if numbers else ""),
        row.server,
        _(row.kind),
        Cell(f"{mark} {_(row.outcome)}" if row.outcome else "", row.outcome),
        duration(row.seconds) if row.seconds is not None else "",
        _who(row.who, entry.body),
    ]


def _who(name: str, body: Mapping[str, Any]) -> str:
    """The operator, and beside a chosen name the account that logged in, so that it hides nobody."""
    operator = body.get("operator")
    if not isinstance(operator, Mapping) or not operator.get("chosen"):
        return name
    login = printable(str(operator.get("sudo") or operator.get("login") or ""))
    return f"{name} ({login})" if login and login != name else name


def _detail(entry: "Entry") -> str:
    from tuibackup.overview.logrow import log_row

    return log_row(entry).detail


def _findings(entry: "Entry", ledger: "Ledger", bound: int | None) -> Iterator[tuple[str, str]]:
    """The findings, a sign and a sentence each; at the end how many more there are, and where."""
    if entry.kind == "run":
        if not entry.body.get("findings"):
            return
        bodies = [one.body for one in ledger.of_run(entry.run or "") if one.kind == "step"]
    else:
        bodies = [entry.body]
    found = [one for body in bodies for one in _of_body(body)]
    total = max(len(found), sum(_total(body) for body in bodies))
    shown = found if bound is None else found[:bound]
    for sign, text in shown:
        yield sign, printable(text)
    if len(shown) < len(found) and entry.kind == "run":
        yield (
            "…",
            _("and {number} more: tuibackup log --run {run}").format(
                number=count(total - len(shown)), run=entry.run
            ),
        )
    elif len(shown) < total:
        yield "…", _("and {number} more").format(number=count(total - len(shown)))


def _of_body(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The findings of an entry's body. Another version may have written it, so nothing is taken for granted."""
    for kind, sign in (
        ("findings", "▲"),
        ("problems", "▲"),
        ("differences", "×"),
        ("gaps", "▲"),
        ("incomparable", "·"),
    ):
        listed = body.get(kind)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, Mapping):
                yield sign, f"{one.get('subject', one.get('path', ''))}: {one.get('reason', '')}"
            else:
                yield sign, str(one)


def _total(body: Mapping[str, Any]) -> int:
    totals = [
        body.get(f"{kind}_total") for kind in ("findings", "problems", "differences", "gaps", "incomparable")
    ]
    return sum(number for number in totals if isinstance(number, int))


def _print(row: Sequence[str], detail: str, widths: dict[int, int], room: int) -> None:
    parts = []
    for column, text in fitted(row, widths, _SHAPE).items():
        space, cell = " " * (widths[column] - cells(text)), row[column]
        drawn = paint(shown(text), cell.state if isinstance(cell, Cell) else "", coloured())
        parts.append(space + drawn if column == _TOOK else drawn + space)
    line = (" " * GAP).join(parts)
    before = sum(widths.values()) + GAP * len(widths)
    state = detail.state if isinstance(detail, Cell) else ""
    if not room:
        print(f"{line}  {shown(detail)}".rstrip())
    elif room - before >= _LEAST:
        first, *more = wrap(detail, room - before)
        print(f"{line}  {paint(first, state, coloured())}".rstrip())
        for text in more:
            print(" " * before + text)
    else:
        print(line.rstrip())
        if detail:
            print_hanging(_INDENT, detail)
