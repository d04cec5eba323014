"""The little language of `exclude`: a pattern's parts, and their form as a regular expression.

What patterns mean is told in `files.exclude`, which obeys them; here it is decided whether one can be understood.
Each function raises ValueError with a sentence that tells the user what is wrong.
"""

import re
from collections.abc import Sequence

from tuibackup.words import sentence

_ANY_FOLDERS = b"([^/]+/)*"
_SPECIAL = re.compile(rb"[.\[\\()*+?{|^$]")


def check(pattern: str, folders: Sequence[str]) -> str:
    """`pattern` itself where it can be understood, and, if it is a full path, where it lies in one of `folders`."""
    if not pattern.strip("/"):
        raise ValueError(sentence('"{pattern}" names nothing', pattern=pattern))
    path = pattern
    if pattern.startswith("/"):
        inside = [folder for folder in folders if pattern.startswith(folder.rstrip("/") + "/")]
        if not inside:
            raise ValueError(
                sentence(
                    '"{pattern}" lies in none of the folders; begin it with one of them, or leave out the '
                    "slash in front",
                    pattern=pattern,
                )
            )
        path = pattern.removeprefix(inside[0].rstrip("/")).lstrip("/")
        if not path:
            raise ValueError(
                sentence('"{pattern}" is a whole folder; take it out of folders', pattern=pattern)
            )
    expression(parts(path), pattern)
    return pattern


def parts(path: str) -> list[str]:
    """The names of a pattern's path below the folder; one name alone is found at any depth."""
    plain = path.rstrip("/")
    names = plain.removeprefix("./").split("/")
    return ["**", *names] if "/" not in plain and names != ["**"] else names


def expression(names: Sequence[str], pattern: str) -> bytes:
    """A POSIX extended regular expression for the path of `names`, to be matched whole in the C locale."""
    parts: list[bytes] = []
    for number, name in enumerate(names, 1):
        if name == "**" and number < len(names):
            parts.append(_ANY_FOLDERS)
        elif name in ("", ".", ".."):
            raise ValueError(sentence('"{pattern}" has an empty, "." or ".." part', pattern=pattern))
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
        raise ValueError(
            sentence('"{pattern}": only plain letters, digits and signs go into [ ]', pattern=pattern)
        )
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
        raise ValueError(sentence('"{pattern}" has a set that matches nothing', pattern=pattern))
    if members == {"^"}:
        return rb"\^"
    # Plain are: "]" only in front, "^" only behind another, "-" only at the end, "[" not before ".:=".
    order = {"]": 0, "^": 2, "[": 3, "-": 4}
    inside = "".join(sorted(members, key=lambda member: (order.get(member, 1), member)))
    return b"[" + (b"^" if negated else b"") + inside.encode() + b"]"
