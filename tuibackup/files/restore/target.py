"""The new folder on a server that is restored into: what is there, made, filled, listed, hashed, opened, removed.

Each look is a script of its own that first enters the folder and makes sure that it is ours: who may write into the
folder above could put a link in its place meanwhile, and root would follow it.
"""

import re
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple

import zstandard

from tuibackup.errors import DownloadError
from tuibackup.files.shell import sudo as sudo_words
from tuibackup.files.shell.find import GNU, STAT
from tuibackup.files.shell.tools import (
    StderrLines,
    attributes,
    choose_packer,
    last_line,
    missing_tools,
    read_piece,
    refuse_missing_sudo,
    send,
    wait_for_exit,
)
from tuibackup.remote.command import Completed, Exit
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Entry
from tuibackup.words import sentence

MARK = b".tuibackup-restore"
"""In the new folder until the restore is complete: which restore it is of."""

_SECONDS = 600.0  # for what searches no tree
_REMOVING = 4 * 3600.0
_OPEN_MODE = b"755"
_MOVED = 97  # the status of a script that found another folder in the place of ours
_ROOM = re.compile(rb"\s(\d+)\s+(\d+)\s+(-?\d+)\s+\S+%")
_FULL = re.compile(rb": (?:No space left on device|Disk quota exceeded|File too large)\s*$")

_LOOK = b"""
if [ -h "$new" ]; then echo link
elif [ -d "$new" ]; then
  if cd "$new" 2>/dev/null && [ -O . ] && [ -f "$mark" ] && [ ! -h "$mark" ] && [ -O "$mark" ]; then
    printf 'begun '; head -n 1 "$mark"
  else echo folder; fi
elif [ -e "$new" ]; then echo file
elif [ -d "$up" ]; then
  if [ -w "$up" ] && [ -x "$up" ]; then echo free; else echo closed; fi
elif [ -e "$up" ]; then echo no-folder
else echo missing; fi
df -P -k "$up" 2>/dev/null"""
# What cannot be marked as ours, as on a full disk, is taken away again: else it would be in the way of the next try.
_MAKE = b"""umask 077; mkdir -m 700 -- "$new" && cd "$new" || exit 1
printf '%s\\n' "$said" >"$mark" && echo made && exit
echo "$mark cannot be written" >&2; rm -f "$mark"; cd / && rmdir -- "$new"; exit 1"""
_ENTER = (
    b"""cd "$new" && [ -O . ] && [ -O "$mark" ] && [ ! -h "$mark" ] && [ "$(head -n 1 "$mark")" = "$said" ]"""
    b""" || { echo "$new is another folder now" >&2; exit %d; }\n""" % _MOVED
)
# A sync without -f ends well whatever the disk says: it is for those alone that know no other.
_SYNC = (
    b"""why=$(sync -f . 2>&1) || case $why in *option*|*operand*) sync;; *) echo "$why" >&2; exit 1;; esac"""
)
# The mark goes last: a line that is cut before leaves what the same command goes on with.
_CLOSE = b"""chmod %b . && { %b; } && rm -f "$mark" && echo open""" % (_OPEN_MODE, _SYNC)
# From within: by its name another folder could be met that was moved there meanwhile.
_REMOVE = b"""find . ! -name . -prune -exec rm -rf -- {} + && cd / && rmdir -- "$new" && echo gone"""
_STATES = b"""; do
  if [ -h "$one" ]; then echo link; elif [ -e "$one" ]; then echo there; else echo missing; fi
done"""
_UNPACKERS = {"zstd": b"zstd -q -dc |", "gzip": b"gzip -q -dc |", "": b""}


class Place(NamedTuple):
    """What is where the new folder is to be. `state`: *free* for nothing, *begun* for ours with `mark` in it.

    `free`: bytes of room that the account has there; None where the server does not tell.
    """

    state: str
    mark: bytes
    free: int | None


class Unpacked(NamedTuple):
    """How the server's tar ended. `said`: what it complained of; `full`: among that, that there is no room."""

    exit: Exit
    said: tuple[str, ...]
    full: bool


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """`path`, absolute, on the server of `session`; with `sudo` all is done as root. `mark`: one line that names us."""

    session: Session
    probe: Probe
    path: bytes
    mark: bytes
    sudo: bool = False

    @property
    def root(self) -> bool:
        """Whether owners can be given there."""
        return self.sudo or self.probe.uid == 0

    @property
    def plain(self) -> bool:
        """Whether its tar knows no pax records: BusyBox's."""
        return self.probe.tar != "gnu"

    @property
    def xattrs(self) -> bool:
        """Whether its tar can give extended attributes and access lists."""
        return attributes(self.probe)

    @property
    def name(self) -> str:
        return self.session.name

    async def look(self) -> Place:
        """What is there. Raises RemoteCommandError."""
        done = await self._run(_LOOK)
        state, _space, rest = done.stdout.partition(b"\n")[0].partition(b" ")
        room = _ROOM.search(done.stdout)
        free = max(0, int(room[3])) << 10 if room else None
        return Place(printable(state), rest.strip(), free)

    async def make(self) -> None:
        """Make the folder, for its owner alone. Raises DownloadError, with the server's words, where it cannot be."""
        done = await self._run(_MAKE)
        if done.stdout.strip() != b"made":
            said = last_line(done.stderr)
            raise DownloadError(
                sentence(
                    "{server}: {folder} cannot be made{said}",
                    server=self.name,
                    folder=printable(self.path),
                    said=said,
                ),
                sentence(
                    "choose a folder that this account may write into, on a disk with room, or set sudo = true"
                ),
            )

    async def unpack(self, pieces: AsyncIterator[bytes], *, numeric_owner: bool) -> Unpacked:
        """Give `pieces`, a tar stream, to the server's tar. Raises ConnectionLostError, DownloadError for silence."""
        packer = choose_packer(self.probe)
        words = [b"tar", b"-x", b"-p"]
        if not self.plain:
            words += [b"--delay-directory-restore", b"--warning=no-timestamp"]
        if self.xattrs:
            words += [b"--xattrs", b"--xattrs-include='*'", b"--acls"]
        if numeric_owner:
            words += [b"--numeric-owner"]
        script = b"umask 022; " + _UNPACKERS[packer] + b" " + b" ".join([*words, b"-f", b"-"])
        lines = _Complaints()
        async with self.stream(script, lines) as channel:
            packed = _Packed(packer)
            async for piece in pieces:
                if channel.over or lines.full:  # tar has given up, or goes on to the end with nothing
                    break
                if data := packed.next(piece):
                    await send(channel, data, self.name)
            await send(channel, packed.end(), self.name)
            channel.write_eof()
            exit_ = await wait_for_exit(channel, self.name)
        said = lines.drain()
        self.require_ours(exit_.status, said)
        if lines.by_sudo and not exit_.ok and not said:
            raise self._refused(lines.by_sudo)
        told = tuple(printable(line) for line in said if not line.startswith(b"tar: Exiting with failure"))
        return Unpacked(exit_, told, lines.full)

    async def listing(self) -> AsyncIterator[list[Entry]]:
        """Everything in it, some at a time, its own entry with the path b"". DownloadError, ConnectionLostError."""
        find = GNU if self.probe.find == "gnu" else STAT
        words = b" ".join(_quoted(word) for word in (b"find", b".", *find.inventory_words))
        reader, lines = find.listing(b"."), StderrLines()
        async with self.stream(words, lines) as channel:
            while data := await read_piece(channel, self.name):
                yield list(reader.feed(data))
            exit_ = await wait_for_exit(channel, self.name)
        self.require_ours(exit_.status, lines.drain())
        reader.close()

    async def script(self, text: bytes, data: bytes = b"", *, limit: int = 64 << 20) -> Completed:
        """A script in the folder. Raises DownloadError where the folder is not ours any more."""
        done = await self._run(_ENTER + text, data, limit=limit)
        self.require_ours(done.exit_status, done.stderr.splitlines())
        return done

    async def sync(self) -> None:
        """Bring what was written to the server's disk. Raises DownloadError where the disk does not take it."""
        done = await self.script(_SYNC)
        if not done.ok:
            raise DownloadError(
                sentence(
                    "{server}: the disk did not take what was written to {folder}{said}",
                    server=self.name,
                    folder=printable(self.path),
                    said=last_line(done.stderr),
                ),
                sentence("look at that disk; then remove the folder, and restore again"),
            )

    async def states(self, paths: Sequence[bytes]) -> list[str]:
        """What is at each path of that server now: *link*, *there* or *missing*."""
        script = b"for one in " + b" ".join(map(_quoted, paths)) + _STATES
        return (await self._run(script)).stdout.decode("ascii", "replace").split()

    async def open(self) -> None:
        """It is complete: let others enter it as their modes allow. Raises DownloadError."""
        done = await self.script(_CLOSE)
        if done.stdout.strip() != b"open":
            raise DownloadError(
                sentence(
                    "{server}: {folder} is complete, but cannot be opened for others{said}",
                    server=self.name,
                    folder=printable(self.path),
                    said=last_line(done.stderr),
                )
            )

    async def remove(self) -> bool:
        """Remove the folder that this restore made, with all in it; whether it is gone."""
        done = await self._run(_ENTER + _REMOVE, timeout=_REMOVING)
        return done.stdout.strip() == b"gone"

    # the way there

    def _text(self, script: bytes) -> bytes:
        """`script` with its variables, as the words of one command, as root where that is configured.

        A rule of sudo for find and tar alone is enough: find starts the rest.
        """
        names = (b"new", self.path), (b"up", parent(self.path)), (b"mark", MARK), (b"said", self.mark)
        text = b"LC_ALL=C; export LC_ALL; " + b"".join(
            b"%b=%b; " % (name, _quoted(value)) for name, value in names
        )
        text += script
        if not self.sudo:
            return text
        # find would put names in the place of these two.
        text = text.replace(b"{}", b"{''}")
        return (
            b"exec sudo -n -- find / -prune -exec sh -c " + _quoted(text).replace(b"{}", b"{''}") + b" {} +"
        )

    async def _run(
        self, script: bytes, data: bytes = b"", *, timeout: float = _SECONDS, limit: int = 8 << 20
    ) -> Completed:
        done = await self.session.run(self._text(script), input=data, timeout=timeout, limit=limit)
        by_sudo = [line for line in done.stderr.splitlines() if sudo_words.is_from_sudo(line)]
        if by_sudo and not done.ok and not done.stdout:
            raise self._refused(by_sudo)
        return done

    def stream(self, script: bytes, lines: StderrLines) -> AbstractAsyncContextManager[Stream]:
        """A script in the folder, as a running command; `require_ours` says what its end means."""
        return self.session.stream(self._text(_ENTER + script), on_line=lines.take)

    def _refused(self, by_sudo: Sequence[bytes]) -> DownloadError:
        account = self.probe.user or self.session.user
        return sudo_words.refused_by_sudo(self.name, account, self.probe.find_and_tar, by_sudo)

    def require_ours(self, status: int, said: Iterable[bytes]) -> None:
        """Raises DownloadError where a script ended because the folder is another one."""
        # find starts the script where there is sudo, and ends with a status of its own.
        if status == _MOVED or (status and any(b"is another folder now" in line for line in said)):
            raise DownloadError(
                sentence(
                    "{server}: {folder} is not the folder any more that this restore made",
                    server=self.name,
                    folder=printable(self.path),
                ),
                sentence("somebody moved or removed it: restore into another one"),
            )


class _Complaints(StderrLines):
    """What tar complains; `full`: of a disk without room, which it meets with each file that comes after."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False

    def take(self, line: bytes) -> None:
        self.full = self.full or _FULL.search(line) is not None
        super().take(line)


class _Packed:
    """A stream packed as the server can unpack it."""

    def __init__(self, packer: str) -> None:
        self._zstd = zstandard.ZstdCompressor(level=1).compressobj() if packer == "zstd" else None
        self._gzip = zlib.compressobj(1, zlib.DEFLATED, 31) if packer == "gzip" else None

    def next(self, data: bytes) -> bytes:
        packer = self._zstd or self._gzip
        return packer.compress(data) if packer else data

    def end(self) -> bytes:
        packer = self._zstd or self._gzip
        return packer.flush() if packer else b""


def refuse_unable(probe: Probe, server: str, *, sudo: bool) -> None:
    """DownloadError for a server that files cannot be put back onto: no shell, or not the tools."""
    if why := missing_tools(probe):
        raise DownloadError(
            sentence(
                "{server}: {why}; files are put back with the server's own shell and tar",
                server=server,
                why=why[0],
            ),
            sentence(
                "restore into a folder here (--to DIR), and send that: sftp, put -r DIR; or {way_out}",
                way_out=why[1],
            ),
        )
    refuse_missing_sudo(probe, server, sudo=sudo)


def parent(path: bytes) -> bytes:
    """The folder above an absolute path."""
    return path.rpartition(b"/")[0] or b"/"


def _quoted(word: bytes) -> bytes:
    """One word of sh, always between quotes."""
    return b"'" + word.replace(b"'", b"'\\''") + b"'"
