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

from tuibackup.errors import ConfigError

_ANY_FOLDERS = b"([^/]+/)*"
_SPECIAL = re.compile(rb"[.\[\\()*+?{|^$]")


def find_arguments(
    patterns: Sequence[str], folder: bytes, resolved: bytes
) -> tuple[list[bytes], list[bytes]]:
    """What `find RESOLVED` needs to obey `patterns`: a test for what is left out, one for folders kept empty.

    Either list is empty where nothing applies. Raises ConfigError for a pattern that cannot be understood.
    """
    everything: list[bytes] = []
    folders: list[bytes] = []
    emptied: list[bytes] = []
    for pattern in patterns:
        path = _below(pattern, folder)
        if path is None:
            continue
        only_folders = path.endswith("/")
        names = path.rstrip("/").removeprefix("./").split("/")
        if path.rstrip("/").count("/") == 0 and names != ["**"]:
            names.insert(0, "**")
        regex = _regex(names, pattern)
        (folders if only_folders else everything).append(regex)
        if len(names) > 1 and names[-1] == "**" and not only_folders:
            emptied.append(_regex(names[:-1], pattern))
    tests = [
        *_test([], everything, resolved),
        *([b"-o"] if everything and folders else []),
        *_test([b"-type", b"d"], folders, resolved),
    ]
    return tests, _test([b"-type", b"d"], emptied, resolved)


def _below(pattern: str, folder: bytes) -> str | None:
    """The part of `pattern` below `folder`; None where it is a full path elsewhere."""
    if not pattern.strip("/"):
        raise ConfigError(f'exclude pattern "{pattern}" names nothing')
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


def _regex(names: Sequence[str], pattern: str) -> bytes:
    """A POSIX extended regular expression for the path of `names`, to be matched whole in the C locale."""
    parts: list[bytes] = []
    for number, name in enumerate(names, 1):
        if name == "**" and number < len(names):
            parts.append(_ANY_FOLDERS)
        elif name in ("", ".", ".."):
            raise ConfigError(f'exclude pattern "{pattern}" has an empty, "." or ".." part')
        else:
            parts.append(_name(name, pattern) + (b"/" if number < len(names) else b""))
    return b"".join(parts)


def _name(name: str, pattern: str) -> bytes:
    result = bytearray()
    if name.strip("*") == "":
        return b"[^/]+"
    rest = name
    while rest:
        letter, rest = rest[0], rest[1:]
        if letter == "*":
            result += b"[^/]*"
        elif letter == "?":
            result += b"[^/]"
        elif letter == "[" and (end := rest.find("]", 2 if rest[:1] in "!^" else 1)) > 0:
            result += _set(rest[:end], pattern)
            rest = rest[end + 1 :]
        else:
            if letter == "\\" and rest:
                letter, rest = rest[0], rest[1:]
            result += _SPECIAL.sub(rb"\\\g<0>", letter.encode("utf-8", "surrogateescape"))
    return bytes(result)


def _set(text: str, pattern: str) -> bytes:
    """A bracket expression with its members spelled out, in the order in which POSIX takes each literally."""
    negated = text[0] in "!^"
    text = text[1:] if negated else text
    if not text.isascii():
        raise ConfigError(f'exclude pattern "{pattern}": only plain letters, digits and signs go into [ ]')
    members: set[str] = set()
    while text:
        if len(text) > 2 and text[1] == "-":
            members.update(chr(code) for code in range(ord(text[0]), ord(text[2]) + 1))
            text = text[3:]
        else:
            members.add(text[0])
            text = text[1:]
    members.discard("/")
    if negated:
        members.add("/")
    if not members:
        raise ConfigError(f'exclude pattern "{pattern}" has a set that matches nothing')
    if members == {"^"}:
        return rb"\^"
    # Plain are: "]" only in front, "^" only behind another, "-" only at the end, "[" not before ".:=".
    order = {"]": 0, "^": 2, "[": 3, "-": 4}
    inside = "".join(sorted(members, key=lambda member: (order.get(member, 1), member)))
    return b"[" + (b"^" if negated else b"") + inside.encode() + b"]"
