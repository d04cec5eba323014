"""A report in a process of its own: the command that anybody could type. The cockpit's own process has one language,
and must not wait for a ledger of a million entries.
"""

import asyncio
from importlib.util import find_spec
from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.jobs.timer.install import program
from tuibackup.run.operator import Operator
from tuibackup.text import printable
from tuibackup.words import sentence

_NOT_RECORDED = (
    3  # the exit code of a report that was made, and is not in the ledger; what it said tells that
)


def place(config: Config, about: str, ending: str = "") -> Path:
    """Where the report about that is filed: without an `ending` as PDF where that can be made, else as a page for a
    browser. Makes the folder. Raises UsageError.
    """
    ending = ending or ("pdf" if find_spec("typst") else "html")
    path = config.state / "reports" / f"{about}.{ending}"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(
            sentence("{path} cannot be written: {error}", path=printable(str(path)), error=error.strerror)
        ) from None
    return path


async def make_apart(config: Config, operator: Operator, about: str) -> tuple[Path, str]:
    """Make the report of a month ("2026-11") or a year; its file, and what the command said.

    Raises UsageError with what it said where it failed. Cancelling this ends it.
    """
    path = place(config, about)
    span = ("--year", about) if len(about) == 4 else ("--month", about)
    who = ("--operator", operator.name) if operator.chosen else ()
    command = (*program(), "--config", str(config.source), "report", *span, "--output", str(path), *who)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        raise
    said = [printable(line) for line in (out + err).decode("utf-8", "replace").splitlines()]
    if process.returncode in (0, _NOT_RECORDED):
        return path, "\n".join(said)
    raise UsageError(said[-1].removeprefix("tuibackup: ") if said else sentence("the report was not made"))
