"""A question of a run: host key, passphrase, password, code. It names the server; no answer is no."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.remote.questions import Question
from tuibackup.secret import Secret
from tuibackup.text import duration, printable
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Dialog, option
from tuibackup.words import _

SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer; None is no. `for_others`: it may answer the same kind of question of other servers."""

    answer: Secret | None
    for_others: bool = False


class Ask(Dialog[Reply]):
    """One question. Closes by itself when it needs no answer any more."""

    kind = "question"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("question")]
    focus_body = False
    reserved = 1

    def __init__(
        self, question: Question, closed: asyncio.Event | None = None, seconds: float = SECONDS
    ) -> None:
        super().__init__()
        self.question = question
        self.others = False
        self._answered = closed or asyncio.Event()
        self._ends = asyncio.get_running_loop().time() + seconds
        self.title_text = {
            "host-key": _("Host key of {server}"),
            "passphrase": _("Passphrase for {server}"),
            "ssh-password": _("SSH password of {server}"),
            "code": _("Code for {server}"),
            "database-password": _("Database password of {server}"),
        }[question.kind].format(server=printable(question.server))

    def parts(self) -> Iterable[Widget]:
        yield Field(placeholder=self._placeholder(), password=self.question.secret)

    def _placeholder(self) -> str:
        return _("type yes to accept it; anything else is no") if self.question.kind == "host-key" else ""

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self._answered.is_set() or self._left() <= 0:
            self.dismiss(Reply(None))
        else:
            self.draw()

    def _left(self) -> float:
        return self._ends - asyncio.get_running_loop().time()

    def lines(self, room: int) -> list[Line]:
        lines: list[Line] = []
        for detail in self.question.detail:
            lines += wrapped(printable(detail), room, 6, "muted")
        lines += wrapped(printable(self.question.text), room, 6, "strong")
        if self.question.kind == "passphrase":
            lines.append(option(self.others, _("use it for the other servers of this request too (f2)")))
        return lines

    def hints(self) -> list[tuple[str, str, bool]]:
        return [
            ("enter", _("answer"), True),
            ("esc", _("no"), True),
            (
                _("without an answer it is no in {time}").format(time=duration(max(0, self._left()))),
                "",
                False,
            ),
        ]

    def action_others(self) -> None:
        if self.question.kind == "passphrase":
            self.others = not self.others
            self.draw()

    def action_close(self) -> None:
        self.dismiss(Reply(None))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        value = event.value
        if self.question.kind == "host-key" and value.strip().lower() == "ya":
            value = "yes"
        event.input.value = ""
        self.dismiss(Reply(Secret(value), self.others))

    def on_paste(self, event: events.Paste) -> None:
        # The field takes a paste; elsewhere a paste must not reach the main screen as keys.
        event.stop()
