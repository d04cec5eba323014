"""A restore: where to, then its plan. Enter starts nothing: `R` does, once what it will do was read."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.text import count
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Dialog, Planned, option
from tuibackup.vault.restore.existing import Existing
from tuibackup.words import _, later

if TYPE_CHECKING:
    from tuibackup.jobs.process.ordering import Ordered, Wanted

_NAMED = 8  # of what is chosen, by name
POLICIES = {
    Existing.NEVER: later("leave what exists there and differs"),
    Existing.CHANGED: later("replace what differs"),
    Existing.ALWAYS: later("replace all that exists there"),
}


def named(names: Sequence[str], room: int) -> list[Line]:
    """What is chosen, by name; of many the first ones, and how many more."""
    lines = [line for name in names[:_NAMED] for line in wrapped(name, room, 2, "strong")]
    if len(names) > _NAMED:
        lines += wrapped(_("and {number} more").format(number=count(len(names) - _NAMED)), room, 1, "strong")
    return lines


class RestoreTo(Dialog[str]):
    """Returns what was typed; the faults of a wrong answer are shown and it can be typed again.

    Up and down put the proposals into the field, one after the other.
    """

    kind = "where"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("where")]
    focus_body = False
    reserved = 1
    wide = 100

    def __init__(
        self, names: Sequence[str], proposals: Sequence[tuple[str, str]], default: str, fault: str = ""
    ) -> None:
        """`proposals`: a place, and what it is, in words."""
        super().__init__()
        self.title_text = _("Restore: where to?")
        self._names = names
        self._proposals = proposals
        self._default = default
        self._fault = fault

    def parts(self) -> Iterable[Widget]:
        yield Field(self._default)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()

    def lines(self, room: int) -> list[Line]:
        lines = [*named(self._names, room), ()]
        for place, words in self._proposals:
            lines += wrapped(f"{words}:  {place}", room, 3, "muted")
        if self._fault:
            lines += [(), *wrapped(self._fault, room, 4, "failed")]
        return [*lines, ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [
            ("enter", _("show the plan"), True),
            (f"{self.key('where-previous')} {self.key('where-next')}", _("proposals"), True),
            ("esc", _("close"), True),
        ]

    def action_propose(self, by: int) -> None:
        field = self.query_one(Input)
        places = [place for place, _words in self._proposals]
        at = places.index(field.value) + by if field.value in places else 0
        field.value = places[at % len(places)]
        field.cursor_position = len(field.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())


class RestorePlan(Planned[bool]):
    """What will be restored, where, and what becomes of what exists there. True for `R`, None when closed.

    `again` makes the plan for another policy, `rehearse` the dry run; both tell the dialog when they have ended.
    """

    kind = "restore"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("restore")]
    wide = 110

    def __init__(
        self,
        server: str,
        names: Sequence[str],
        wanted: "Wanted",
        ordered: "Ordered",
        again: "Callable[[RestorePlan, Wanted], None]",
        rehearse: "Callable[[RestorePlan], None]",
    ) -> None:
        super().__init__()
        self.title_text = _("Restore from {server}").format(server=server)
        self.wanted = wanted
        self.ordered = ordered
        self._names = names
        self._again = again
        self._rehearse = rehearse
        self._found: Sequence[str] = ()
        self._fault = ""
        self._notice = ""
        self._busy = ""

    @property
    def command(self) -> str:
        return shlex.join(("tuibackup", *self.ordered.words.command()))

    def lines(self, room: int) -> list[Line]:
        lines = [*named(self._names, room), *wrapped(f"→ {self.wanted.place}", room, 3, "strong")]
        lines += [line for text in self.ordered.lines for line in wrapped(text, room, 4)]
        if self.ordered.policies:
            lines.append(())
            lines += [option(one is self.wanted.existing, _(POLICIES[one])) for one in self.ordered.policies]
        if by := self.wanted.approval.by:
            text = _("approved by {name}: {reason}").format(name=by, reason=self.wanted.approval.reason)
            lines += [(), *wrapped(text, room, 4)]
        lines += [(), *self.command_lines(room)]
        if self._busy:
            lines += [(), *wrapped(self._busy, room, 2, "muted")]
        if self._found:
            lines += [(), ((_("dry run:"), "strong"),)]
            lines += [line for text in self._found for line in wrapped(f"  {text}", room, 3)]
        if self._fault:
            lines += [(), *wrapped(self._fault, room, 6, "failed")]
        lines += [(), *wrapped(_("You may leave: it goes on."), room, 2, "muted")]
        return [*lines, *wrapped(self._notice, room, 2, "notice"), ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [
            (self.key("restore-start"), _("restore"), not self._busy),
            *(
                [(self.key("restore-policy"), _("what exists"), True)]
                if len(self.ordered.policies) > 1
                else []
            ),
            (self.key("restore-dry-run"), _("dry run"), not self._busy),
            (self.key("copy"), _("copy the command"), True),
            ("esc", _("leave it"), True),
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Every key takes the notice away."""
        self._notice = ""
        return True

    def planned(self, wanted: "Wanted", ordered: "Ordered") -> None:
        """The plan for another policy."""
        self.wanted, self.ordered, self._busy = wanted, ordered, ""
        self.draw()

    def found(self, lines: Sequence[str], fault: str = "") -> None:
        """The end of a dry run, or why there is none, or no other plan."""
        self._found, self._fault, self._busy = lines, fault, ""
        if self.is_attached:
            self.draw()

    def action_start(self) -> None:
        if not self._busy:
            self.dismiss(True)

    def action_policy(self) -> None:
        from msgspec.structs import replace

        policies = self.ordered.policies
        if len(policies) > 1 and not self._busy:
            at = policies.index(self.wanted.existing)
            self._found, self._fault = (), ""
            self._busy = _("reading …")
            self._again(self, replace(self.wanted, existing=policies[(at + 1) % len(policies)]))

    def action_dry(self) -> None:
        if not self._busy:
            self._found, self._fault = (), ""
            self._busy = _("looking at what is there …")
            self.draw()
            self._rehearse(self)

    def action_nothing(self) -> None:
        text = _("nothing was started: {key} restores, esc leaves it")
        self._notice = text.format(key=self.key("restore-start"))
        self.draw()
