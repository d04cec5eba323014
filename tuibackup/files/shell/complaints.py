"""What the server's find and tar say on stderr, turned into names and reasons.

With LC_ALL=C both write one line per complaint and escape what is not plain ASCII, so a name with a newline
cannot fake a second one. What is in the snapshot is decided by what arrived; a line about a file that did arrive
says that it is not as it should be.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tuibackup.text import printable, shorten
from tuibackup.words import sentence

PERMISSION = sentence("may not be read: a sudo rule for the server's account (sudo = true), or exclude it")
VANISHED = sentence("vanished while the backup ran")

_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
# find: 'NAME': REASON; a tool calls itself by the path it was started by
_FIND = re.compile(rb"(?:/\S*/)?find: '(.*)': (.+)", re.DOTALL)
# tar: NAME: [Warning: ]REASON; a name may hold ": " itself, so the reasons are spelled out
_TAR = re.compile(
    rb"(?:/\S*/)?tar: (.+?): (?:Warning: )?((?:Cannot |File |file |Read error |Unknown file type|contains ).*)",
    re.DOTALL,
)
# Everything else is of others.
_OURS = re.compile(rb"(?:/\S*/)?(?:find|stat|tar|xargs): ")
# What is said of a file that does not come at all, as a rule.
_NEVER_CAME = (b"Cannot open", b"Cannot stat", b"Cannot change to", b"File removed before")
# A file system without attributes or access lists: tar says so for every file, and none of them is the worse for it.
_NO_ATTRIBUTES = re.compile(
    rb"(?:/\S*/)?tar: .*: (?:Warning: )?Cannot \w*(?:xattr|acl)\w*: "
    rb"(?:Operation not supported|Function not implemented)$",
    re.DOTALL,
)
# What tar says beside its complaints about files.
_NOISE = re.compile(
    rb"(?:/\S*/)?tar: (?:Removing leading|Exiting with failure status|The following options were used|"
    rb".*: (?:socket ignored|door ignored)$|.*support is not available$)"
)


# BusyBox's find, stat and tar, which escape nothing: TOOL: NAME: REASON, or TOOL: can't open 'NAME': REASON. Names
# are given to them with a slash or "./" in front.
_PLAIN = re.compile(
    rb"(?:/\S*/)?(?:find|stat|tar|readlink): (?:(?:can't|cannot) [\w ]+ '(.*)'|(\.?/.*)): ([^:]+)", re.DOTALL
)
# The last is the beginning of a name that holds a line break: where it is told, it is without a reason.
_PLAIN_NOISE = re.compile(
    rb"(?:/\S*/)?(?:tar: (?:error exit delayed from previous errors|short read)$|\w+: \.?/[^:]*$)"
)


class Complaint(NamedTuple):
    """One line: `name` as it was given to the tool (b"" when it concerns none), `reason` as a short sentence.

    `refused` says that a permission was missing; `padded`, that the file was filled up with zeros.
    """

    name: bytes
    reason: str
    refused: bool = False
    padded: bool = False

    @property
    def shrank(self) -> bool:
        """Whether it says no more than that the file had become shorter than it was."""
        return self.reason.startswith(("File shrank", "short read"))


def from_find(line: bytes) -> Complaint | None:
    """A line of `find`'s stderr; None for what is not its own."""
    match = _FIND.fullmatch(line)
    if match is None:
        return Complaint(b"", _plain(line)) if _OURS.match(line) else None
    return _complaint(match[1], match[2])


def from_tar(line: bytes) -> Complaint | None:
    """A line of `tar`'s stderr; None for what says nothing about a file, or is not its own."""
    if _NOISE.match(line) or not _OURS.match(line):
        return None
    match = _TAR.fullmatch(line)
    if match is None:
        return Complaint(b"", _plain(line))
    return _complaint(match[1], match[2])


def plain(line: bytes) -> Complaint | None:
    """A line of BusyBox's find, stat or tar (or of another that is used in the same way)."""
    if _PLAIN_NOISE.match(line) or _NOISE.match(line) or not _OURS.match(line):
        return None
    match = _PLAIN.fullmatch(line)
    if match is None:
        return Complaint(b"", _plain(line))
    return _complaint(match[1] or match[2], match[3], escaped=False)


def readings(line: bytes, likeliest: Complaint, *, escaped: bool) -> Iterator[Complaint]:
    """The complaint of `line` as it was understood, and then every other way in which it may name a file.

    A name may hold ": " itself, and the words of tools change: who knows the names finds the right one.
    """
    yield likeliest
    said = line.partition(b": ")[2]
    at = said.find(b": ")
    while at > 0:
        yield _complaint(said[:at], said[at + 2 :].removeprefix(b"Warning: "), escaped=escaped)
        at = said.find(b": ", at + 1)


def never_came(line: bytes) -> bool:
    """Whether tar says of a file that it cannot send it: what did not come needs no complaint to be missing."""
    return any(b": " + said in line for said in _NEVER_CAME)


def no_attributes(line: bytes) -> bool:
    """Whether it says no more than that the file system has no extended attributes or access lists."""
    return _NO_ATTRIBUTES.match(line) is not None


def _complaint(name: bytes, said: bytes, *, escaped: bool = True) -> Complaint:
    what, _, reason = said.rpartition(b": ")
    whole_file = not what or what.startswith(_NEVER_CAME)
    refused = reason in (b"Permission denied", b"Operation not permitted")
    if refused and whole_file:
        text = PERMISSION
    elif (reason == b"No such file or directory" and whole_file) or said.startswith(b"File removed before"):
        text = VANISHED
    else:
        text = _plain(said)
    padded = said.startswith((b"Read error", b"File shrank"))
    return Complaint(_unescaped(name) if escaped else name, text, refused, padded)


def _plain(said: bytes) -> str:
    return shorten(printable(said.strip()), 200) or sentence("the server's tool complained without a word")


def _unescaped(name: bytes) -> bytes:
    def byte(match: re.Match[bytes]) -> bytes:
        escaped = match[1]
        if len(escaped) == 3:
            return bytes([int(escaped, 8) & 0xFF])
        return _LETTERS.get(escaped, escaped)

    return _ESCAPE.sub(byte, name)
