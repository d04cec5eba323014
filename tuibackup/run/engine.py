"""Carries a plan out: needs, the four steps, the record. The same code serves processes, tests and the demo.

Order of the record: a snapshot is published, then the ledger says so, then the journal says *done*.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from tuibackup.config import Config
from tuibackup.errors import BusyError, InterruptedRunError, LedgerError, TuibackupError
from tuibackup.filelock import unlock
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.remote.questions import NoAnswers
from tuibackup.run import facts, record
from tuibackup.run.access import CONNECTING, disconnect
from tuibackup.run.held import TURN, once_free
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.run.locks import server_lock, slot, take_slot
from tuibackup.run.looking import look_if_due
from tuibackup.run.needs import find_vault, meet_needs, unmet
from tuibackup.run.places import open_ledger
from tuibackup.run.plan import Plan
from tuibackup.run.process import crash
from tuibackup.run.questions import RunAnswers
from tuibackup.run.reconnect import reconnect
from tuibackup.run.seal import seal
from tuibackup.run.silence import Silence
from tuibackup.run.state import Work, outcome_of
from tuibackup.run.steps import connect, download, dump, load, login
from tuibackup.run.stop import Stop
from tuibackup.run.timing import Do, timed
from tuibackup.run.unusual import judge as judge_figures
from tuibackup.sop import Clock, Outcome, Step, worst
from tuibackup.vault.incoming import sweep
from tuibackup.words import sentence

_TIDY_LOOK = 0.5  # seconds between two looks at it
_TIDY_SECONDS = 60.0  # what a stopped run may take to clean up; then it ends all the same


async def back_up(
    plan: Plan,
    config: Config,
    *,
    journal: Journal,
    answers: RunAnswers | None = None,
    stop: Stop | None = None,
    silence: Silence | None = None,
    told: Callable[[], object] = lambda: None,
) -> ev.RunFinished:
    """Carry `plan` out; returns what it wrote last into `journal` (see `Journal.create`) and the ledger.

    What goes wrong in a run is its outcome and is not raised. Cancelling is a stop by nobody in particular.
    `silence`: whether the backup disk does not answer; a stopped run does not wait for it then.
    `told` is called as soon as the outcome is written; what follows is tidying up.
    """
    began = time.monotonic()
    stop = stop or Stop()
    try:
        ledger = await _ledger(plan, config, journal, stop)
    except TuibackupError as error:
        finished = refuse(plan, journal, error)
        told()
        return finished
    with ledger, ExitStack() as held:
        work = Work(plan, config, journal, ledger, answers or NoAnswers())
        cancelled = False
        try:
            await _until_stopped(_procedure(work, answers, held), stop, held, silence, work.way_on)
        except asyncio.CancelledError:
            cancelled = True
            work.abandon(InterruptedRunError("stopped"))
        except Exception as error:
            work.abandon(error)
        finished = await _conclude(work, began, stop)
        told()
        if cancelled:
            raise asyncio.CancelledError
        return finished


async def _ledger(plan: Plan, config: Config, journal: Journal, stop: Stop) -> Ledger:
    """The ledger of the run, once no other process holds it; a stop ends the wait. Raises TuibackupError."""
    of: dict[str, Any] = {"run": plan.run, "server": plan.server}

    def say(text: str) -> None:
        journal.append(ev.RunWaiting(time=ev.now(), reason=ev.LEDGER, **of))
        journal.append(ev.RunNote(time=ev.now(), text=text, **of))

    opening = asyncio.create_task(once_free(partial(open_ledger, config, patience=TURN), say))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((opening, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            raise InterruptedRunError(sentence("stopped by {by}", by=stop.by), sentence("nothing was begun"))
        return opening.result()
    finally:
        opening.cancel()
        stopped.cancel()


def refuse(plan: Plan, journal: Journal, error: Exception) -> ev.RunFinished:
    """End a run that cannot even be recorded (no configuration, no ledger): its journal says why."""
    outcome = Outcome.INTERRUPTED if isinstance(error, InterruptedRunError) else Outcome.FAILED
    finished = ev.RunFinished(
        time=ev.now(),
        run=plan.run,
        server=plan.server,
        outcome=outcome,
        seconds=0.0,
        exit_code=error.exit_code if isinstance(error, TuibackupError) else 1,
        error=str(error) if isinstance(error, TuibackupError) else crash.line_of(error),
    )
    journal.finish(finished)
    return finished


async def _procedure(work: Work, answers: RunAnswers | None, held: ExitStack) -> None:
    """The steps of the SOP's page. `held` keeps the server's lock until the run is recorded."""
    plan = work.plan
    await asyncio.to_thread(find_vault, work)
    lock = server_lock(work.vault, plan.server, run=plan.run, operator=plan.operator.name)
    await asyncio.to_thread(lock.__enter__)  # in a thread, as all that touches the backup disk
    held.push(lock)
    await asyncio.to_thread(sweep, work.vault, plan.server)
    try:
        work.emit(ev.RunWaiting, reason="needs")
        async with slot(work.config.state, CONNECTING, kind="connect"):
            connected, _ = await asyncio.gather(
                timed(work, Step.CONNECT, connect), asyncio.to_thread(load, plan.clocks)
            )
        needs = await meet_needs(work) if connected is Outcome.DONE else unmet(work)
        work.emit(ev.NeedsMet, needs=needs)
        await work.write(Kind.NEEDS, record.needs_body(needs, work.plan))
        if plan.reason:
            await work.write(Kind.NOTE, record.note_body(plan.reason, plan.operator))
        if connected is not Outcome.DONE:
            for clock in Clock:
                work.fail(clock, connected, work.error)
            return
        work.emit(ev.RunWaiting, reason="needs")
        if answers is not None:
            await answers.ready()
        async with _own_slot(work):
            if Clock.FILES in work.plan.clocks:
                await _renew(work, Clock.FILES, (Step.DOWNLOAD, download))
            if Clock.DATABASES in work.plan.clocks:
                await _renew(work, Clock.DATABASES, (Step.LOGIN, login), (Step.DUMP, dump))
        await look_if_due(work)
    finally:
        await disconnect(work)


async def _renew(work: Work, clock: Clock, *steps: tuple[Step, Do]) -> None:
    """Carry out the steps that renew one clock. If they fail, the other clock's are still carried out."""
    try:
        await reconnect(work)
    except TuibackupError as error:
        work.fail(clock, outcome_of(error), work.explain(error))
        return
    async with facts.gathering(work):
        for step, do in steps:
            outcome = await timed(work, step, do)
            if outcome in (Outcome.FAILED, Outcome.INTERRUPTED):
                work.fail(clock, outcome, work.details[step])
                return


@asynccontextmanager
async def _own_slot(work: Work) -> AsyncIterator[None]:
    """Hold one of this host's slots. A run that must wait closes its connection, because that may take hours.

    But it keeps the connection if the operator gave a one-time code, which lets in only once.
    """
    state, parallel = work.config.state, work.config.run.parallel
    descriptor = take_slot(state, parallel)
    if descriptor is not None:
        try:
            yield
        finally:
            unlock(descriptor)
        return
    work.emit(ev.RunWaiting, reason="slot")
    if not work.answers.asked_codes:
        work.let_go = True
        await disconnect(work)
    async with slot(state, parallel):
        yield


async def _until_stopped(
    procedure: Coroutine[Any, Any, None],
    stop: Stop,
    held: ExitStack,
    silence: Silence | None,
    way_on: Callable[[], str],
) -> None:
    """Run `procedure` to its end, or cancel it when somebody asks to stop (InterruptedRunError).

    `way_on` says afterwards what the next run will do.

    If a thread does not end in time, `held` outlasts the run: the thread may still publish, and nobody may sweep what
    it works on.
    """
    work = asyncio.create_task(procedure)
    stopper = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((work, stopper), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
            return
    finally:
        stopper.cancel()
        if not work.done():
            work.cancel()
            deadline = time.monotonic() + _TIDY_SECONDS
            while not work.done() and not silence and time.monotonic() < deadline:
                await asyncio.wait((work,), timeout=_TIDY_LOOK)
        if not work.done():
            kept = held.pop_all()
            work.add_done_callback(lambda _task: kept.close())
    hangs = ""
    if silence:
        hangs = sentence(
            " while the backup disk did not answer: process {number} stays until it does", number=os.getpid()
        )
    raise InterruptedRunError(sentence("stopped by {by}{hangs}", by=stop.by, hangs=hangs), way_on())


async def _conclude(work: Work, began: float, stop: Stop) -> ev.RunFinished:
    """Record the outcome: in the ledger first, then in the journal."""
    await asyncio.to_thread(judge_figures, work)
    outcomes = [result.outcome for result in work.clocks.values()]
    outcome = worst(outcomes) if outcomes else Outcome.FAILED
    finished = ev.RunFinished(
        time=ev.now(),
        run=work.plan.run,
        server=work.plan.server,
        outcome=outcome,
        seconds=round(time.monotonic() - began, 3),
        exit_code=BusyError.exit_code if work.busy else ev.EXIT_CODES[outcome],
        files=work.clocks.get(Clock.FILES),
        databases=work.clocks.get(Clock.DATABASES),
        # A stop is no error if everything was stored already.
        error=work.error if outcome in (Outcome.FAILED, Outcome.INTERRUPTED) else "",
        findings=work.findings,
        slow=tuple(work.slow),
    )
    try:
        await work.write(Kind.RUN, record.run_body(finished, work.plan, stop))
    except LedgerError as error:
        line = sentence("{error} (what was stored is recorded at the next start)", error=error)
        finished = msgspec.structs.replace(finished, outcome=Outcome.FAILED, exit_code=1, error=line)
    else:
        await _seal(work)
    work.journal.finish(finished)
    return finished


async def _seal(work: Work) -> None:
    """Seal the record of this run. If that fails, the run is none the worse: what it stored is stored and recorded."""
    try:
        await asyncio.to_thread(seal, work.config, work.ledger, work.plan.operator)
    except LedgerError as error:
        work.note(sentence("the ledger could not be sealed: {error}", error=error))
