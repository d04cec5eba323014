"""Connects again after a connection was lost or closed, with the answers that the operator gave at the beginning.

A lost line may come back: step 2 tries for as long as the procedure allows for connecting, with longer and longer
pauses. But waiting does not help if a new connection needs the operator (a one-time code) or an agent that left with
its owner: then the run is *interrupted*, and the next one continues.
"""

import asyncio
import time

from tuibackup.errors import (
    ConnectError,
    HostKeyError,
    InterruptedRunError,
    LoginError,
    NeedsOperatorError,
    TuibackupError,
)
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.run.access import CONNECTING, disconnect, reach
from tuibackup.run.journal import events as ev
from tuibackup.run.locks import slot
from tuibackup.run.passwords import SecretError
from tuibackup.run.reporter import StepReporter
from tuibackup.run.state import Work
from tuibackup.run.unfinished import STARTS_AGAIN
from tuibackup.text import duration
from tuibackup.words import joined, sentence

LONGEST_PAUSE = 30.0  # seconds
LOGINS = (
    3  # refused: a server that starts refuses everybody for a while, but may also ban an address that insists
)


async def reconnect(work: Work) -> None:
    """Connect again if the connection was closed (to wait for a slot) or lost; else do nothing.

    Raises as `reach`; InterruptedRunError if a lost connection needs an operator.
    """
    if work.session is not None and not work.session.lost:
        return
    lost = work.session is not None
    let_go, work.let_go = work.let_go, False
    await disconnect(work)
    try:
        await reach(work)
    except (NeedsOperatorError, LoginError) as error:
        if lost:
            raise _given_up(work, error, "", STARTS_AGAIN) from error
        raise
    if not let_go:
        work.note(sentence("connected again"))


async def connect_again(work: Work, report: StepReporter, fruitless: int) -> tuple[Session, Probe]:
    """Step 2's next connection; `fruitless` were lost in a row while no new file came.

    Raises InterruptedRunError if there is none within `connect_within`; HostKeyError.
    """
    began = time.monotonic()
    deadline = began + work.config.sop.connect_within
    tried = refused = 0
    work.emit(ev.RunNote, text=sentence("connection lost: trying again"))
    await disconnect(work)
    while True:
        pause = min(LONGEST_PAUSE, 2.0 ** (max(0, fruitless - 1) + tried))
        tried += 1
        await _wait(report, min(pause, deadline - time.monotonic()), tried)
        try:
            async with slot(work.config.state, CONNECTING, kind="connect"):
                report.doing(sentence("connection lost, connecting again ({tried})", tried=tried))
                await reach(work, deadline)
        except HostKeyError:
            raise
        except (NeedsOperatorError, SecretError) as error:
            raise _given_up(work, error, "") from error
        except TuibackupError as error:  # it is down, or the connection was lost again at once
            refused += isinstance(error, LoginError)
            if refused == LOGINS or time.monotonic() >= deadline:
                took = sentence(
                    "tried {tried} times in {time}",
                    tried=tried,
                    time=duration(time.monotonic() - began),
                )
                raise _given_up(work, error, took if tried > 1 else sentence("tried once")) from error
        else:
            report.doing("")
            took = duration(time.monotonic() - began)
            work.emit(ev.RunNote, text=sentence("connected again after {time}", time=took))
            return work.connected(), work.tools()


async def _wait(report: StepReporter, seconds: float, tried: int) -> None:
    """Wait before the next try, and say for how long; said once, for the journal's sake."""
    report.doing(
        sentence(
            "connection lost, trying again in {seconds} s ({tried})",
            seconds=max(1, round(seconds)),
            tried=tried,
        )
    )
    await asyncio.sleep(seconds)


def _given_up(work: Work, error: TuibackupError, tried: str, way_out: str = "") -> InterruptedRunError:
    """The error to raise. The way out for step 2 is known only when its archives are closed (`Work.way_on`)."""
    why = error.message if isinstance(error, ConnectError | NeedsOperatorError) else str(error)
    lost = sentence("connection to {server} lost", server=work.plan.server)
    line = joined(", ", filter(None, (lost, tried)))
    return InterruptedRunError(joined(": ", (line, why)), way_out)
