"""The second look: every fetched file is examined once more, while the stream goes on.

tar's own words do not tell whether a file changed while it was read (BusyBox's says nothing at all). So the names
of complete files go to `find` a second time, over a channel of their own, and the answers are compared with the
inventory. What differs was changed after the inventory saw it.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from tuibackup.errors import DownloadError, NoChannelError
from tuibackup.files.second_look import SecondLook
from tuibackup.files.shell import sudo
from tuibackup.files.shell.complaints import VANISHED
from tuibackup.files.shell.find import FindDialect
from tuibackup.files.shell.listing import ListingError
from tuibackup.files.shell.tools import (
    STALL,
    SilenceError,
    StderrLines,
    last_line,
    read_piece,
    send,
    wait_for_exit,
)
from tuibackup.files.workers import in_thread, together
from tuibackup.remote.command import Exit, low_priority, script
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream
from tuibackup.vault.index.read import Wanted
from tuibackup.words import sentence

_AT_ONCE = b"4000"  # names for one `find`, if so many fit on a command line
ENDS = (0, 1, 123)  # of find, or of xargs; 1, and so 123: as for a file that is gone
_IDLE = 1.0  # seconds without a name, after which a command is ended
_CUTS = 5


def second_look_command(told: Sequence[bytes], *, sudo: bool) -> bytes:
    """Reads NUL-ended paths and answers with what find tells of each that is still there, in their order.

    `told` are the words that make it tell (see `find`). GNU's find since 4.9 reads the names itself, which costs the
    server half as much: with xargs they are copied to a shell and to a find, a hundred KiB at a time.
    """
    tool = (b"sudo -n -- " if sudo else b"") + b"find"
    looks = b" -maxdepth 0 " + script(told)
    given = b"exec " + tool + b' "$@"' + looks
    text = script([b"xargs", b"-0", b"-r", b"-n", _AT_ONCE, b"sh", b"-c", given, b"find"])
    if told[0] == b"-printf":  # what starts programs of its own would give them the names to read
        knows = tool + b" -files0-from /dev/null >/dev/null 2>&1 </dev/null"
        text = b"if " + knows + b"; then exec " + tool + b" -files0-from -" + looks + b"; fi; " + text
    return b"export LC_ALL=C; " + low_priority(text)


async def look_again(
    session: Session, find: FindDialect, files: Sequence[Wanted], *, sudo: bool
) -> list[Wanted]:
    """`files` (or folders) as they are now, without those that are gone or something else by now."""
    names = b"".join([wanted.place + b"\0" for wanted in files])
    answer = await session.run(
        second_look_command(find.named_words, sudo=sudo),
        input=names,
        timeout=STALL,
        limit=len(names) + 400 * len(files),
    )
    if answer.signal or answer.exit_status not in ENDS:
        answer.check()
    listing = find.listing(b"")
    now = {entry.path: entry for entry in listing.feed(answer.stdout)}
    listing.close()
    return [
        wanted._replace(entry=now[wanted.place]._replace(path=wanted.entry.path))
        for wanted in files
        if wanted.place in now and now[wanted.place].kind is wanted.entry.kind
    ]


class ShellSecondLook(SecondLook):
    """Has the server's find look at them. A file that is `doubtful` counts as changed, whatever it says."""

    def __init__(self, name: str, find: FindDialect, doubtful: Callable[[Wanted], bool]) -> None:
        super().__init__(name)
        self.lines = StderrLines()
        self._doubtful = doubtful
        self._all_sent = False
        self._answered = False
        self._over = False  # there is nothing more to be handed over
        self._find = find
        self._stamps = find.stamps()
        self._cut = 0  # commands in a row whose channel the server closed
        self._complaint = find.complaint

    def why_failed(self) -> dict[bytes, str]:
        """Why it could not be looked at, by the path there; what is simply gone is not told of."""
        found = (self._complaint(line) for line in self.lines.drain())
        return {one.name: one.reason for one in found if one and one.name and one.reason != VANISHED}

    async def run(self, session: Session, second_look_command: bytes, *, beside: bool = False) -> None:
        """Look at all that is handed over, until its end, with one `second_look_command` after another.

        None stays open without being needed: servers close channels that are silent (ChannelTimeout). `beside` a
        stream that waits for us: where the server runs no more at a time, all is `postponed` until it is called again.
        """
        while not self._over or self._begun:
            try:
                async with session.stream(
                    second_look_command, on_line=self.lines.take, beside=beside
                ) as stream:
                    await together(self.send(stream), self.receive(stream))
            except NoChannelError:
                if not beside:
                    raise
                self._postpone()
                return
            if not self._over and not self._begun:
                self._begun = await self._queue.get()
                self._over = not self._begun

    async def send(self, stream: Stream) -> None:
        """Send names until the end, or until there are none for a moment.

        SilenceError when the server takes none for too long.
        """
        self._all_sent = False
        while files := await self._next():
            self._out.extend(files)
            await send(stream, b"".join([wanted.place + b"\0" for wanted in files]), self._name)
            self._slots.release()
        stream.write_eof()
        self._all_sent = True

    async def _next(self) -> list[Wanted]:
        if self._begun:
            files, self._begun = self._begun, []
            return files
        if self._over:
            return []
        try:
            async with asyncio.timeout(_IDLE):
                files = await self._queue.get()
        except TimeoutError:
            return []
        self._over = not files
        return files

    async def receive(self, stream: Stream) -> None:
        """Compare answers until the end. DownloadError when the second look itself failed."""
        while data := await self._answer(stream):
            await in_thread(self._compare, data)
        exit_ = await wait_for_exit(stream, self._name)
        if (
            exit_ == Exit(-1) and self._cut < _CUTS
        ):  # the server closed a channel that was silent for too long
            self._cut += 1
            self._begun, self._stamps = [*self._out, *self._begun], self._find.stamps()
            self._out.clear()
            return
        self._cut = 0
        refused = (
            self._out
            and not self._answered
            and any(map(sudo.is_from_sudo, bytes(stream.stderr).splitlines()))
        )
        if exit_.signal or exit_.status not in ENDS or refused:
            said = last_line(bytes(stream.stderr))
            raise DownloadError(
                sentence(
                    "{name}: the second look at fetched files failed: its command {exit}{said}",
                    name=self._name,
                    exit=exit_,
                    said=said,
                )
            )
        for wanted in self._out:
            self._keep(self.gone, wanted)
        self._out.clear()

    async def _answer(self, stream: Stream) -> bytes:
        """The next bytes of the answer. Silence is a fault only after everything was asked: until then the server
        waits for us, for as long as one large file takes, or the thousands that are looked at together.
        """
        while True:
            all_sent = self._all_sent
            try:
                return await read_piece(stream, self._name)
            except SilenceError:
                if all_sent:
                    raise

    def _compare(self, data: bytes) -> None:
        stamps = list(self._stamps.feed(data))
        self._answered = self._answered or bool(stamps)
        asked = list(islice(self._out, len(stamps)))
        # Nearly always all are as the inventory saw them, size, mtime and ctime: compared together, that costs little.
        if stamps == [(one.place, one.entry[7:10]) for one in asked] and not any(map(self._doubtful, asked)):
            for _ in stamps:
                self._out.popleft()
            return
        for path, stamp in stamps:
            while self._out:
                wanted = self._out.popleft()
                if wanted.place == path:
                    break
                self._keep(self.gone, wanted)
            else:
                raise ListingError(
                    sentence("{name}: the server told of a file that it was not asked for", name=self._name)
                )
            entry = wanted.entry
            if stamp is None:
                self._keep(self.gone, wanted)
            elif stamp != (entry.size, entry.mtime_ns, entry.ctime_ns) or self._doubtful(wanted):
                self._keep(self.changed, wanted)
