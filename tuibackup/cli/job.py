"""Starts a job from the command line and watches it; it goes on by itself when this window closes."""

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.context import Context
from tuibackup.cli.output import say
from tuibackup.errors import TuibackupError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.cli.watch import Watcher
    from tuibackup.jobs.process.order import Order
    from tuibackup.run.process.request import Request


def do(order: "Order", context: Context, *, as_json: bool, several: bool, detach: bool = False) -> int:
    """Have it done, print its results as they come; returns the exit code. `several`: it has many results.

    Where no process can be started for it (the state folder cannot be written), it is done in this one: to get a
    backup back must not depend on that.
    """
    from tuibackup.jobs.process.start import MODULE, start_job
    from tuibackup.run.process.launcher import Launcher

    try:
        with Launcher(MODULE, fork=context.alone) as launcher:
            request = start_job(order, context.config, launcher)
    except (TuibackupError, OSError) as error:
        say(_("it is done by this window itself, and ends with it: {reason}").format(reason=str(error)))
        return do_here(order, context, as_json=as_json, several=several)
    return loop.run(_follow(request, context, as_json=as_json, several=several, detach=detach))


async def _follow(request: "Request", context: Context, *, as_json: bool, several: bool, detach: bool) -> int:
    from tuibackup.cli.answers import TerminalAnswers
    from tuibackup.cli.interrupt import watch_or_leave
    from tuibackup.cli.jobwatch import Documents
    from tuibackup.cli.watch import Lines, Watcher

    journals = dict(zip(request.runs, request.journals, strict=True))

    async def answer(watcher: "Watcher | None" = None) -> None:
        with TerminalAnswers(watcher.paused if watcher else nullcontext) as terminal:
            await request.put_questions_to(terminal)

    if detach:
        await answer()
        print(*journals)
        print(_("the job goes on by itself; to watch it: tuibackup follow"), file=sys.stderr)
        return 0
    printer = Documents(several=several) if as_json else Lines(journals.values(), heading=False)
    watcher = Watcher(context.config, journals, printer)
    code = await watch_or_leave(context, journals, watcher, answer=answer)
    for finished in watcher.finished:
        context.missed(getattr(finished, "missed", 0), getattr(finished, "fault", ""))
    return code


def do_here(order: "Order", context: Context, *, as_json: bool, several: bool = False) -> int:
    """Do it in this process, with the same output."""
    from typing import Any

    from tuibackup.cli.answers import TerminalAnswers
    from tuibackup.cli.jobwatch import Documents
    from tuibackup.cli.progress import ProgressLine
    from tuibackup.cli.watch import Lines
    from tuibackup.jobs.process.carry_out import Telling, carry_out
    from tuibackup.run.journal import events as ev
    from tuibackup.sop import Outcome

    printer = Documents(several=several) if as_json else Lines((), heading=False)
    printer.event(order.planned())

    def result(outcome: Outcome, document: dict[str, Any]) -> None:
        printer.event(
            ev.JobResult(time=ev.now(), run=order.run, server=order.server, outcome=outcome, result=document)
        )

    with ProgressLine() as line, TerminalAnswers() as terminal:
        telling = Telling(line.update, result, say, terminal)
        outcome, code = carry_out(order.words, context.config, context.recorder, telling)
    printer.event(
        ev.JobFinished(
            time=ev.now(), run=order.run, server=order.server, outcome=outcome, seconds=0.0, exit_code=code
        )
    )
    return code
