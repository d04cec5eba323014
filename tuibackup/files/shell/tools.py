"""What step 2 asks of a server's tools, and the command lines for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Lock

from tuibackup.errors import DownloadError
from tuibackup.files.shell import complaints, sudo
from tuibackup.files.shell.find import FindDialect
from tuibackup.remote import packers
from tuibackup.remote.command import Exit, low_priority, piped, script
from tuibackup.remote.probe import Probe
from tuibackup.remote.refusals import way_out
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream
from tuibackup.text import duration, printable, shorten
from tuibackup.vault.archive.frames import FRAME
from tuibackup.words import sentence

STALL = 600.0  # seconds without a byte before we give up: a slow disk may be searched for long
_CHUNK = 256 << 10
_MOST_LINES = 10_000  # of stderr that wait to be looked at, …
_MOST_SAID = 4 << 20  # … and bytes of them
_MOST_BY_SUDO = 10
_PACKERS = {"zstd": packers.ZSTD, "gzip": packers.GZIP}


@dataclass(frozen=True, slots=True)
class Tools:
    """What one server is read with, the same for every stream of a run."""

    session: Session
    name: str  # of the server
    sudo: bool
    packed: str  # "zstd", "gzip" or ""
    xattrs: bool
    find: FindDialect  # how its find tells what there is
    whole_seconds: bool  # it tells no finer times
    names_on_line: bool  # its tar takes names on its command line only, BusyBox's
    account: str = ""  # there
    at: tuple[str, ...] = ()  # the paths of its find and tar
    level: int = 3  # of zstd, for what is stored as it packed it
    alike: bool = True  # its tar can be asked for the headers of an archive …
    device_numbers: bool = True  # … and writes device numbers for files, too: it did until 1.34

    def refused(self, by_sudo: Sequence[bytes]) -> DownloadError:
        """The error for a tool that sudo did not start and that therefore did nothing."""
        return sudo.refused_by_sudo(self.name, self.account, self.at, by_sudo)


def missing_tools(probe: Probe) -> tuple[str, str] | None:
    """Why this server cannot be read with tools of its own, and the way out; None where it can."""
    if not probe.shell:
        return sentence("does not run our commands: {said}", said=probe.said), way_out(probe.said)
    for tool, kind in (("find", probe.find), ("tar", probe.tar)):
        if kind is None:
            return sentence("this server has no {tool}", tool=tool), sentence("install GNU {tool}", tool=tool)
        if kind not in ("gnu", "busybox"):
            return (
                sentence(
                    "this server's {tool} is {kind}'s; only GNU's and BusyBox's can be used",
                    tool=tool,
                    kind=kind,
                ),
                sentence("install GNU {tool}", tool=tool),
            )
    # What links point to is asked of readlink where find is not GNU's.
    for tool in probe.lacks:
        if tool != "readlink" or probe.find == "busybox":
            return sentence("this server has no {tool}", tool=tool), sentence(
                "install {tool} (GNU findutils or coreutils)", tool=tool
            )
    if probe.find == "busybox" and probe.stat not in ("gnu", "busybox"):
        return sentence("this server has BusyBox's find and no stat beside it"), sentence(
            "install GNU find (findutils)"
        )
    return None


def refuse_missing_sudo(probe: Probe, name: str, *, sudo: bool) -> None:
    """DownloadError where the configuration wants sudo and the server has none."""
    # A rule for find and tar alone is enough: that `sudo -n true` fails (probe.sudo is False) says nothing.
    if sudo and probe.sudo is None:
        raise DownloadError(
            sentence("{name}: there is no sudo on this server", name=name),
            sentence("install it, or set sudo = false"),
        )


def choose_packer(probe: Probe) -> str:
    """What packs the stream at its source: "zstd", "gzip" or "" for nothing.

    zstd's fastest level costs less than it saves even on the loopback interface; gzip does on real lines.
    """
    return "zstd" if probe.zstd else "gzip" if probe.gzip else ""


def attributes(probe: Probe) -> bool:
    """Whether the server's tar can tell extended attributes and access lists (since 1.27)."""
    return tar_since(probe, 27)


def headers_alike(probe: Probe) -> bool:
    """Whether the server's tar takes the words that make its headers those of an archive."""
    return probe.tar == "gnu" and tar_since(probe, 26)


def tar_since(probe: Probe, minor: int) -> bool:
    """Whether the server's tar is of version 1.`minor` or a later one."""
    major, _, rest = probe.tar_version.partition(".")
    return (int(major), int(rest)) >= (1, minor) if major.isdigit() and rest.isdigit() else False


def described(probe: Probe) -> str:
    """The tools that step 2 works with there, in one line."""
    find = "find (gnu)" if probe.find == "gnu" else f"find ({probe.find}) with stat ({probe.stat})"
    tar = f"{probe.tar} {probe.tar_version}".rstrip()
    packer = choose_packer(probe)
    return ", ".join((find, f"tar ({tar})", *([packer] if packer else ())))


def at_low_priority(words: Sequence[bytes], *, sudo: bool, packed: str = "", level: int = 0) -> bytes:
    """A script that runs `words` at low priority in the C locale, as root where `sudo` says so.

    What comes is `packed`; by zstd at this `level`, if one is given, in frames as an archive has them.

    `sudo` comes directly before the tool, so that a rule for find and tar alone is enough.
    """
    text = (b"sudo -n -- " if sudo else b"") + script(words)
    if packed:
        text = piped(text, packers.zstd(level, FRAME) if level and packed == "zstd" else _PACKERS[packed])
    return b"export LC_ALL=C; " + low_priority(text)


class SilenceError(DownloadError):
    """Nothing came for too long."""


async def read_piece(stream: Stream, name: str) -> bytes:
    """The next bytes of a command's output, b"" at its end; SilenceError when none come for too long."""
    try:
        return await stream.read(_CHUNK, STALL)
    except TimeoutError:
        raise _silent(name) from None


async def send(stream: Stream, data: bytes, name: str) -> None:
    """Send `data` to a command; SilenceError when it takes none of it for too long."""
    async with _patiently(name):
        await stream.write(data)


async def wait_for_exit(stream: Stream, name: str) -> Exit:
    """How a command ended whose output has ended; SilenceError when it does not for too long."""
    async with _patiently(name):
        return await stream.wait()


@asynccontextmanager
async def _patiently(name: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(STALL):
            yield
    except TimeoutError:
        raise _silent(name) from None


def _silent(name: str) -> SilenceError:
    return SilenceError(
        sentence("{name}: the server sent nothing for {stall}", name=name, stall=duration(STALL))
    )


class StderrLines:
    """What a command complains, line by line, bounded: give `take` to `Session.stream` as `on_line`.

    Of what was `dropped`, `doubtful` says that it may have been about files that came. `any`: there was a word.
    """

    def __init__(self) -> None:
        self.any = False
        self.dropped = 0
        self.by_sudo: list[bytes] = []  # what sudo says before the command, see `sudo`
        self.doubtful = False
        self._lines: list[bytes] = []
        self._said = 0
        self._lock = Lock()  # one thread takes, another drains

    def take(self, line: bytes) -> None:
        if sudo.is_from_sudo(line):
            if line not in self.by_sudo and len(self.by_sudo) < _MOST_BY_SUDO:
                self.by_sudo.append(line)
            return
        self.any = True
        with self._lock:
            if len(self._lines) < _MOST_LINES and self._said + len(line) < _MOST_SAID:
                self._lines.append(line)
                self._said += len(line)
            else:
                self.dropped += 1
                self.doubtful = self.doubtful or not complaints.never_came(line)

    def drain(self) -> list[bytes]:
        """The lines since the last time."""
        with self._lock:
            lines, self._lines, self._said = self._lines, [], 0
        return [line for line in lines if line.strip()]


def last_line(stderr: bytes) -> str:
    """ ": " and the last thing a tool said, to be put behind how it ended; "" when it said nothing."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    return f": {shorten(printable(lines[-1]), 200)}" if lines else ""
