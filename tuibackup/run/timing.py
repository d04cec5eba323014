"""One step from its start to its record: timed, told in the journal, recorded in the ledger."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tuibackup.errors import ConnectionLostError, InterruptedRunError
from tuibackup.ledger.entries import Kind
from tuibackup.run import record
from tuibackup.run.journal import events as ev
from tuibackup.run.reporter import StepReporter
from tuibackup.run.state import LONGEST, Work, outcome_of
from tuibackup.sop import Outcome, Step, is_slow, limit
from tuibackup.text import duration, shorten
from tuibackup.words import joined, sentence

Do = Callable[[Work, StepReporter], Awaitable[str]]  # a step of `steps`; returns its result in one line


async def timed(work: Work, step: Step, do: Do) -> Outcome:
    """Do a step. Its failure is its outcome, and the line that says why is in `work.details`; a stop is raised."""
    expected = work.plan.expected.get(step)
    report = StepReporter(step, work.emit, expected=expected, limiting=lambda: _limiting(work))
    work.emit(ev.StepStarted, step=step)
    began = time.monotonic()
    ticker = asyncio.create_task(report.tick())
    outcome, detail = Outcome.INTERRUPTED, ""
    try:
        detail = await do(work, report)
        report.flush()
        outcome = Outcome.WARNINGS if report.findings_total else Outcome.DONE
    except ConnectionLostError as error:
        took = duration(time.monotonic() - began)
        said = sentence(
            "{message} during step {number} after {took}",
            message=error.message,
            number=step.number,
            took=took,
        )
        way_out = joined("; ", filter(None, (error.way_out, work.way_on())))
        detail = work.explain(ConnectionLostError(said, way_out))
    except InterruptedRunError as error:
        detail = work.explain(InterruptedRunError(error.message, error.way_out or work.way_on()))
    except Exception as error:  # a bug in one step must not stop the other clock
        outcome, detail = outcome_of(error), work.explain(error)
    finally:
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)
        report.flush()
        await _finish(work, step, report, outcome, time.monotonic() - began, detail)
    return outcome


async def _finish(
    work: Work, step: Step, report: StepReporter, outcome: Outcome, seconds: float, detail: str
) -> None:
    """Tell how it ended: the journal first, then the ledger."""
    work.findings += report.findings_total
    detail = work.details[step] = shorten(detail, LONGEST)
    allowed = limit(work.plan.standards.get(step), work.plan.expected.get(step))
    slow = is_slow(seconds, allowed)
    work.took[step] = round(seconds, 3)
    if slow and allowed is not None:
        work.slow.append(ev.Slow(step, round(seconds, 3), round(allowed, 3)))
    finished = ev.StepFinished(
        time=ev.now(),
        run=work.plan.run,
        server=work.plan.server,
        step=step,
        outcome=outcome,
        seconds=round(seconds, 3),
        detail=detail,
        slow=slow,
    )
    work.journal.append(finished)
    body = record.step_body(finished, work.plan, report.findings, report.findings_total)
    await work.write(Kind.STEP, body)


def _limiting(work: Work) -> float | None:
    """The bandwidth limit if it slows this run down just now."""
    pace = work.session.pace if work.session else None
    return pace.binding if pace else None
