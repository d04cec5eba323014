"""The cockpit's app: start runs, follow them, switch between screens. Runs are other processes and outlive it."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType

from tuibackup.config import Config
from tuibackup.errors import ConfigError
from tuibackup.overview.gather import Source
from tuibackup.overview.picture import Picture, job_word
from tuibackup.run.operator import Operator, identify
from tuibackup.tui import actions, keymap, themes
from tuibackup.tui.doing.backups import Backups
from tuibackup.tui.doing.copying import Copying
from tuibackup.tui.doing.keeping import Keeping
from tuibackup.tui.doing.messages import Messages
from tuibackup.tui.doing.notes import Notes
from tuibackup.tui.doing.proofs import Proofs
from tuibackup.tui.doing.recovering import Recovering
from tuibackup.tui.doing.reporting import Reporting
from tuibackup.tui.doing.setting_up import SettingUp
from tuibackup.tui.doing.stopping import Stopping
from tuibackup.tui.following import Following
from tuibackup.tui.private import colour_count, show_only_ascii
from tuibackup.tui.renewed import renewed
from tuibackup.tui.screens import confirm
from tuibackup.tui.screens.choose import Choice, Choose
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.tui.screens.main import MainScreen
from tuibackup.tui.screens.server import ServerPage
from tuibackup.tui.seat import Seat
from tuibackup.tui.symbols import ascii_only
from tuibackup.tui.wire.driver import TerminalDriver
from tuibackup.words import _, in_language, joined, ngettext, use_language

if TYPE_CHECKING:  # a start needs neither plans nor questions, and what they import takes a while
    from tuibackup.jobs.browsing import Browsing

EVERY = 0.5  # seconds between two pictures
SOON = 0.05  # while the log is searched
_WHILE_FILTERING = ("details", "next-pane", "previous-pane")  # their keys are not letters


class Cockpit(Seat, inherit_bindings=False):
    """`source` gives the pictures; the real one reads ledger, vault and journals."""

    TITLE = "tuibackup"
    CSS_PATH: ClassVar[list[str | Path]] = ["lines.tcss"]  # type: ignore[assignment]  # narrower than Textual's
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "close_top", show=False, priority=True),
        Binding("ctrl+c", "leaving", show=False),
        *(
            Binding(",".join(one.keys), f"act('{one.id}')", show=False, id=one.id, priority=True)
            for one in actions.ACTIONS
            if one.anywhere
        ),
    ]

    def __init__(
        self,
        config: Config,
        source: Source,
        operator: Operator,
        browsing: "Browsing",
        *,
        read_only: bool = False,
    ) -> None:
        # Before Textual reads the theme's variables, which ours extend.
        self.config = config
        self.themes = self._load_themes()
        # Without colours Textual must leave them to the terminal: its other filter makes them grey.
        super().__init__(TerminalDriver, ansi_color=True if "NO_COLOR" in os.environ else None)
        self.source = source
        self.browsing = browsing
        self.operator = operator
        self.read_only = read_only
        self._told_missing: set[str] = set()  # runs of which it was said that their reason is missing
        self._looked_through: object = None  # the rows that were looked through for such runs
        self._left: set[str] = set()  # runs whose reason was left for later
        self._early: list[str] = []  # actions asked for before there was a picture to act on
        self.animation_level = "none"
        for theme in self.themes.usable.values():
            self.register_theme(theme)
        colours = colour_count(self)
        chosen = themes.choose(config.theme, self.themes, few_colours=colours <= 16)
        self.theme = chosen if chosen in self.themes.usable else "textual-dark"
        self.set_class(colours == 0, "-no-colour")
        if ascii_only(config.symbols):
            self.add_class("-ascii")
            show_only_ascii(self)
        self.main = MainScreen(source.first(), config.keymap, read_only=read_only)
        self.backups = Backups(self)
        self.notes = Notes(self)
        others = (
            SettingUp(self, self.backups.start),
            Proofs(self),
            Copying(self),
            Keeping(self),
            Recovering(self),
            Stopping(self),
            Messages(self),
            Reporting(self),
        )
        self._doers: tuple[object, ...] = (self, self.main, self.backups, self.notes, *others)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The semantic colours while Textual's own theme is in use, before ours is set."""
        theme = self.current_theme
        fallback = theme.foreground or theme.primary
        return {name: getattr(theme, source) or fallback for name, source in themes.SEMANTIC.items()}

    def on_mount(self) -> None:
        self.set_keymap(self.config.keymap)
        self.push_screen(self.main)
        self.run_worker(self._pull(), name="pull")
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        problems = list(self.themes.problems)
        wanted = self.config.theme
        if wanted and wanted not in self.themes.usable and not problems:
            problems.append(_('there is no theme "{name}"').format(name=wanted))
        if problems:
            self.main.tell(joined(" · ", problems))
        if self.config.operators and not self.operator.chosen:
            choices = [Choice(name, name) for name in self.config.operators]
            self.push_screen(Choose(_("who is at the keyboard?"), choices), self._chosen)

    def _chosen(self, name: str | None) -> None:
        if name:
            self.operator = identify(name, self.config.operators)
            self.source.operator = name

    # Pictures

    async def _pull(self) -> None:
        """Get a new picture in a thread, twice a second and whenever something was asked for.

        The first is of the table alone, and at once the next: log and weeks of a year's runs take a while.
        """
        try:
            self.take(await asyncio.to_thread(self.source.gather, replace(self.main.wish, table_only=True)))
            while True:
                self._woken.clear()
                self.take(await asyncio.to_thread(self.source.gather, self.main.wish))
                try:
                    async with asyncio.timeout(SOON if self.main.picture.log.searching else EVERY):
                        await self._woken.wait()
                except TimeoutError:
                    continue
        finally:
            self.source.close()
            self.browsing.close()

    def take(self, picture: Picture) -> None:
        if self.source.config is not self.config:
            self._renew(self.source.config)
        elif _looks_alike(picture, self.main.picture):
            return
        if picture.themes != self.main.picture.themes:
            self._renew_themes()
        self.main.take(picture)
        if picture.complete:
            early, self._early = self._early, []
            for name in early:
                self.action_act(name)
        for screen in self.screen_stack:
            if isinstance(screen, Following):
                screen.follow(picture)
        if page := self.page:
            if server := self.config.servers.get(page.server.name):
                page.take(picture, server)
            else:
                page.action_close()  # it was taken out of the configuration
        self._tell_missing(picture)

    def _tell_missing(self, picture: Picture) -> None:
        """Say once of each slow run that its reason is missing; who opens the server's page is asked for it."""
        if picture.rows is self._looked_through:
            return
        self._looked_through = picture.rows
        missing = {row.last.run: row.name for row in picture.rows if row.slow and row.last}
        new = [name for run, name in missing.items() if run not in self._told_missing]
        self._told_missing.update(missing)
        if new and self.screen is self.main and not self.read_only:
            text = ngettext(
                "a step of {servers} was slow and the reason is missing: {key} gives it",
                "steps of {servers} were slow and the reasons are missing: {key} gives them",
                len(new),
            )
            key = actions.key_name(actions.keys_of(actions.BY_ID["note"], self.config.keymap)[0])
            self.main.tell(text.format(servers=", ".join(new), key=key))

    def _renew(self, config: Config) -> None:
        """Use the configuration that was read again, and say so."""
        before, self.config = self.config, config
        self.browsing.renew(config)
        said = [renewed(before, config)]
        try:
            keymap.check(config)
        except ConfigError as error:  # the keys stay as they were; one line has no room for the folder
            said.insert(0, in_language(str(error)).replace(f"{config.source}:", f"{config.source.name}:"))
        else:
            self.main.keymap = config.keymap
            self.set_keymap(config.keymap)
        wanted = config.theme or ""
        if wanted != before.theme and wanted in self.themes.usable:
            self.theme = wanted
        self.main.tell(joined(" · ", said))

    def _renew_themes(self) -> None:
        """Use the user's themes as they are now, and say what became of the one in use."""
        before, self.themes = self.themes, self._load_themes()
        if self.themes == before:
            return
        for theme in self.themes.usable.values():
            self.register_theme(theme)
        usable = self.themes.usable
        wanted = self.config.theme or ""
        name = wanted if wanted in usable and wanted not in before.usable else self.theme
        said = list(self.themes.problems)
        if name in usable and usable[name] != before.usable.get(name):
            self.theme = "textual-dark"  # under the name that it has nothing would be drawn anew
            self.theme = name
        elif name in before.usable and name not in usable:
            said.append(_("the theme {name} stays as it was until you choose another").format(name=name))
        self.main.tell(" · ".join(said) or _("the themes were read again"))

    def _load_themes(self) -> themes.Themes:
        return themes.load((themes.shipped(), self.config.source.parent / "themes"))

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, letters belong to it; `enter` and tabs still act."""
        if action == "act" and self.screen is self.main and self.main.filtering:
            return parameters[0] in _WHILE_FILTERING or actions.BY_ID[str(parameters[0])].anywhere
        return True

    def action_act(self, name: str) -> None:
        """Carry out an action of the registry, or say why not."""
        action = actions.BY_ID[name]
        page = self.page
        if self.screen is not self.main and not action.anywhere and not (page and action.page):
            return
        if not self.main.picture.complete and name != "quit" and not action.anywhere:
            self._early.append(name)  # nothing is known yet: the key waits for the first picture
            return
        if self.main.filtering and name == "details":
            self.main.end_filter()
            return
        self.tell("")
        why_not = actions.reason(action, self.situation)
        if why_not:
            self.tell(_("{action}: {reason}").format(action=_(action.label), reason=why_not))
            return
        self.doing(action)()

    def doing(self, action: actions.Action) -> Callable[[], None]:
        """What carries an action out."""
        doer = next(one for one in self._doers if hasattr(one, action.method))
        method: Callable[[], None] = getattr(doer, action.method)
        return method

    def action_close_top(self) -> None:
        """`ctrl+q`: closes a dialog, as esc does; on the main screen it leaves."""
        if isinstance(self.screen, Dialog):
            self.screen.action_close()
        else:
            self.main.end_filter()
            self.action_act("quit")

    def action_leaving(self) -> None:
        """`ctrl+c` kills nothing here."""
        if self.screen is self.main:
            self.main.tell(_("q leaves the cockpit; runs go on"))

    def do_redraw(self) -> None:
        if self.terminal:
            self.terminal.redraw()

    def do_suspend(self) -> None:
        if self.terminal:
            self.terminal.suspend()
            self.wake()

    def do_quit(self) -> None:
        hurt = self._hurt_by_leaving()
        if not hurt:
            self.exit()
            return
        self.push_screen(confirm.leave(hurt), lambda yes: self.exit() if yes else None)

    def _hurt_by_leaving(self) -> list[str]:
        from tuibackup.run.plan import agent_is_forwarded

        hurt = []
        if self.starting:
            hurt.append(
                _("A request is still asking its questions: whatever is not answered by now becomes a no.")
            )
        active = self.main.picture.active
        if active and agent_is_forwarded():
            names = ", ".join(face.view.server for face in active)
            hurt.append(
                _("Your SSH agent is forwarded: after you log out, {servers} cannot reconnect.").format(
                    servers=names
                )
            )
        return hurt

    def do_details(self) -> None:
        """The log entry under the cursor, or the server's page: it asks for a reason that is missing."""
        if self.main.number == 4 and self.main.log_pane.chosen:
            from tuibackup.tui.screens.details import EntryDetails

            self.push_screen(EntryDetails(self.main.log_pane.chosen, self.main.picture, self.main.keymap))
            return
        server = self.config.servers.get(self.here)
        if server is None:
            return
        main = self.main
        page = ServerPage(server, main.picture, self.source.desk, main.keymap, lambda: main.situation)
        self.push_screen(page)
        row = main.picture.row(server.name)
        if row and row.slow and row.last and row.last.run not in self._left and not self.read_only:
            self._left.add(row.last.run)
            self.notes.ask(self.notes.of_run(server.name, row.last.run, row.slow))

    def do_output(self) -> None:
        from tuibackup.tui.screens.output import Output

        self.push_screen(Output(self.situation.output, self.source.desk))

    def do_restore(self) -> None:
        from tuibackup.tui.doing.restoring import Restoring

        snapshot = self.page.snapshot if self.page else None
        Restoring(self, self.here, self.main.picture.now).begin(snapshot.spec if snapshot else "")

    def do_unprotected(self) -> None:
        from tuibackup.tui.screens.unprotected import UnprotectedScreen

        if self.here in self.config.servers:
            self.push_screen(UnprotectedScreen(self.here, self.main.picture))


def _looks_alike(picture: Picture, other: Picture) -> bool:
    """Whether only the seconds differ, and nothing on the screen depends on them."""
    still = (
        not picture.active
        and not picture.jobs
        and picture.now.replace(second=0, microsecond=0) == other.now.replace(second=0, microsecond=0)
    )
    return still and replace(picture, now=other.now) == other


def open_cockpit(
    config: Config,
    source: Source,
    browsing: "Browsing",
    run: Callable[[Coroutine[None, None, object]], object],
    *,
    read_only: bool = False,
) -> int:
    """Open the cockpit until it is left; returns the exit code. What goes on afterwards is printed.

    `run` runs the app; it must not wait for threads. An internal error is raised here, after the terminal is back to
    normal, for the caller to record. Raises ConfigError for a `[keymap]` that cannot be used.
    """
    use_language(config.language)
    keymap.check(config)
    if not os.environ.get("NO_COLOR"):  # an empty value means "not set" (no-color.org), but not to Textual
        os.environ.pop("NO_COLOR", None)
    app = Cockpit(config, source, identify(None, config.operators), browsing, read_only=read_only)
    run(app.run_async(mouse=config.mouse))
    if app.crash is not None:
        raise app.crash
    for face in app.main.picture.active:
        print(_("{server} goes on: tuibackup follow").format(server=face.view.server))
    for job in app.main.picture.jobs:
        if job.planned and not job.finished:
            name = f"{job_word(job.planned.job)} {job.planned.what}"
            print(_("{server} goes on: tuibackup follow").format(server=name))
    return app.return_code or 0
