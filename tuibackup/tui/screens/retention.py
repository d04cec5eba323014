"""Retention's plan of one server: a line a snapshot, what stays with its reason, what goes marked and summed.

Enter leads to one more question; nothing goes before that is answered with yes.
"""

import shlex
from typing import ClassVar

from textual.binding import BindingType

from tuibackup.jobs.retention.plan import Line as Snapshot
from tuibackup.jobs.retention.plan import RetentionPlan
from tuibackup.overview.picture import clock_word
from tuibackup.text import cells, count, size
from tuibackup.tui import symbols
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.lines import Line, right, wrapped
from tuibackup.tui.screens.confirm import Confirm
from tuibackup.tui.screens.dialog import Planned
from tuibackup.words import _, ngettext


class RetentionDialog(Planned[bool]):
    """True for enter, where something goes. `take` brings the plan."""

    kind = "retention"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("retention")]
    wide = 130

    def __init__(self, server: str) -> None:
        super().__init__()
        self.title_text = _("Retention of {server}").format(server=server)
        self._server = server
        self.plan: RetentionPlan | None = None
        self._fault = ""

    def take(self, plan: RetentionPlan | None, fault: str = "") -> None:
        """Show the plan, or why there is none."""
        self.plan, self._fault = plan, fault
        if self.is_mounted:
            self.draw()

    @property
    def command(self) -> str:
        return shlex.join(("tuibackup", "retention", self._server, "--apply")) if self.plan else ""

    def lines(self, room: int) -> list[Line]:
        if self._fault:
            return [*wrapped(self._fault, room, 6, "failed"), ()]
        plan = self.plan
        if plan is None:
            return [((_("looking at the snapshots"), "muted"),), ()]
        if not plan.lines:
            return [((_("there is no snapshot yet"), "muted"),), ()]
        lines: list[Line] = []
        for clock, rule in plan.rules.items():
            mine = [one for one in plan.lines if one.snapshot.split("/")[1] == clock]
            lines.append(((f"{clock_word(clock)}: {rule}", "strong"),))
            lines += [line for one in mine for line in _snapshot(one, room)]
        text = going(plan)
        return [*lines, (), *wrapped(text, room, 2, "strong"), *self.command_lines(room), ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        goes = self.plan is not None and bool(self.plan.goes)
        return [
            (self.key("retention-remove"), _("remove what goes"), goes),
            (self.key("copy"), _("copy the command"), self.plan is not None),
            ("esc", _("close"), True),
        ]

    def action_remove(self) -> None:
        if self.plan is not None and self.plan.goes:
            self.dismiss(True)

    def action_go(self, by: int) -> None:
        self.body.scroll(by)

    def action_close(self) -> None:
        self.dismiss(False)


def _snapshot(one: Snapshot, room: int) -> list[Line]:
    mark, style = (symbols.FAILED, "failed") if one.goes else (symbols.DONE, "done")
    name = one.snapshot.rpartition("/")[2]
    start = f" {name} {right(size(one.stored), 9)}  "
    first, *others = wrapped(one.reason(), max(10, room - cells(start) - 1), 4, "" if one.goes else "muted")
    indent = " " * (cells(start) + 1)
    return [((mark, style), (start, ""), *first), *(((indent, ""), *line) for line in others)]


def going(plan: RetentionPlan) -> str:
    """ "2 of 14 snapshots go, 3.1 GiB freed"."""
    number = len(plan.goes)
    text = ngettext(
        "{number} of {total} snapshots goes, {size} freed",
        "{number} of {total} snapshots go, {size} freed",
        number,
    )
    return text.format(number=count(number), total=count(len(plan.lines)), size=size(plan.frees))


def really(plan: RetentionPlan) -> Confirm:
    """The question before it."""
    return Confirm(
        _("Remove snapshots of {server}?").format(server=plan.server),
        [
            going(plan) + ".",
            _(
                "They are removed for good. If the plan is another one by then, nothing is. You may leave: it goes on."
            ),
        ],
        _("remove them"),
        _("leave them"),
        ("retention", plan.server, "--apply"),
    )
