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
from tuibackup.words import sentence

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
            raise NeedsOperatorError(sentence("needs an operator: {text}", text=question.text))
        return Secret(answer)
    return None


def _from_file(path: Path) -> Secret:
    """The first line of a private file."""
    named = sentence("password file {path}", path=path)
    return _first_line(read_private(path, named), named)


def read_private(path: Path, named: str) -> bytes:
    """What `path` holds, which must be a file of ours (or root's) that nobody else may read.

    `named` begins the messages. Raises SecretError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SecretError(
            sentence("{file} cannot be read: {error}", file=named, error=error.strerror),
            sentence("it must exist, belong to this account, and have mode 600"),
        ) from error
    with open(descriptor, "rb") as file:  # opened above in a way that a FIFO cannot block
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretError(sentence("{file} is not a regular file", file=named))
        if status.st_uid not in (0, os.geteuid()):
            raise SecretError(
                sentence("{file} belongs to somebody else", file=named),
                sentence("use one of your own"),
            )
        if status.st_mode & 0o077:
            raise SecretError(
                sentence("{file} can be read by others", file=named),
                f"chmod 600 {shlex.quote(str(path))}",
            )
        return file.read(_LIMIT)


async def _from_command(command: str) -> Secret:
    """The first line that `command` prints. Split as a shell would, but run without one: no pipes, no `~`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SecretError(
            sentence("password_command cannot be split into words: {error}", error=error)
        ) from error
    if not words:
        raise SecretError(sentence("password_command is empty"))
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
        raise SecretError(
            sentence("password_command {name} cannot be started: {error}", name=name, error=error.strerror)
        ) from error
    assert process.stdout is not None
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            output = await process.stdout.read(_LIMIT)
            while len(output) < _LIMIT and (more := await process.stdout.read(_LIMIT - len(output))):
                output += more
            status = await process.wait()
    except TimeoutError as error:
        raise SecretError(
            sentence(
                "password_command {name} took longer than {command_seconds} s",
                name=name,
                command_seconds=f"{COMMAND_SECONDS:.0f}",
            )
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status != 0:
        how = (
            sentence("was ended by signal {value}", value=-status)
            if status < 0
            else sentence("failed with exit status {status}", status=status)
        )
        raise SecretError(sentence("password_command {name} {how}", name=name, how=how))
    return _first_line(output, sentence("password_command {name}", name=name))


def _first_line(output: bytes, source: str) -> Secret:
    line = output.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise SecretError(sentence("{source} gave something that is not UTF-8 text", source=source)) from None
    if not text:
        raise SecretError(
            sentence("{source} gave an empty first line", source=source),
            sentence("the password goes into the first line"),
        )
    return Secret(text)
