"""Compares the content of files in the new folder with the snapshot: by hashes that the server makes, or read back."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from tuibackup.files.restore.target import ServerFolder
from tuibackup.files.shell.tools import STALL, SilenceError, StderrLines
from tuibackup.files.workers import in_thread
from tuibackup.remote.stream import Stream
from tuibackup.text import duration
from tuibackup.vault.index.read import IndexEntry
from tuibackup.words import sentence

BY_HASH, READ_BACK = "sha256sum", "read-back"

_SLOWEST = 1 << 20  # bytes that a server hashes in a second at least
_BATCH = 200  # names that are sent at once
_ODD = b"\\\n\r"  # what sha256sum writes otherwise than it is
_HASH = 64  # digits
_FAST = {BY_HASH: b"xargs -0 -r sha256sum --", READ_BACK: b"xargs -0 -r cat --"}
_ONE = b"""xargs -0 -r -n 2 sh -c 'mode=$1 name=$2
test -z "$mode" || chmod u+r "$name"
%b
test -z "$mode" || chmod "$mode" "$name"' sh"""
_SLOW = {
    BY_HASH: _ONE % b'sum=$(sha256sum <"$name"); echo "${sum%% *}"',
    READ_BACK: _ONE % b'cat <"$name"',
}


class Content(NamedTuple):
    """A file whose content was looked at; whether it is that of the snapshot."""

    file: IndexEntry
    same: bool


class _Answers(Protocol):
    """Reads what the server says of the files that it was `asked` about, in their order."""

    asked: deque[IndexEntry]

    def feed(self, data: bytes) -> Iterator[Content]: ...


async def how(target: ServerFolder) -> str:
    """BY_HASH or READ_BACK."""
    found = await target.script(
        b"command -v sha256sum >/dev/null 2>&1 && command -v xargs >/dev/null && echo yes"
    )
    return BY_HASH if found.stdout.strip() == b"yes" else READ_BACK


async def contents(
    target: ServerFolder, files: Iterable[IndexEntry], way: str
) -> AsyncIterator[list[Content]]:
    """What became of each file, some at a time; those that the server says nothing of are not the same.

    Raises DownloadError, ConnectionLostError.
    """
    later: list[IndexEntry] = []

    def plain() -> Iterator[IndexEntry]:
        for file in files:
            if _is_odd(file) or (not target.root and not file.entry.mode & 0o400):
                later.append(file)
            else:
                yield file

    fast: _Answers = _Sums() if way == BY_HASH else _Pieces()
    async for some in _asked(target, _FAST[way], plain(), lambda one: _place(one) + b"\0", fast):
        yield some
    slow: _Answers = _Lines() if way == BY_HASH else _Pieces()

    def pair(one: IndexEntry) -> bytes:
        mode = b"" if target.root or one.entry.mode & 0o400 else b"%04o" % one.entry.mode
        return mode + b"\0" + _place(one) + b"\0"

    if later:
        async for some in _asked(target, _SLOW[way], iter(later), pair, slow):
            yield some


class _Sums:
    """Lines of sha256sum: a hash and the name; a file that it cannot read has no line."""

    def __init__(self) -> None:
        self.asked: deque[IndexEntry] = deque()
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Content]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            name = line[_HASH + 2 :]
            while self.asked:
                file = self.asked.popleft()
                if _place(file) == name:
                    yield Content(file, _is(file, line[:_HASH]))
                    break
                yield Content(file, False)


class _Lines:
    """A hash in each line, an empty line for a file that cannot be read."""

    def __init__(self) -> None:
        self.asked: deque[IndexEntry] = deque()
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Content]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.asked:
                file = self.asked.popleft()
                yield Content(file, _is(file, line))


class _Pieces:
    """The content of one file behind the other, each as long as it is to be."""

    def __init__(self) -> None:
        self.asked: deque[IndexEntry] = deque()
        self._sha256 = hashlib.sha256()
        self._came = 0

    def feed(self, data: bytes) -> Iterator[Content]:
        view = memoryview(data)
        while self.asked:
            left = self.asked[0].entry.size - self._came
            self._sha256.update(view[:left])
            self._came += len(view[:left])
            if len(view) < left:
                return
            view = view[left:]
            file = self.asked.popleft()
            yield Content(file, _is(file, self._sha256.hexdigest().encode()))
            self._sha256, self._came = hashlib.sha256(), 0


async def _asked(
    target: ServerFolder,
    script: bytes,
    files: Iterator[IndexEntry],
    words: Callable[[IndexEntry], bytes],
    answers: _Answers,
) -> AsyncIterator[list[Content]]:
    """Send the names, and give the answers as they come; those that do not come are not the same."""
    lines, patience = StderrLines(), STALL
    async with target.stream(script, lines) as channel:

        async def ask() -> None:
            nonlocal patience
            while some := await in_thread(lambda: list(islice(files, _BATCH))):
                answers.asked.extend(some)
                patience += sum(one.entry.size for one in some) / _SLOWEST
                await channel.write(b"".join(map(words, some)))
            channel.write_eof()

        asking = asyncio.create_task(ask())
        try:
            while data := await _read(channel, target.name, lambda: patience):
                yield await in_thread(_fed, answers, data)
            await asking
            exit_ = await channel.wait()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    target.require_ours(exit_.status, lines.drain())
    yield [*answers.feed(b""), *(Content(file, False) for file in answers.asked)]


async def _read(channel: Stream, name: str, patience: Callable[[], float]) -> bytes:
    """The next bytes; b"" at the end. A large file is hashed for long before anything is said."""
    try:
        async with asyncio.timeout(patience()):
            return await channel.read()
    except TimeoutError:
        raise SilenceError(
            sentence(
                "{name}: the server sent nothing for {patience}", name=name, patience=duration(patience())
            )
        ) from None


def _fed(answers: _Answers, data: bytes) -> list[Content]:
    return list(answers.feed(data))


def _place(file: IndexEntry) -> bytes:
    return b"." + file.path


def _is_odd(file: IndexEntry) -> bool:
    return any(sign in file.path for sign in _ODD)


def _is(file: IndexEntry, digits: bytes) -> bool:
    return file.member is not None and digits.strip().decode("ascii", "replace") == file.member.sha256.hex()
