"""Gathers what a rebuild of a server needs to know: system, packages, services, accounts, web servers. Changes nothing.

programs/facts.sh is carried out there, part by part. What it prints of files is picked by name on the server, so that
a password stays where it is. It never raises for what the server says, and takes seconds at most: a part that does not
end is left, and the others are asked for again without it.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence

from tuibackup.discover.reader import program_text
from tuibackup.errors import RemoteCommandError
from tuibackup.remote.command import low_priority, quote
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.text import printable, shorten
from tuibackup.vault.facts import Part
from tuibackup.words import sentence

PARTS = (
    "system", "packages", "chosen", "sources", "accounts", "groups", "mounts", "disks", "units", "crontabs",
    "listening", "versions", "web", "php", "firewall",
)  # fmt: skip
SECONDS = 10.0  # for all parts
_EACH_SECONDS = 3.0  # for one
_BEGIN_SECONDS = 5.0  # for the account's start-up files, which were quick before
_MOST_LINES, _MOST_BYTES, _LONGEST = 4000, 2 << 20, 400
_FILES, _WORDS = b"facts-files.awk", b"facts.awk"
_PROGRAMS = {
    b"CHOSEN": (b"facts-chosen.awk",),
    b"SOURCES": (_FILES, _WORDS, b"facts-sources.awk"),
    b"ACCOUNTS": (_FILES, b"facts-accounts.awk"),
    b"MOUNTS": (_FILES, _WORDS, b"facts-mounts.awk"),
    b"UNITS": (_FILES, _WORDS, b"facts-units.awk"),
    b"CRON": (_FILES, _WORDS, b"facts-cron.awk"),
    b"PHP": (_FILES, _WORDS, b"facts-php-names.awk", b"facts-php.awk"),
    b"NGINX": (_FILES, _WORDS, b"facts-nginx.awk", b"nginx-words.awk"),
    b"APACHE": (_FILES, _WORDS, b"facts-php-names.awk", b"facts-apache.awk", b"apache-words.awk"),
    b"FIREWALL": (_FILES, b"facts-firewall.awk"),
}
_WITH_WORDS = (b"NGINX", b"APACHE")  # whose programs have begin() and finish()
_AROUND = b"FNR == 1 { finish(); begin() }\nEND { finish() }\n"


async def gather(session: Session, probe: Probe, *, sudo: bool, seconds: float = SECONDS) -> tuple[Part, ...]:
    """All of PARTS. `sudo`: what only root may read is read through sudo.

    Raises ConnectionLostError.
    """
    if not probe.shell:
        why = sentence("the server gives this account no shell")
        return tuple(Part(name=name, unread=(why,)) for name in PARTS)
    look = _Look(session, sudo, time.monotonic() + seconds)
    waiting = list(PARTS)
    while waiting:
        done = await look.parts(waiting)
        waiting = waiting[done:]
    return tuple(look.found)


def script(parts: Sequence[str], *, sudo: bool, end: bytes) -> bytes:
    """The script that tells these parts. `end`: a line that stands in nothing which it may print of the server's."""
    variables = b"".join(
        name
        + b"="
        + quote(
            (_AROUND if name in _WITH_WORDS else b"") + b"".join(program_text(one.decode()) for one in files)
        )
        + b"\n"
        for name, files in _PROGRAMS.items()
    )
    begin = (
        b"LC_ALL=C; export LC_ALL; SUDO="
        + (b"'sudo -n --'" if sudo else b"")
        + b"; R=$TUIBACKUP_ROOT; export R; END="
        + end
        + b"\n"
    )
    calls = b"".join(b"part %b\n" % name.encode() for name in parts)
    return begin + variables + program_text("facts.sh") + calls


class _Look:
    """`found` are the parts that were asked for so far, whatever came of them."""

    def __init__(self, session: Session, sudo: bool, until: float) -> None:
        self.found: list[Part] = []
        self._session = session
        self._sudo = sudo
        self._until = until

    async def parts(self, names: Sequence[str]) -> int:
        """Ask for `names`, in one command; how many of them are done with: the last may be one that did not end."""
        left = self._until - time.monotonic()
        if left <= 0:
            why = sentence("the server took too long")
            self.found += [Part(name=name, unread=(why,)) for name in names]
            return len(names)
        end = secrets.token_hex(8).encode()
        said = _Said(names, end)
        try:
            # The script goes through its input: dropbear takes no command of more than 9000 bytes.
            async with self._session.stream(low_priority(b"sh -s")) as stream:
                async with asyncio.timeout(min(_BEGIN_SECONDS, left)):
                    await stream.write(script(names, sudo=self._sudo, end=end))
                    stream.write_eof()
                while not said.complete:
                    left = self._until - time.monotonic()
                    async with asyncio.timeout(max(0.0, min(said.left(), left))):
                        data = await stream.read()
                    if not data:
                        why = sentence("the server ended it")
                        break
                    said.feed(data)
                    if said.taken > _MOST_BYTES:
                        why = sentence("it says too much")
                        break
        except TimeoutError:
            why = sentence("it did not end within {seconds} s", seconds=f"{_EACH_SECONDS:g}")
        except RemoteCommandError as error:
            why = error.message
        self.found += said.parts
        if said.complete:
            return len(names)
        self.found.append(said.unfinished(why))
        return len(said.parts) + 1


class _Said:
    """What one command said, cut into parts as it comes: at each line `end`, first behind a part's lines, then behind
    what its programs complained of.
    """

    def __init__(self, names: Sequence[str], end: bytes) -> None:
        self.parts: list[Part] = []
        self.taken = 0
        self._names = names
        self._end = end
        self._told = False  # all lines of the part under way have come
        self._rest = b""
        self._lines: list[str] = []
        self._unread: list[str] = []
        self._more = False
        self._began = time.monotonic()

    @property
    def complete(self) -> bool:
        return len(self.parts) == len(self._names)

    def left(self) -> float:
        """Seconds that the part under way still has."""
        return self._began + _EACH_SECONDS - time.monotonic()

    def feed(self, data: bytes) -> None:
        self.taken += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.complete:
                return
            if line == self._end:
                if self._told:
                    self.parts.append(self._part())
                    self._began = time.monotonic()
                self._told = not self._told
            elif words := shorten(printable(line.expandtabs()).rstrip(), _LONGEST):
                self._take(words)

    def _take(self, words: str) -> None:
        if self._told:
            self._unread.append(words)
        elif len(self._lines) < _MOST_LINES:
            self._lines.append(words)
        else:
            self._more = True

    def unfinished(self, why: str) -> Part:
        """The part under way, which ended so."""
        self._unread.append(why)
        return self._part()

    def _part(self) -> Part:
        part = Part(
            name=self._names[len(self.parts)],
            lines=tuple(self._lines),
            unread=tuple(self._unread),
            more=self._more,
        )
        self._lines, self._unread, self._more = [], [], False
        return part
