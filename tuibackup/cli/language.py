"""The language of the first words: help, and errors of the command line or of config.toml itself.

They come before the configuration is read, or instead of it. So its one line about the language is looked for alone.
"""

import os
import re
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from tuibackup.cli import attended
from tuibackup.words import LANGUAGES, _, use_language

_LINE = re.compile(rb"^[ \t]*language[ \t]*=[ \t]*[\"'](\w+)[\"']", re.MULTILINE)
_MOST = 1 << 16  # bytes of the file that are looked at


def speak(argv: Sequence[str]) -> None:
    """Speak the language that the configuration names, else that of the environment."""
    use_language()
    with ExitStack() as looking:
        for place in _places(argv):
            looking.enter_context(
                attended.depending_on(
                    place.parent, _("the folder of config.toml does not answer, {seconds} s")
                )
            )
            with suppress(OSError):
                if language := _named(place):
                    use_language(language)
                return


def _places(argv: Sequence[str]) -> list[Path]:
    """Where `config.place.find` looks for the file; what that loads is not needed for help."""
    for number, word in enumerate(argv):
        if word == "--config" and number + 1 < len(argv):
            return [Path(argv[number + 1])]
        if word.startswith("--config="):
            return [Path(word.removeprefix("--config="))]
    if value := os.environ.get("TUIBACKUP_CONFIG"):
        return [Path(value)]
    home = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))
    return [home / "tuibackup/config.toml", Path("/etc/tuibackup/config.toml")]


def _named(place: Path) -> str | None:
    """The language that stands before the first table; a pipe is left to who reads all of it. Raises OSError."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        found = _LINE.search(file.read(_MOST).partition(b"\n[")[0])
    language = found[1].decode("ascii", "replace") if found else ""
    return language if language in LANGUAGES else None
