"""Recovers what can be of a lost server onto another one: folders into new folders, databases into an empty server.

Each is compared, timed and recorded. Nothing that is there is touched: the swap is only shown. A recovery that was
ended is continued by the same command: what the ledger says is done, and is there, is left.
"""

import asyncio
import shlex
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import (
    ConnectionLostError,
    InterruptedRunError,
    LedgerError,
    TuibackupError,
)
from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.jobs.recover.plan import RecoveryPlan
from tuibackup.jobs.restore.plan import ServerPlan
from tuibackup.jobs.trust import accepting
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.remote.questions import Answers
from tuibackup.run.places import open_ledger
from tuibackup.run.questions import RememberedAnswers
from tuibackup.sop import Outcome, worst
from tuibackup.text import printable
from tuibackup.words import joined, later, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.jobs.recover.place import Beside
    from tuibackup.ledger.entries import Entry

OnProgress = Callable[[str, Progress], None]  # of which snapshot, and how far

_LOOKED_AT = 500  # entries of restores of a server, the newest
_A_RECOVERY = later("a recovery")


@dataclass(frozen=True, slots=True)
class Step:
    """One folder, or all databases. `expected`: seconds, None where nothing was measured before.

    `detail`: why it failed or what it proved; `swap`: commands that the operator may carry out on that server.
    `done_before`: an earlier call of the same recovery did it.
    """

    what: str
    where: str
    outcome: Outcome
    seconds: float
    expected: float | None
    detail: str
    swap: tuple[str, ...] = ()
    done_before: bool = False

    def document(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "where": self.where,
            "outcome": self.outcome.value,
            "seconds": self.seconds,
            "expected-seconds": None if self.expected is None else round(self.expected, 1),
            "detail": self.detail,
            "swap": list(self.swap),
            "done-before": self.done_before,
        }


@dataclass(frozen=True, slots=True)
class Recovered(Result):
    """What was brought back, step by step."""

    plan: RecoveryPlan
    steps: tuple[Step, ...]
    seconds: float
    dry_run: bool = False

    @property
    def outcome(self) -> Outcome:
        return worst([one.outcome for one in self.steps])

    def facts(self) -> dict[str, Any]:
        return {
            **({"dry-run": True} if self.dry_run else {}),
            "recovery": self.plan.server,
            "onto": self.plan.onto.name,
            "snapshots": [one.spec for one in self.plan.snapshots],
            "outcome": self.outcome.value,
            "seconds": self.seconds,
            "steps": [one.document() for one in self.steps],
        }

    def body(self) -> dict[str, Any]:
        wrong = [one.detail for one in self.steps if one.outcome is Outcome.FAILED]
        number = len(self.steps)
        return {
            **bounded(self.facts()),
            "detail": joined(
                ": ",
                (
                    self.plan.body()["detail"],
                    sentence_n("{number} step", "{number} steps", number, number=number),
                ),
            ),
            "error": wrong[0] if wrong else "",
        }


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
        self._before: list[Entry] = []
        self._there: list[str] = []  # databases that are there already

    async def look(self) -> "list[Beside]":
        """Reach the server, and log in to its database: whatever has to be asked is asked now."""
        from tuibackup.jobs.recover.place import beside
        from tuibackup.run.access import log_in, open_session

        self._before = await asyncio.to_thread(self._entries)
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

    async def forecast(self, places: "list[Beside]") -> AsyncIterator[Step]:
        """What each step would find."""
        from tuibackup.jobs.restore.forecast import forecast_on_server

        for place in places:
            plan = self._server_plan(place)
            outcome, detail = Outcome.DONE, ""
            before = self._done(snapshot=plan.snapshot.spec, into=plan.where)
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
            fault, before, _drop = self._judged()
            if before:
                fault = sentence("it was done before, and would be left")
            yield Step(
                self._databases_words(),
                self._plan.onto.name,
                Outcome.DONE if before or not fault else Outcome.FAILED,
                0.0,
                source.expected.seconds if source.expected else None,
                fault,
                (),
                bool(before),
            )

    # folders

    async def _folder(self, place: "Beside") -> Step:
        from tuibackup.jobs.restore.on_server import restore_on_server

        plan, began = self._server_plan(place), time.monotonic()
        what, expected = printable(place.folder), self._expected(place)
        before = self._done(snapshot=plan.snapshot.spec, into=plan.where)
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
        fault, before, drop = self._judged()
        if before:
            return self._again(what, where, expected, before)
        if fault:
            return Step(what, where, Outcome.FAILED, _since(began), expected, fault)
        if drop:
            self._notes(
                sentence(
                    "an earlier recovery of {server} left {names} on {onto} half made: they are dropped and restored"
                    " again",
                    server=self._plan.server,
                    names=", ".join(map(printable, drop)),
                    onto=where,
                )
            )
        try:
            done = await restore_all(
                self._plan,
                drop,
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

    def _judged(self) -> "tuple[str, Entry | None, list[str]]":
        """Why the databases cannot go there, the entry that says it is done, and what an earlier one left half made."""
        assert self._plan.databases
        onto, ours = self._plan.onto.name, {name.lower() for name, _size in self._plan.databases.parts}
        wanted = {"snapshot": self._plan.databases.snapshot.spec, "onto": onto, "databases": True}
        newest = next((one for one in self._before if wanted.items() <= one.body.items()), None)
        others = [name for name in self._there if name.lower() not in ours]
        if newest and newest.body.get("outcome") in ("done", "warnings") and len(self._there) >= len(ours):
            return "", newest, []
        # Only what an earlier one had begun and was stopped, or died: that was empty before, and nobody used it.
        half_made = newest is not None and newest.body.get("outcome", "interrupted") == "interrupted"
        if self._there and (others or not half_made):
            fault = sentence(
                "the database server of {onto} is not empty, it has {database}; databases are recovered into an"
                " empty one",
                onto=onto,
                database=printable((others or self._there)[0]),
            )
            return fault, None, []
        return "", None, list(self._there)

    # what was done before

    def _entries(self) -> "list[Entry]":
        with suppress(LedgerError), open_ledger(self._config, read_only=True) as ledger:
            return ledger.log(_LOOKED_AT, server=self._plan.server, kinds=("restore",))
        return []

    def _done(self, **wanted: Any) -> "Entry | None":
        """The newest entry of that restore, if it came to its end well."""
        for one in self._before:
            if all(one.body.get(name) == value for name, value in wanted.items()) and "outcome" in one.body:
                return one if one.body["outcome"] in ("done", "warnings") else None
        return None

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
