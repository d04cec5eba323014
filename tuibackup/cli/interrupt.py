"""Watches runs; ctrl+c does not kill them, but asks whether to stop them or to leave them alone."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuibackup.cli import answers, attended
from tuibackup.cli.context import Context
from tuibackup.cli.watch import Watcher
from tuibackup.errors import UsageError
from tuibackup.words import _

LEFT = 130

Answer = Callable[[Watcher], Awaitable[None]]


async def watch_or_leave(
    context: Context, journals: Mapping[str, Path], watcher: Watcher, *, answer: Answer | None = None
) -> int:
    """Watch the runs until they end; returns the exit code of the worst, or 130 when they are left to go on.

    `answer` answers what the runs ask, beside the watching; ctrl+c says no to what is still asked.
    """
    attended.free_of(context.config.vault.path)  # the runs say themselves when it does not answer
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, pressed.set)
    watching = asyncio.create_task(watcher.watch())
    answering = asyncio.ensure_future(answer(watcher)) if answer else None
    try:
        while not watching.done():
            waiting = asyncio.create_task(pressed.wait())
            tasks: set[asyncio.Future[Any]] = {watching, waiting}
            if answering and not answering.done():
                tasks.add(answering)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if answering and answering.done():
                answering.result()
            if pressed.is_set() and not watching.done():
                pressed.clear()
                await _cancel(answering)
                with watcher.paused():
                    if not await _go_on(context, list(journals), watching, pressed):
                        return LEFT
        return watching.result()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        await _cancel(answering)
        await _cancel(watching)


async def _go_on(
    context: Context, runs: list[str], watching: asyncio.Future[int], pressed: asyncio.Event
) -> bool:
    """Ask what ctrl+c means; False to leave the runs alone. If nobody can be asked, it means stop."""
    choice: str | None = "s"
    if answers.present():
        print(
            _("\n[s]top what runs, [l]eave it running and go, or [enter] to go on watching? "),
            end="",
            file=sys.stderr,
            flush=True,
        )
        closed = asyncio.Event()
        watching.add_done_callback(lambda _task: closed.set())
        again = asyncio.create_task(pressed.wait())
        again.add_done_callback(lambda _task: closed.set())
        choice = await answers.line(closed)
        again.cancel()
        if choice is None and not watching.done():  # ctrl+c again, or ctrl+d
            choice = "l"
    choice = (choice or "").strip().lower()
    if choice.startswith("s"):
        await asyncio.to_thread(_stop, context, runs)
    elif choice.startswith("l"):
        print(_("the runs go on by themselves; to watch them: tuibackup follow"), file=sys.stderr)
        return False
    return True


def _stop(context: Context, runs: list[str]) -> None:
    from tuibackup.run.process.start import ask_stop

    for run in runs:
        with suppress(UsageError):  # it has ended meanwhile
            ask_stop(context.config, run, context.operator)


async def _cancel(task: "asyncio.Future[Any] | None") -> None:
    if task is not None and not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
