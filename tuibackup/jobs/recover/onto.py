"""Recovers what can be of a lost server onto another one: folders into new folders, databases into an empty server.

Each is compared, timed and recorded. Nothing that is there is touched: the swap is only shown. A recovery that was
ended is continued by the same command: what the ledger says is done, and is there, is left.
"""

import asyncio
import shlex
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.errors import ConnectionLostError, InterruptedRunError, TuibackupError
from tuibackup.jobs.recorder import Recorder
from tuibackup.jobs.recover.before import Before
from tuibackup.jobs.recover.choice import passed_over
from tuibackup.jobs.recover.plan import RecoveryPlan
from tuibackup.jobs.recover.recovered import Recovered, Step, lacking
from tuibackup.jobs.restore.plan import ServerPlan
from tuibackup.jobs.trust import accepting
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.remote.questions import Answers
from tuibackup.run.questions import RememberedAnswers
from tuibackup.sop import Outcome, worst
from tuibackup.text import printable
from tuibackup.words import later, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.jobs.recover.place import Beside
    from tuibackup.ledger.entries import Entry

OnProgress = Callable[[str, Progress], None]  # of which snapshot, and how far

_A_RECOVERY = later("a recovery")


async def recover_onto(
    plan: RecoveryPlan,
    config: Config,
    recorder: Recorder,
    answers: Answers,
    notes: Callable[[str], None],
    on_progress: OnProgress,
    *,
    dry_run: bool = False,
) -> Recovered:
    """Do it, and record each step and the whole; with `dry_run` look only, and record nothing.

    What hinders one step is its outcome, and the others are carried out. Raises TuibackupError where the server cannot
    be reached, or the recovery is stopped.
    """
    work = _Recovering(plan, config, recorder, RememberedAnswers(answers), notes, on_progress)
    if dry_run:
        began = time.monotonic()
        places = await work.look()
        steps = tuple([step async for step in work.forecast(places)])
        return Recovered(plan, steps, round(time.monotonic() - began, 3), dry_run=True)
    with recorder.attempt(Kind.RESTORE, plan.body(), server=plan.server) as attempt, ExitStack() as reading_:
        from tuibackup.vault.reading import reading

        for snapshot in plan.snapshots:
            reading_.enter_context(reading(snapshot))
        try:
            places = await work.look()
            steps = tuple([step async for step in work.carry_out(places)])
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise InterruptedRunError(
                sentence("stopped; {server} is not recovered yet", server=plan.server),
                sentence("the same command goes on with it"),
            ) from None
    return attempt.recorded(Recovered(plan, steps, attempt.seconds))


class _Recovering:
    """One recovery under way."""

    def __init__(
        self,
        plan: RecoveryPlan,
        config: Config,
        recorder: Recorder,
        answers: RememberedAnswers,
        notes: Callable[[str], None],
        on_progress: OnProgress,
    ) -> None:
        self._plan = plan
        self._config = config
        self._recorder = recorder
        self._answers = answers
        self._notes = notes
        self._on_progress = on_progress
        self._told = accepting(recorder, plan.onto.name, _A_RECOVERY)
        self._before = Before(())
        self._there: list[str] = []  # databases that are there already

    async def look(self) -> "list[Beside]":
        """Reach the server, and log in to its database: whatever has to be asked is asked now."""
        from tuibackup.jobs.recover.place import beside
        from tuibackup.run.access import log_in, open_session

        for one in self._plan.passed:
            self._notes(passed_over(one))
        self._before = await asyncio.to_thread(Before.read, self._config, self._plan.server)
        plan, places = self._plan, []
        async with await open_session(
            self._config, plan.onto, self._answers, self._notes, self._told
        ) as session:
            if plan.folders:
                places = await beside(session, plan.folders, sudo=plan.onto.sudo)
            if plan.databases:
                async with await log_in(plan.onto, session, self._answers) as database:
                    from tuibackup.database.inventory import SYSTEM

                    names = [str(name) for (name,) in await database.rows("SHOW DATABASES")]
                self._there = [name for name in names if name.lower() not in SYSTEM]
        return places

    async def carry_out(self, places: "list[Beside]") -> AsyncIterator[Step]:
        """Each step's result as it ends."""
        for place in places:
            yield await self._folder(place)
        if self._plan.databases:
            yield await self._databases()
        for step in lacking(self._plan):
            yield step

    async def forecast(self, places: "list[Beside]") -> AsyncIterator[Step]:
        """What each step would find."""
        from tuibackup.jobs.restore.forecast import forecast_on_server

        for place in places:
            plan, source = self._server_plan(place), self._plan.files
            outcome, detail = Outcome.DONE, ""
            before = self._before.done(snapshot=plan.snapshot.spec, into=plan.where)
            if before and place.there:
                detail = sentence("it was done before, and would be left")
            else:
                try:
                    found = await forecast_on_server(
                        plan, self._config, self._recorder, self._answers, self._notes
                    )
                    outcome = found.outcome
                    if found.resumes:
                        detail = sentence("it would go on with a restore that did not come to its end")
                    if source and source.damage:
                        outcome, detail = worst((outcome, Outcome.WARNINGS)), source.damage
                except ConnectionLostError:
                    raise
                except TuibackupError as error:
                    outcome, detail = Outcome.FAILED, str(error)
            yield Step(
                printable(place.folder),
                plan.where,
                outcome,
                0.0,
                self._expected(place),
                detail,
                (),
                bool(before),
            )
        if source := self._plan.databases:
            judged = self._before.databases(self._plan, self._there)
            outcome, detail = Outcome.DONE, ""
            if judged.done:
                detail = sentence("it was done before, and would be left")
            elif judged.fault:
                outcome, detail = Outcome.FAILED, judged.fault
            elif source.damage:
                outcome, detail = Outcome.WARNINGS, source.damage
            yield Step(
                self._databases_words(),
                self._plan.onto.name,
                outcome,
                0.0,
                source.expected.seconds if source.expected else None,
                detail,
                (),
                bool(judged.done),
            )
        for step in lacking(self._plan):
            yield step

    # folders

    async def _folder(self, place: "Beside") -> Step:
        from tuibackup.jobs.restore.on_server import restore_on_server

        plan, began = self._server_plan(place), time.monotonic()
        what, expected = printable(place.folder), self._expected(place)
        before = self._before.done(snapshot=plan.snapshot.spec, into=plan.where)
        if before and place.there:
            return self._again(what, plan.where, expected, before)
        try:
            done = await restore_on_server(
                plan,
                self._config,
                self._recorder,
                self._answers,
                self._notes,
                lambda progress: self._on_progress(plan.snapshot.spec, progress),
            )
        except (ConnectionLostError, InterruptedRunError):
            raise
        except TuibackupError as error:
            return Step(what, plan.where, Outcome.FAILED, _since(began), expected, str(error))
        sent = done.sent
        wrong = [": ".join(one) for one in (*sent.differences, *sent.problems)]
        files = sentence_n("{count} file compared", "{count} files compared", sent.hashed)
        detail = wrong[0] if wrong else next(iter(sent.gaps), files)
        return Step(
            what, plan.where, done.outcome, done.seconds, expected, detail, self._swap(place, sent.swap)
        )

    def _swap(self, place: "Beside", commands: tuple[str, ...]) -> tuple[str, ...]:
        if not commands or not place.parent:
            return commands
        root = "sudo " if self._plan.onto.sudo else ""
        return (f"{root}mkdir -p {shlex.quote(printable(place.parent))}", *commands)

    def _server_plan(self, place: "Beside") -> ServerPlan:
        assert self._plan.files
        return ServerPlan(
            self._plan.files.snapshot,
            self._plan.onto,
            place.new,
            (place.folder,),
            approval=self._plan.approval,
        )

    def _expected(self, place: "Beside") -> float | None:
        """Its share of what all folders may take."""
        source = self._plan.files
        if source is None or source.expected is None:
            return None
        folder = place.folder.decode(errors="surrogateescape")
        share = sum(
            size for name, size in source.parts if name == folder or name.startswith(folder.rstrip("/") + "/")
        )
        return source.expected.seconds * share / max(1, source.bytes)

    # databases

    async def _databases(self) -> Step:
        from tuibackup.jobs.recover.databases import restore_all

        source, began = self._plan.databases, time.monotonic()
        assert source
        expected = source.expected.seconds if source.expected else None
        what, where = self._databases_words(), self._plan.onto.name
        judged = self._before.databases(self._plan, self._there)
        if judged.done:
            return self._again(what, where, expected, judged.done)
        if judged.fault:
            return Step(what, where, Outcome.FAILED, _since(began), expected, judged.fault)
        if judged.drop:
            self._notes(
                sentence(
                    "an earlier recovery of {server} left {names} on {onto} half made: they are dropped and restored"
                    " again",
                    server=self._plan.server,
                    names=", ".join(map(printable, judged.drop)),
                    onto=where,
                )
            )
        try:
            done = await restore_all(
                self._plan,
                judged.drop,
                self._config,
                self._recorder,
                self._answers,
                self._notes,
                lambda progress: self._on_progress(source.snapshot.spec, progress),
                self._told,
            )
        except (ConnectionLostError, InterruptedRunError):
            raise
        except TuibackupError as error:
            return Step(what, where, Outcome.FAILED, _since(began), expected, str(error))
        found = done.found
        detail = next(iter((*found.differences, *found.gaps)), "") or sentence(
            "{tables}, {rows} compared",
            tables=sentence_n("{count} table", "{count} tables", found.tables),
            rows=sentence_n("{count} row", "{count} rows", found.rows),
        )
        return Step(what, f"{where} ({found.where})", done.outcome, done.seconds, expected, detail)

    def _databases_words(self) -> str:
        assert self._plan.databases
        names = [printable(name) for name, _size in self._plan.databases.parts]
        return sentence_n(
            "{number} database: {names}",
            "{number} databases: {names}",
            len(names),
            number=len(names),
            names=", ".join(names),
        )

    def _again(self, what: str, where: str, expected: float | None, entry: "Entry") -> Step:
        seconds = entry.body.get("seconds")
        return Step(
            what,
            where,
            Outcome(entry.body["outcome"]),
            float(seconds) if isinstance(seconds, int | float) else 0.0,
            expected,
            sentence("done before, and left as it is"),
            tuple(map(str, entry.body.get("swap") or ())),
            True,
        )


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
