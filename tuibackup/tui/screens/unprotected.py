"""What of a server no backup holds: each with why, and the way out by key; and what was accepted, with who said so.

Nothing is added or accepted before a second answer. A look at the server goes on while this is open.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.overview.coverage import Coverage, Unprotected
from tuibackup.overview.picture import Picture
from tuibackup.overview.unprotected import accepted_words, amount, looked_word, name_of, used_by, why
from tuibackup.text import cells, printable, shorten
from tuibackup.tui import symbols
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.following import Following
from tuibackup.tui.lines import Line, cut, wrapped
from tuibackup.tui.screens.confirm import Confirm
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.jobs.recorder import Recorder
    from tuibackup.run.operator import Operator


class Cockpit(Protocol):
    """The part of the app that this screen knows."""

    config: Config
    operator: "Operator"
    read_only: bool

    def wake(self) -> None: ...


class UnprotectedScreen(Following, Dialog[None]):
    """Follows the picture: what is added or accepted is gone from here with the next one."""

    kind = "unprotected"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("unprotected")]
    wide = 116

    def __init__(self, server: str, picture: Picture) -> None:
        super().__init__()
        self.server = server
        self._picture = picture
        self._cursor = 0
        self._said = ""  # until the next key
        self._fault = ""  # of the last look
        self._looking = False

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    @property
    def coverage(self) -> Coverage:
        row = self._picture.row(self.server)
        return row.coverage if row else Coverage()

    @property
    def items(self) -> tuple[Unprotected, ...]:
        return (*self.coverage.unprotected, *self.coverage.accepted)

    @property
    def chosen(self) -> Unprotected | None:
        """What is under the cursor."""
        items = self.items
        return items[min(self._cursor, len(items) - 1)] if items else None

    def follow(self, picture: Picture) -> None:
        """Show a newer picture."""
        self._picture = picture
        if self.is_mounted:
            self.draw()

    # What is seen

    @property
    def title_text(self) -> str:  # type: ignore[override]  # it tells the age
        text = _("Unprotected on {server}").format(server=self.server)
        return f"{text} · {looked_word(self.coverage, self._picture.now)}"

    def lines(self, room: int) -> list[Line]:
        lines: list[Line] = []
        if self._looking:
            lines.append(((f"{symbols.RUNNING} " + _("looking at the server"), "running"),))
        if self._fault:
            lines += wrapped(f"{symbols.FAILED} {self._fault}", room, 3, "failed")
        if not self.items:
            lines += wrapped(self._nothing(), room, 3, "muted")
        self._line_of_cursor = None
        for number, one in enumerate(self.items):
            if number == len(self.coverage.unprotected):
                lines += [(), ((_("accepted: no backup is needed"), "muted"),)]
            if one is self.chosen:
                self._line_of_cursor = len(lines)
            lines.append(self._line(one, room))
        if self.chosen:
            lines += [(), *self._details(self.chosen, room)]
        if self._said:
            lines += [(), *wrapped(self._said, room, 3, "notice")]
        return lines

    _line_of_cursor: int | None = None

    def at(self) -> int | None:
        return self._line_of_cursor

    def _nothing(self) -> str:
        if self.coverage.looked:
            return _("All that was found on the server is in the backup.")
        return _(
            "Nobody has looked at this server yet: what it serves, which applications these are, where their data and"
            " databases lie. {key} looks now; nothing is changed there, and no password comes over the line."
        ).format(key=self.key("unprotected-look"))

    def _line(self, one: Unprotected, room: int) -> Line:
        style = "muted" if one.accepted else "warnings"
        of = " · ".join(part for part in (used_by(one), amount(one)) if part)
        sign = symbols.NOT_BEGUN if one.accepted else symbols.WARNINGS
        # Of a long path the end tells more than what it is, down to some words of that.
        name = shorten(name_of(one), max(room - 4 - cells(of), room * 3 // 5), middle=True)
        return cut(((f"{sign} ", style), (name, "strong"), (f"  {of}", "muted")), room)

    def _details(self, one: Unprotected, room: int) -> list[Line]:
        lines = wrapped(name_of(one), room, 3, "strong")
        lines += wrapped(accepted_words(one.accepted) if one.accepted else why(one), room, 3)
        if one.folder and one.folder.named_by:
            by = ", ".join(map(printable, one.folder.named_by))
            lines += wrapped(_("used by: {names}").format(names=by), room, 2, "muted")
        if one.folder and one.folder.exclude and not one.accepted:
            patterns = "  ".join(map(printable, one.folder.exclude))
            lines += wrapped(_("worth leaving out: {patterns}").format(patterns=patterns), room, 4, "muted")
        return lines

    def hints(self) -> list[tuple[str, str, bool]]:
        one, able = self.chosen, not self.cockpit.read_only
        words = _("take back") if one and one.accepted else _("no backup needed")
        return [
            (self.key("unprotected-add"), _("add to the backup"), able and self._why_not_added(one) == ""),
            (self.key("unprotected-accept"), words, able and one is not None),
            (self.key("unprotected-look"), _("look now"), not self._looking),
            (self.key("copy"), _("copy"), one is not None),
            ("esc", _("back"), True),
        ]

    def _tell(self, text: str) -> None:
        self._said = text
        self.draw()

    # Keys

    def action_go(self, by: int) -> None:
        self._cursor = max(0, min(len(self.items) - 1, min(self._cursor, len(self.items) - 1) + by))
        self._tell("")

    def _why_not_added(self, one: Unprotected | None) -> str:
        """Why `enter` adds nothing; "" where it does."""
        if one is None:
            return _("there is nothing to add")
        if one.accepted:
            return _("it is accepted; {key} takes that back").format(key=self.key("unprotected-accept"))
        match one.reason:
            case "folder" | "excluded":
                return ""
            case "no-database" | "database-excluded":
                return _("e on the server's page sets up its database and what is left out of it")
            case _:
                return why(one)

    def _refused(self) -> bool:
        """Whether nothing may be changed; that is said."""
        if self.cockpit.read_only:
            self._tell(_("--read-only: this cockpit starts and changes nothing"))
        return self.cockpit.read_only

    def action_add(self) -> None:
        one = self.chosen
        if self._refused():
            return
        if reason := self._why_not_added(one):
            self._tell(reason)
            return
        assert one
        assert one.folder
        exclude = one.folder.exclude
        text = [
            _("{folder} goes into folders of [servers.{server}] in {file}.").format(
                folder=name_of(one), server=self.server, file=self.cockpit.config.source
            )
        ]
        if exclude:
            patterns = "  ".join(map(printable, exclude))
            text.append(_("Left out of it: {patterns}").format(patterns=patterns))
        text.append(
            _("The next backup fetches it: {amount}.").format(
                amount=amount(one) or _("its size is not known")
            )
        )
        dialog = Confirm(_("Add it to the backup?"), text, _("add it"), _("leave it"))

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._add(one.name, exclude), name="add")

        self.app.push_screen(dialog, answered)

    async def _add(self, folder: str, exclude: tuple[str, ...]) -> None:
        from tuibackup.jobs.accept import add_folder

        def add(recorder: "Recorder") -> None:
            add_folder(self.cockpit.config, recorder, self.server, folder, exclude)

        await self._do(add, _("{folder} is in the configuration now").format(folder=printable(folder)))

    def action_accept(self) -> None:
        one = self.chosen
        if self._refused() or one is None:
            return

        def answered(reason: str | None) -> None:
            if reason:
                self.run_worker(self._accept(one, reason), name="accept")

        self.app.push_screen(AcceptReason(self.server, one), answered)

    async def _accept(self, one: Unprotected, reason: str) -> None:
        from tuibackup.jobs.accept import accept, plan_accept

        what, take_back = (one.accepted.what, True) if one.accepted else (one.name, False)

        def do(recorder: "Recorder") -> None:
            cockpit = self.cockpit
            owner = cockpit.operator.name
            accept(
                plan_accept(cockpit.config, self.server, what, reason, owner=owner, take_back=take_back),
                recorder,
            )

        await self._do(do, _("noted"))

    async def _do(self, work: "Work", done: str) -> None:
        """Do something in a thread and record it; say what came of it."""
        from tuibackup.jobs.recorder import Recorder

        def carried_out() -> None:
            recorder = Recorder(self.cockpit.config, self.cockpit.operator)
            try:
                work(recorder)
            finally:
                recorder.close()

        try:
            await asyncio.to_thread(carried_out)
        except TuibackupError as error:
            done = str(error)
        self.cockpit.wake()
        self._tell(done)

    def action_look(self) -> None:
        if not self._looking:
            self._looking, self._fault = True, ""
            self._tell("")
            self.run_worker(self._look(), name="look")

    async def _look(self) -> None:
        from tuibackup.tui.answers import ScreenAnswers

        try:
            discover = await asyncio.to_thread(_loaded)  # half a second of imports
            await discover(self.cockpit.config, self.server, self.cockpit, ScreenAnswers(self.app))
        except TuibackupError as error:
            self._fault = str(error)
        finally:
            self._looking = False
        self.cockpit.wake()
        self._tell("" if self._fault else _("looked just now"))

    def action_copy(self) -> None:
        one = self.chosen
        if one is None:
            return
        text = name_of(one)
        if one.folder:
            text = printable(one.name)
        self.app.copy_to_clipboard(text)
        self._tell(f"{text}: " + _("copied, as far as your terminal allows it (OSC 52)"))


class Work(Protocol):
    """Something that is recorded; it raises TuibackupError."""

    def __call__(self, recorder: "Recorder", /) -> None: ...


class Look(Protocol):
    """One look at a server; it raises TuibackupError."""

    async def __call__(self, config: Config, server: str, cockpit: Cockpit, answers: object, /) -> None: ...


def _loaded() -> Look:
    """What looks at a server, once all that it needs is imported."""
    import tuibackup.discover.discover
    import tuibackup.run.looking  # noqa: F401  # both are imported late by the job
    from tuibackup.jobs.discover import discover, plan_discover
    from tuibackup.jobs.recorder import Recorder

    async def look(config: Config, server: str, cockpit: Cockpit, answers: object) -> None:
        recorder = None if cockpit.read_only else Recorder(config, cockpit.operator)
        try:
            found = await discover(plan_discover(config, server), config, recorder, answers, lambda _: None)  # type: ignore[arg-type]
            if found.not_recorded:
                raise TuibackupError(found.not_recorded)
        finally:
            if recorder:
                await asyncio.to_thread(recorder.close)

    return look


class AcceptReason(Dialog[str]):
    """Returns why something needs no backup, or why it needs one again."""

    kind = "accept"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("accept")]
    focus_body = False
    reserved = 1

    def __init__(self, server: str, one: Unprotected) -> None:
        super().__init__()
        self._server, self._one = server, one
        self.title_text = _("Take back?") if one.accepted else _("No backup is needed: why?")

    def parts(self) -> Iterable[Widget]:
        yield Field("", _("the reason, for the record"))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()

    def lines(self, room: int) -> list[Line]:
        one = self._one
        lines = wrapped(f"{self._server}: {name_of(one)}", room, 3, "strong")
        if one.accepted:
            text = _("It was {accepted}. It will be told as unprotected again.")
            return [
                *lines,
                *wrapped(text.format(accepted=accepted_words(one.accepted)), room, 5, "muted"),
                (),
            ]
        text = _(
            "It stays without a backup, with all that lies in it. The reason and your name are recorded and shown."
        )
        return [*lines, *wrapped(text, room, 4, "muted"), ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [("enter", _("record it"), True), ("esc", _("cancel"), True)]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())
