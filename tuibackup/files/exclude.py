"""The rules of `exclude`, and their form for the server's `find`: what is left out is not even read there.

A pattern is matched against the path below each configured folder:

- without a slash (`*.log`) it matches a name at any depth;
- with one (`storage/cache`, `./tmp`) it matches the path from the configured folder on;
- with one in front it is a full path (`/var/www/siakad/tmp`), for the configured folder it begins with;
- `*` is any text but a slash, `?` one byte but a slash, `[a-z]` and `[!a-z]` one of a set; a backslash takes
  the next character as it is;
- `**` between slashes is any number of folders, also none; `cache/**` is everything below `cache`, which
  stays as an empty folder;
- with a slash at its end (`cache/`) it matches folders only.

What matches is left out with everything below it.
"""

import re
from collections.abc import Sequence

from tuibackup.config.patterns import expression, parts

# Of an extended regular expression: a set with its "+", a set, an escaped letter, any other.
_PARTS = re.compile(rb"(\[\^?\]?[^\]]*\])\+|\[\^?\]?[^\]]*\]|\\.|.", re.DOTALL)
_SPECIAL = re.compile(rb"[.\[\\()*+?{|^$]")
_SET = re.compile(rb"(\\.)|\[(\^?)(\]?[^]]*)\]", re.DOTALL)  # or a character that is escaped outside of one


def find_arguments(
    patterns: Sequence[str], folder: bytes, resolved: bytes
) -> tuple[list[bytes], list[bytes]]:
    """What `find RESOLVED` needs to obey `patterns`: a test for what is left out, one for folders kept empty.

    Either list is empty where nothing applies. Raises ValueError for a pattern that cannot be understood: the
    configuration was checked for that.
    """
    everything, folders, emptied = _regexes(patterns, folder)
    tests = [
        *_test([], everything, resolved),
        *([b"-o"] if everything and folders else []),
        *_test([b"-type", b"d"], folders, resolved),
    ]
    return tests, _test([b"-type", b"d"], emptied, resolved)


class Excludes:
    """The same rules here, for a server that has no `find` to obey them. Paths are relative to `folder`."""

    def __init__(self, patterns: Sequence[str], folder: bytes) -> None:
        self._everything, self._folders, self._emptied = map(_compiled, _regexes(patterns, folder))

    def leaves_out(self, path: bytes, *, folder: bool) -> bool:
        """Whether `path` is left out, with everything below it if it is a `folder`."""
        return bool(self._everything.fullmatch(path) or (folder and self._folders.fullmatch(path)))

    def empties(self, path: bytes) -> bool:
        """Whether the folder at `path` stays, but nothing of what is in it."""
        return bool(self._emptied.fullmatch(path))


def _regexes(patterns: Sequence[str], folder: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """For what is left out whatever it is, for folders that are, and for folders that are kept empty."""
    everything: list[bytes] = []
    folders: list[bytes] = []
    emptied: list[bytes] = []
    for pattern in patterns:
        path = _below(pattern, folder)
        if path is None:
            continue
        only_folders = path.endswith("/")
        names = parts(path)
        regex = expression(names, pattern)
        (folders if only_folders else everything).append(regex)
        if len(names) > 1 and names[-1] == "**" and not only_folders:
            emptied.append(expression(names[:-1], pattern))
    return everything, folders, emptied


def _compiled(regexes: list[bytes]) -> re.Pattern[bytes]:
    """POSIX expressions as one of Python's; without any, one that nothing matches."""
    return re.compile(b"|".join(b"(?:" + _SET.sub(_set, regex) + b")" for regex in regexes) or b"(?!)")


def _set(found: re.Match[bytes]) -> bytes:
    """In a set POSIX takes a backslash and an opening bracket literally, Python does not."""
    escaped, negated, members = found.groups()
    if escaped:
        return found[0]
    return b"[" + negated + re.escape(members) + b"]"


def _below(pattern: str, folder: bytes) -> str | None:
    """The part of `pattern` below `folder`; None where it is a full path elsewhere."""
    if not pattern.startswith("/"):
        return pattern
    start = folder.decode("utf-8", "surrogateescape").rstrip("/") + "/"
    if not pattern.startswith(start) or pattern == start:
        return None
    return "./" + pattern.removeprefix(start)


def _test(before: list[bytes], regexes: list[bytes], resolved: bytes) -> list[bytes]:
    if not regexes:
        return []
    start = _SPECIAL.sub(rb"\\\g<0>", resolved.rstrip(b"/"))
    return [*before, b"-regex", start + b"/(" + b"|".join(regexes) + b")"]


def basic(test: Sequence[bytes]) -> list[bytes]:
    """A test of `find_arguments` for a find that takes basic regular expressions, as BusyBox's does."""
    return [
        _basic(word) if before == b"-regex" else word
        for before, word in zip([b"", *test], test, strict=False)
    ]


def _basic(extended: bytes) -> bytes:
    """The same regular expression as a basic one, with `\\|`, which all of today's know."""

    def part(match: re.Match[bytes]) -> bytes:
        text, atom = match[0], match[1]
        if atom:  # a set, one or more times
            return atom + atom + b"*"
        if text in b"()|":
            return b"\\" + text
        return text[1:] if text[:1] == b"\\" and text[1:] in b"()+?{|" else text

    return _PARTS.sub(part, extended)
