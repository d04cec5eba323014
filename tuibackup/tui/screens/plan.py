"""The plan: which servers and clocks, how long and how much it will be, what will be asked. Enter starts it.

The plans themselves are made by `run.plan`; this screen only chooses and shows.
"""

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.overview.picture import ServerRow, clock_word, days, state_word
from tuibackup.run.plan import Plan, PlanSummary, commands
from tuibackup.sop import Clock, Standing
from tuibackup.text import cells, duration, printable, size
from tuibackup.tui import symbols
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.lines import Line, Span, cut, left, right, wrapped
from tuibackup.tui.panes.steps import step_word
from tuibackup.tui.screens.dialog import Planned
from tuibackup.words import _, joined, ngettext

Wants = Mapping[str, frozenset[Clock]]
_FIGURES = 19  # cells of how long and how much a server's backup will be
Again = Mapping[str, Mapping[Clock, str]]  # why clocks are tried again
Planner = Callable[[Wants, bool], tuple[tuple[Plan, ...], PlanSummary]]


@dataclass(frozen=True, slots=True)
class Draft:
    """The planner's result for the present choice."""

    plans: tuple[Plan, ...]
    summary: PlanSummary


@dataclass(frozen=True, slots=True)
class _Table:
    """Cells of a name and of a clock's state, and what stands in front of that. `double`: two lines a server."""

    name: int
    state: int
    words: dict[Clock, str]
    figures: bool
    double: bool = False


class PlanScreen(Planned[tuple[Plan, ...]]):
    """Returns the plans to start; None when closed. `planner` blocks (it reads the ledger) and runs in a thread."""

    kind = "plan"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plan")]
    wide = 116

    def __init__(
        self,
        rows: list[ServerRow],
        config: Config,
        planner: Planner,
        again: Again | None = None,
        hidden: Sequence[str] = (),
    ) -> None:
        """With `again` only its clocks are chosen at first. `hidden`: servers that the filter hides."""
        super().__init__()
        self._hidden = hidden
        self._rows = rows
        self._config = config
        self._planner = planner
        self._all = {row.name: _clocks(row) for row in rows}
        self._again = again or {}
        self.chosen: dict[str, set[Clock]] = {
            name: set(self._again.get(name, clocks)) & clocks for name, clocks in self._all.items()
        }
        self.full = False
        self._dry = False
        self._row = self._column = 0
        self._draft: Draft | None = None
        self._fault = ""
        self._starting = False

    def on_mount(self) -> None:
        super().on_mount()
        self._think()

    @property
    def wants(self) -> dict[str, frozenset[Clock]]:
        """What is ticked."""
        return {name: frozenset(clocks) for name, clocks in self.chosen.items() if clocks}

    @property
    def command(self) -> str:
        found = commands(self._config, self._draft.plans) if self._draft else ()
        return "\n".join(shlex.join(("tuibackup", *words)) for words in found)

    def _think(self) -> None:
        self._draft = None
        number = len(self.wants)
        self.title_text = ngettext("Back up {count} server", "Back up {count} servers", number).format(
            count=number
        )
        self.draw()
        self.run_worker(self._make(), group="plan", exclusive=True)

    async def _make(self) -> None:
        wants = self.wants
        self._fault = ""
        if wants:
            try:
                self._draft = Draft(*await asyncio.to_thread(self._planner, wants, self.full))
            except TuibackupError as error:
                self._fault = str(error)
        self.draw()
        if self._starting:
            self._starting = False
            self.action_start()

    def lines(self, room: int) -> list[Line]:
        plans = {plan.server: plan for plan in self._draft.plans} if self._draft else {}
        lines: list[Line] = []
        for number, row in enumerate(self._rows):
            lines += self._lines_of(number, row, plans.get(row.name), room)
        if self._hidden:
            text = _("hidden by the filter, and marked before: {servers}").format(
                servers=", ".join(self._hidden)
            )
            lines += [(), *wrapped(f"{symbols.WARNINGS} {text}", room, 4, "warnings")]
        lines += self._reasons(room)
        lines += self._summary(room)
        if self._dry:
            lines += self._dry_run(room)
        if self.command:
            lines += [(), *self.command_lines(room)]
        return lines

    def at(self) -> int | None:
        if not self._rows:
            return None
        return self._row * 2 + (self._column > 0) if self._table(self.room).double else self._row

    def _table(self, room: int) -> _Table:
        """Names first: the figures give way to them, and then the clocks, which go on a line of their own."""
        names = max((cells(row.name) for row in self._rows), default=0)
        state = 2 + max((cells(_standing_words(one)) for row in self._rows for one in row.clocks), default=0)
        words = {clock: clock_word(clock) for clock in Clock}
        clocks = sum(4 + cells(word) + 1 + state for word in words.values()) - 2
        for figures in (_FIGURES, 0):
            if 4 + names + 2 + clocks + figures <= room:
                return _Table(names, state, words, bool(figures))
        if 4 + clocks > room:
            words[Clock.DATABASES] = _("dbs")
        figures = _FIGURES if 4 + names + _FIGURES <= room else 0
        return _Table(min(names, room - 4 - figures), state, words, bool(figures), double=True)

    def _lines_of(self, number: int, row: ServerRow, plan: Plan | None, room: int) -> list[Line]:
        mine = number == self._row
        chosen, table = self.chosen[row.name], self._table(room)
        name: list[Span] = [
            _box(bool(chosen), mine and self._column == 0),
            (left(row.name, table.name, middle=True), "strong" if chosen else "muted"),
        ]
        clocks: list[Span] = []
        for column, clock in enumerate(Clock, 1):
            standing = row.files if clock is Clock.FILES else row.databases
            word = table.words[clock] + " "
            if standing is None:
                clocks.append((" " * (4 + cells(word) + table.state), ""))
                continue
            clocks.append(_box(clock in chosen, mine and self._column == column))
            clocks.append((word, ""))
            clocks.append((left(_standing_words(standing), table.state), standing.state.value))
        figures: list[Span] = []
        if plan and table.figures:
            time, amount = _figures([plan])
            figures = [(right(time, 9) + right(amount, 10), "muted")]
        if table.double:
            return [cut((*name, *figures), room), cut(((" " * 4, ""), *clocks), room)]
        return [cut((*name, ("  ", ""), *clocks, *figures), room)]

    def _summary(self, room: int) -> list[Line]:
        lines: list[Line] = [()]
        if not self.wants:
            return [*lines, ((_("nothing is chosen"), "notice"),)]
        if self._fault:
            return [*lines, *wrapped(f"{symbols.FAILED} {self._fault}", room, 4, "failed")]
        if self._draft is None:
            return [*lines, ((_("reading what earlier runs took"), "muted"),)]
        summary = self._draft.summary
        if summary.fault:
            lines += wrapped(f"{symbols.FAILED} {summary.fault}", room, 4, "failed")
        if summary.free is not None:
            needs = _("not known yet: no earlier run")
            if summary.needs_room is not None:
                needs = _("needs about {size}").format(size=size(summary.needs_room))
            text = _("{needs}; {free} free on {path}").format(
                needs=needs, free=size(summary.free), path=printable(str(summary.vault))
            )
            style = "failed" if summary.needs_room is not None and summary.needs_room > summary.free else ""
            lines += _field(_("room"), text, room, style)
        time, amount = _figures(self._draft.plans)
        if time or amount:
            lines += _field(_("in all"), joined("  ", filter(None, (time, amount))), room)
        if summary.bandwidth:
            lines += _field(_("limit"), summary.bandwidth, room)
        if summary.resumes:
            lines += _field(_("goes on"), joined(" · ", summary.resumes), room)
        if summary.asks:
            lines += _field(_("will ask"), joined(" · ", summary.asks), room)
        if self.full:
            lines += _field(
                _("full"), _("everything is fetched anew; nothing points into older archives"), room
            )
        for warning in summary.warnings:
            lines += wrapped(f"{symbols.WARNINGS} {warning}", room, 3, "warnings")
        return lines

    def _reasons(self, room: int) -> list[Line]:
        """Why clocks are tried again."""
        lines: list[Line] = []
        for name, clocks in self._again.items():
            for clock, why in clocks.items():
                text = _("{server}: {clock} again, because of the last try: {reason}")
                said = text.format(server=name, clock=clock_word(clock), reason=why or _("no good backup"))
                lines += wrapped(said, room, 3, "warnings")
        return [(), *lines] if lines else []

    def _dry_run(self, room: int) -> list[Line]:
        if self._draft is None:
            return []
        lines: list[Line] = [(), ((_("what would be done (nothing was started)"), "title"),)]
        for plan in self._draft.plans:
            server = self._config.servers[plan.server]
            lines.append(((plan.server, "strong"),))
            for step in plan.steps:
                standard, expected = plan.standards.get(step), plan.expected.get(step)
                time = duration(standard) if standard else f"~{duration(expected)}" if expected else ""
                what = {
                    1: server.host, 2: "  ".join(server.folders), 3: _("its database server"),
                    4: _("every active database, one dump each"),
                }[step.number]  # fmt: skip
                start = f"  {step.number} {left(step_word(step), 10)}{right(time, 7)}  "
                text = wrapped(what, room - cells(start), 3)
                lines.append(((start, "muted"), *text[0]))
                lines += [((" " * cells(start), ""), *line) for line in text[1:]]
        hint = _("this looks at no server; with --dry-run the command below tells files and bytes")
        return [*lines, (), *wrapped(hint, room, 3, "muted")]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [
            (self.key("plan-start"), _("start"), bool(self.wants)),
            (self.key("plan-tick"), _("tick"), True),
            (self.key("plan-dry-run"), _("dry run"), bool(self.wants)),
            (self.key("plan-full"), _("full download"), True),
            (self.key("copy"), _("copy"), bool(self.command)),
            ("esc", _("cancel"), True),
        ]

    def action_go(self, rows: int, columns: int) -> None:
        self._row = max(0, min(len(self._rows) - 1, self._row + rows))
        self._column = (self._column + columns) % 3
        self.draw()

    def action_tick(self) -> None:
        name = self._rows[self._row].name
        chosen, possible = self.chosen[name], self._all[name]
        if self._column == 0:
            self.chosen[name] = set() if chosen else set(possible)
        else:
            clock = (Clock.FILES, Clock.DATABASES)[self._column - 1]
            if clock not in possible:
                return
            self.chosen[name] = chosen ^ {clock}
        self._think()

    def action_full(self) -> None:
        self.full = not self.full
        self._think()

    def action_dry(self) -> None:
        self._dry = not self._dry
        self.draw()

    def action_start(self) -> None:
        if self._draft:
            self.dismiss(self._draft.plans)
        elif self.wants and not self._fault:
            self._starting = True  # as soon as the plans are made


def _clocks(row: ServerRow) -> frozenset[Clock]:
    files = {Clock.FILES} if row.files else set()
    return frozenset(files | ({Clock.DATABASES} if row.databases else set()))


def _box(chosen: bool, here: bool) -> Span:
    """A box to tick; the one under the cursor has other brackets, so that no colour is needed to find it."""
    sign = "x" if chosen else " "
    return (f"<{sign}> ", "title") if here else (f"[{sign}] ", "key" if chosen else "muted")


def _figures(plans: Sequence[Plan]) -> tuple[str, str]:
    """About how long and how much the plans are, by earlier runs; "" if there are none."""
    seconds = [sum(plan.expected.values()) for plan in plans if set(plan.steps) <= set(plan.expected)]
    sizes = [plan.estimate_bytes for plan in plans if plan.estimate_bytes is not None]
    return "~" + duration(sum(seconds)) if seconds else "", "~" + size(sum(sizes)) if sizes else ""


def _standing_words(standing: Standing) -> str:
    word = state_word(standing.state)
    return word if standing.age_days is None else f"{word} {days(standing.age_days)}"


def _field(name: str, text: str, room: int, style: str = "") -> list[Line]:
    found = wrapped(text, room - 10, 4, style)
    return [((left(name, 10), "muted"), *found[0]), *(((" " * 10, ""), *line) for line in found[1:])]
