"""The hosts that ~/.ssh/config names: to be offered, not to be relied on. What each means is `sshconfig`'s."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from tuibackup.remote.sshconfig import program
from tuibackup.text import printable

_MOST = 200
_DEEPEST = 8  # files that include each other


def aliases() -> tuple[str, ...]:
    """Names behind `Host` that stand for one host each, in the order of the files."""
    found: dict[str, None] = {}
    for path in program.files():
        found |= dict.fromkeys(_named(path, 0))
    return tuple(found)[:_MOST]


def _named(path: Path, depth: int) -> Iterator[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        word, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        names = [name.strip('"') for name in rest.split()]
        if word.lower() == "host":
            yield from (name for name in names if name == printable(name) and not set("*?!") & set(name))
        elif word.lower() == "include" and depth < _DEEPEST:
            for name in names:
                pattern = os.path.expanduser(name)
                pattern = pattern if pattern.startswith("/") else str(path.parent / pattern)
                for other in sorted(glob.glob(pattern)):
                    yield from _named(Path(other), depth + 1)
