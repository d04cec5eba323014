"""Gets passwords from a file of ours, a command, or the operator; never from argv or the environment.

The fourth source, an option file on the server, is read over the connection by `database.connect.login`.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import stat
from pathlib import Path

from tuibackup.config import SecretSource
from tuibackup.errors import NeedsOperatorError, TuibackupError
from tuibackup.remote.questions import Answers, Question
from tuibackup.secret import Secret

COMMAND_SECONDS = 30.0
_LIMIT = 64 * 1024


class SecretError(TuibackupError):
    """A configured source gave no secret. The message names the source, never its output."""


async def resolve(source: SecretSource, question: Question, answers: Answers) -> Secret | None:
    """The secret of `source`, None if it names none. `question` is asked if it says `prompt`.

    Raises SecretError, and NeedsOperatorError if nobody answers.
    """
    if source.file is not None:
        return await asyncio.to_thread(_from_file, source.file)
    if source.command is not None:
        return await _from_command(source.command)
    if source.prompt:
        answer = await answers.ask(question)
        if answer is None:
            raise NeedsOperatorError(f"needs an operator: {question.text}")
        return Secret(answer)
    return None


def _from_file(path: Path) -> Secret:
    """The first line of `path`, which must be a file of ours (or root's) that nobody else may read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SecretError(
            f"password file {path} cannot be read: {error.strerror}",
            "it must exist, belong to this account, and have mode 600",
        ) from error
    with open(descriptor, "rb") as file:  # opened above in a way that a FIFO cannot block
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretError(f"password file {path} is not a regular file")
        if status.st_uid not in (0, os.geteuid()):
            raise SecretError(f"password file {path} belongs to somebody else", "use one of your own")
        if status.st_mode & 0o077:
            raise SecretError(
                f"password file {path} can be read by others", f"chmod 600 {shlex.quote(str(path))}"
            )
        return _first_line(file.read(_LIMIT), f"password file {path}")


async def _from_command(command: str) -> Secret:
    """The first line that `command` prints. Split as a shell would, but run without one: no pipes, no `~`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SecretError(f"password_command cannot be split into words: {error}") from error
    if not words:
        raise SecretError("password_command is empty")
    name = Path(words[0]).name  # its arguments may hold what should not be shown
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            limit=_LIMIT,
        )
    except OSError as error:
        raise SecretError(f"password_command {name} cannot be started: {error.strerror}") from error
    assert process.stdout is not None
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            output = await process.stdout.read(_LIMIT)
            while len(output) < _LIMIT and (more := await process.stdout.read(_LIMIT - len(output))):
                output += more
            status = await process.wait()
    except TimeoutError as error:
        raise SecretError(f"password_command {name} took longer than {COMMAND_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status != 0:
        how = f"was ended by signal {-status}" if status < 0 else f"failed with exit status {status}"
        raise SecretError(f"password_command {name} {how}")
    return _first_line(output, f"password_command {name}")


def _first_line(output: bytes, source: str) -> Secret:
    line = output.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise SecretError(f"{source} gave something that is not UTF-8 text") from None
    if not text:
        raise SecretError(f"{source} gave an empty first line", "the password goes into the first line")
    return Secret(text)
