"""A restore from the cockpit, screen by screen: browse, where to, who approved it, the plan, its dry run, the start."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tuibackup.errors import TuibackupError
from tuibackup.jobs.process.order import order
from tuibackup.jobs.process.ordering import Ordered, Wanted
from tuibackup.jobs.process.start import start_job
from tuibackup.jobs.restore.approval import NOT_ASKED, Approval, approval
from tuibackup.jobs.restore.forecast_words import forecast_lines
from tuibackup.overview.browse import spec_of
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import JournalReader
from tuibackup.text import printable
from tuibackup.tui.answers import ScreenAnswers
from tuibackup.tui.screens.browse import Browse
from tuibackup.tui.screens.chosen import Chosen, chosen_words, is_database
from tuibackup.tui.screens.restore import RestorePlan, RestoreTo
from tuibackup.tui.screens.typed import AskApproval
from tuibackup.tui.seat import Seat
from tuibackup.words import _

if TYPE_CHECKING:
    from datetime import datetime


_POLL = 0.2  # seconds between two looks into the journal of a dry run


class Restoring:
    """One of them; each screen leads to the next, a fault back to the question it is about."""

    def __init__(self, seat: Seat, server: str, now: "datetime") -> None:
        self._seat = seat
        self._now = now
        self._browsing = seat.browsing
        self._server = server
        self._names: list[str] = []

    def begin(self, spec: str = "") -> None:
        """Browse: the list of snapshots, or the snapshot `spec`."""
        held = self._seat.held
        dialog = Browse(self._server, self._browsing, self._now, lambda: held.release(opening), spec)
        opening = held.wait(dialog.action_close, dialog)
        self._seat.push_screen(dialog, lambda chosen: self._where_to(chosen) if chosen else None)

    def _where_to(self, chosen: Chosen, to: str = "", fault: str = "") -> None:
        self._names = chosen_words(self._server, chosen)
        proposals = self._proposals(chosen)
        dialog = RestoreTo(self._names, proposals, to or proposals[0][0], fault)

        def answered(place: str | None) -> None:
            if place:
                self._ask_approval(chosen, place)

        self._seat.push_screen(dialog, answered)

    def _proposals(self, chosen: Chosen) -> list[tuple[str, str]]:
        found = [(str(Path.home() / "restored" / self._server), _("a folder of this machine"))]
        servers = self._seat.config.servers
        if not is_database(chosen):
            if (server := servers.get(self._server)) and server.folders:
                folder = next(
                    (one for one in server.folders if any(_lies_in(path, one) for path in chosen.paths)),
                    server.folders[0],
                )
                found.append(
                    (
                        f"{self._server}:{folder}.restored",
                        _("a new folder on the server, beside the original"),
                    )
                )
        elif len(chosen.paths) == 1:
            into = [name for name in servers if servers[name].database]
            into.sort(key=lambda name: name != self._server)
            found += [(name, _("the database of a server")) for name in into[:3]]
        return found

    def _ask_approval(self, chosen: Chosen, place: str) -> None:
        if not self._seat.config.restore.approval:
            self._plan(chosen, place, NOT_ASKED)
            return

        def by(name: str | None) -> None:
            if name:
                why = AskApproval(_("Why is it restored?"))
                self._seat.push_screen(why, lambda reason: approved(name, reason))

        def approved(name: str, why: str | None) -> None:
            if not why:
                return
            try:
                self._plan(chosen, place, approval(name, why))
            except TuibackupError as error:
                self._where_to(chosen, place, str(error))

        self._seat.push_screen(AskApproval(_("Who approved this restore?")), by)

    def _plan(self, chosen: Chosen, place: str, given: Approval) -> None:
        wanted = Wanted(spec_of(self._server, chosen.snapshot), chosen.paths, place, approval=given)

        def show(ordered: Ordered) -> None:
            dialog = RestorePlan(self._server, self._names, wanted, ordered, self._again, self._rehearse)
            self._seat.push_screen(dialog, lambda yes: self._start(dialog) if yes else None)

        self._make(wanted, show, lambda fault: self._where_to(chosen, place, fault))

    def _make(
        self, wanted: Wanted, then: Callable[[Ordered], None], otherwise: Callable[[str], None]
    ) -> None:
        """Make the plan in the helper."""

        held = self._seat.held
        wait = held.wait()  # what is typed now is meant for the plan

        async def make() -> None:
            try:
                ordered = await asyncio.to_thread(self._browsing.order, wanted)
            except TuibackupError as error:
                if not wait.over:
                    held.release(wait, failed=True)
                    otherwise(str(error))
            else:
                if not wait.over:
                    then(ordered)
                held.release(wait)

        self._seat.run_worker(make(), name="plan")

    def _again(self, dialog: RestorePlan, wanted: Wanted) -> None:
        self._make(
            wanted,
            lambda ordered: dialog.planned(wanted, ordered),
            lambda fault: dialog.found((), fault),
        )

    def _start(self, dialog: RestorePlan) -> None:
        self._seat.order(dialog.ordered.words, self._server, dialog.ordered.what)

    def _rehearse(self, dialog: RestorePlan) -> None:
        self._seat.run_worker(self._dry(dialog), name="dry")

    async def _dry(self, dialog: RestorePlan) -> None:
        """The dry run is a job, too: it may ask, and hang in a disk, and nothing of it is recorded."""
        words = replace(dialog.ordered.words, dry_run=True)
        what = _("dry run: {what}").format(what=dialog.ordered.what)
        wanted = order(words, self._seat.operator, server=self._server, what=what)
        try:
            request = await asyncio.to_thread(start_job, wanted, self._seat.config)
            await request.put_questions_to(ScreenAnswers(self._seat))
            lines, fault = await asyncio.to_thread(_told_by, request.journals[0], lambda: dialog.is_attached)
        except (TuibackupError, OSError) as error:
            lines, fault = [], printable(str(error))
        dialog.found(lines, fault)


def _told_by(journal: Path, wanted: Callable[[], bool]) -> tuple[list[str], str]:
    """What a dry run told in its journal, and its fault; waits for its end, as long as that is `wanted`."""
    result: dict[str, Any] = {}
    with JournalReader(journal) as reader:
        while wanted():
            for event in reader.poll():
                if isinstance(event, ev.JobResult):
                    result = event.result
                elif isinstance(event, ev.JobFinished):
                    return (forecast_lines(result) if result else []), event.error
            sleep(_POLL)
    return [], ""


def _lies_in(path: bytes, folder: str) -> bool:
    top = folder.rstrip("/").encode(errors="surrogateescape")
    return path == top or path.startswith(top + b"/")
