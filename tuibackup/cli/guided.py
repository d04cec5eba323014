"""The guided set-up in a plain terminal: it asks a line at a time, and shows what every answer brought."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from tuibackup.cli import loop
from tuibackup.cli.answers import TerminalAnswers, present
from tuibackup.cli.context import Context
from tuibackup.cli.output import coloured, paint, print_hanging, say
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.text import cells
from tuibackup.words import _, joined

if TYPE_CHECKING:
    from tuibackup.jobs.setup.engine import Row
    from tuibackup.jobs.setup.guide import Guide
    from tuibackup.jobs.setup.step import Prompt
    from tuibackup.remote.questions import Answers

T = TypeVar("T")

_BACK = "<"
_PATIENCE = 1.5  # seconds until it is said that something is being tried
_COLUMN = 14

Make = Callable[["Answers", Callable[[str], None]], "Guide"]


def guide(make: Make, context: Context) -> int:
    """Ask until all is done; then back up, if that is wanted. Returns the exit code."""
    if not present():
        raise UsageError(
            _("this asks questions and needs a terminal"),
            _("without one, write the server into config.toml; its comments show how"),
        )
    guided = loop.run(_asked(make))
    if not guided.first_check.back_up:
        return 0
    from tuibackup.cli import run
    from tuibackup.cli.main import Parser

    context.use(guided.reach.config)
    context.alone = False  # threads were started here
    parser = Parser("tuibackup run")
    run.define(parser)
    return run.run(parser.parse_intermixed_args([guided.server]), context)


async def _asked(make: Make) -> "Guide":
    with TerminalAnswers() as terminal:
        guided = make(terminal, lambda text: _print("·", "dim", "", text))
        try:
            await _Dialogue(guided, terminal).hold()
        finally:
            for text in await guided.close():
                say(text)
    return guided


class _Dialogue:
    """One set-up, from its first question to its last."""

    def __init__(self, guided: "Guide", terminal: TerminalAnswers) -> None:
        self._setup = guided.setup
        self._terminal = terminal
        self._printed = 0  # rows

    async def hold(self) -> None:
        print(
            _("enter takes what stands in [ ], < goes back, ctrl+c leaves and writes nothing"),
            file=sys.stderr,
        )
        while (prompt := await _patiently(self._setup.prompt())) is not None:
            self._print_rows()
            _print_prompt(prompt)
            answer = self._setup.preset()
            if answer is None:
                answer = await self._typed(prompt)
            else:
                print(f"{_line(prompt)}{answer}", file=sys.stderr)
            if answer == _BACK:
                self._back()
                continue
            try:
                await _patiently(self._setup.answer(answer))
            except TuibackupError as error:
                _print("×", "failed", "", _(str(error)))
        self._print_rows()

    async def _typed(self, prompt: "Prompt") -> str:
        answer = await self._terminal.typed(_line(prompt), secret=prompt.secret)
        if answer is None:
            raise KeyboardInterrupt
        return answer

    def _back(self) -> None:
        if not self._setup.back():
            _print("×", "failed", "", _("there is nothing to go back to"))
        self._printed = len(self._setup.rows)

    def _print_rows(self) -> None:
        for row in self._setup.rows[self._printed :]:
            _print_row(row)
        self._printed = len(self._setup.rows)


async def _patiently(work: Coroutine[Any, Any, T]) -> T:
    """Say after a moment that something is being tried."""
    task = asyncio.ensure_future(work)
    try:
        done, _pending = await asyncio.wait((task,), timeout=_PATIENCE)
        if not done:
            print(paint(f"  … {_('trying')}", "dim", coloured(sys.stderr)), file=sys.stderr, flush=True)
        return await task
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def _print_row(row: "Row") -> None:
    texts = [_(text) for text in (row.shown, *row.found) if text]
    _print("√", "done", row.title, joined(" · ", texts))
    for text in row.warned:
        _print("▲", "warnings", row.title, _(text))


def _print(sign: str, state: str, title: str, text: str) -> None:
    named = f" {title}{' ' * max(1, _COLUMN - cells(title))}" if title else " "
    print_hanging(
        f"  {sign}{named}",
        text,
        drawn=f"  {paint(sign, state, coloured(sys.stderr))}{named}",
        stream=sys.stderr,
    )


def _print_prompt(prompt: "Prompt") -> None:
    print(file=sys.stderr)
    for text in prompt.detail:
        print_hanging("  ", _(text), stream=sys.stderr)
    if prompt.paste:
        print(file=sys.stderr)
        for text in prompt.paste:  # as it is, so that it can be copied
            print(text, file=sys.stderr)
        print(file=sys.stderr)
    width = max((cells(choice.answer) for choice in prompt.choices), default=0)
    for choice in prompt.choices:
        print_hanging(
            f"  {choice.answer}{' ' * (width - cells(choice.answer))}  ", choice.words, stream=sys.stderr
        )


def _line(prompt: "Prompt") -> str:
    default = f" [{prompt.default}]" if prompt.default else ""
    return f"{prompt.text}{default} "
