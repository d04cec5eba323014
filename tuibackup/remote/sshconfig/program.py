"""Asks the ssh of this machine what its configuration says of a host: `ssh -G` knows every word of it.

It runs the commands of `Match exec`, as ssh does. A run asks; the cockpit's start and `status` never do.
"""

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tuibackup.errors import ConnectError
from tuibackup.remote.sshconfig.words import REPEATED, Said
from tuibackup.text import printable, shorten
from tuibackup.words import sentence

SECONDS = 15.0  # for one answer: Match exec may ask the network
_LONGEST = 300  # cells of what ssh says
_SYSTEM = Path("/etc/ssh/ssh_config")
_ELSEWHERE = re.compile(rb"^\s*include(?:\s*=\s*|\s+)(?!/)", re.IGNORECASE | re.MULTILINE)


class RefusedError(Exception):
    """ssh does not answer; its words."""


class Answer(msgspec.Struct, frozen=True):
    """What ssh says of a host, and what it says of one that no configuration knows."""

    said: Said
    default: Said


def files() -> list[Path]:
    """The configuration files that count, the user's first.

    ssh looks for the user's in the home of the account, we in $HOME: where that is another folder, only the file
    there counts, as with `ssh -F`.
    """
    there = [_mine(), _SYSTEM] if _at_home() else [_mine()]
    return [path for path in there if os.path.isfile(path)]


async def ask(host: str, port: int | None, user: str | None) -> Answer | None:
    """ssh's answer about `host`; None where no ssh is installed, or it cannot be asked about this $HOME.

    Raises RefusedError, and ConnectError where ssh does not end.
    """
    program = shutil.which("ssh")
    if program is None or not _askable():
        return None
    words = [program, "-G", "-T"]
    words += [] if _at_home() else ["-F", str(_mine())]
    words += ["-p", str(port)] if port else []
    words += ["-l", user] if user else []
    said, default = await asyncio.gather(
        _run([*words, "--", host]), _run([program, "-G", "-T", "-F", "none", "--", "localhost"])
    )
    return Answer(_read(said), _read(default))


def _mine() -> Path:
    return Path("~/.ssh/config").expanduser()


def _at_home() -> bool:
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return False
    return os.path.realpath(home) == os.path.realpath(os.path.expanduser("~"))


def _askable() -> bool:
    """ssh would look for what a foreign home's configuration includes by a relative name in its own home."""
    if _at_home():
        return True
    try:
        return not _ELSEWHERE.search(_mine().read_bytes())
    except OSError:
        return False


async def _run(words: Sequence[str]) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that what Match exec started ends with it
        )
    except OSError as error:
        raise RefusedError(error.strerror or type(error).__name__) from error
    try:
        async with asyncio.timeout(SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        raise ConnectError(
            sentence(
                "ssh -G {words} did not end within {seconds} s",
                words=printable(words[-1]),
                seconds=f"{SECONDS:g}",
            ),
            sentence("see Match exec in ~/.ssh/config"),
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        raise RefusedError(shorten(printable(" ".join(lines[:2]) or sentence("it says nothing")), _LONGEST))
    return output.decode("utf-8", "surrogateescape")


def _read(output: str) -> Said:
    """One option a line. Files under ssh's idea of the home are under ours."""
    found: dict[str, list[str]] = {}
    theirs, ours = _homes()
    for line in output.splitlines():
        name, _, value = line.partition(" ")
        name = name.lower()
        if theirs and name in ("userknownhostsfile", "identityagent"):  # these ssh expands
            value = re.sub(rf"(?:^|(?<= )){re.escape(theirs)}(?=/)", lambda _match: ours, value)
        if name in REPEATED or name not in found:
            found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def _homes() -> tuple[str, str]:
    if _at_home():
        return "", ""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir.rstrip("/"), os.path.expanduser("~").rstrip("/")
    except KeyError:
        return "", ""
