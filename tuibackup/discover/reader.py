"""Reads a server's configuration there, and brings only what was selected: the one way by which its text comes here.

Each file goes through an awk program on the server that prints values of named settings. Passwords lie beside them in
most of these files, and stay where they are. What may be read only as root is fetched by `sudo -n tar`, and goes
through the same program there.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tuibackup.errors import RemoteCommandError
from tuibackup.remote.command import low_priority, quote
from tuibackup.remote.session import Session

_MOST_BYTES = 4 << 20  # of one answer
_MOST_NAMES = 100_000  # bytes of names in a command line there
_BEGIN_SECONDS = 30.0  # for the account's start-up files

# In every program: a file begins with "@NAME", a value is percent-encoded, so that it stays on its line.
_AWK = rb"""
function esc(t) { gsub(/%/, "%25", t); gsub(/\n/, "%0A", t); gsub(/\t/, "%09", t); return t }
END { finish() }
FNR == 1 { finish(); print "@" esc(ENVIRON["NAME"] != "" ? ENVIRON["NAME"] : FILENAME); begin() }
"""
# Files that may be read go to one awk; others one by one through sudo, where that is allowed.
_SELECT = rb"""
hidden() {
  [ ! -e "$1" ] && [ ! -L "$1" ] && [ -z "$SUDO" ] || return 1
  above=${1%/*}; while [ -n "$above" ] && [ ! -d "$above" ]; do above=${above%/*}; done
  [ -n "$above" ] && [ ! -x "$above" ]
}
left=$#
while [ $left -gt 0 ]; do
  name=$1; shift; left=$((left - 1))
  if [ -f "$name" ] && [ -r "$name" ]; then set -- "$@" "$name"
  elif [ -n "$SUDO" ] && [ -n "$($SUDO find -L "$name" -maxdepth 0 -type f 2>/dev/null)" ]; then
    $SUDO tar -chf - -- "$name" 2>/dev/null | tar -xOf - 2>/dev/null | NAME=$name awk "$PROGRAM"
  elif [ -f "$name" ] || hidden "$name"; then
    printf '!%s\n' "$(printf %s "$name" | sed 's/%/%25/g' | tr '\n\t' '??')"
  fi
done
[ $# -gt 0 ] && NAME= exec awk "$PROGRAM" "$@"
:
"""


class Selected:
    """What a selection brought: the lines of each file, in order, and the files that may not be read."""

    def __init__(self) -> None:
        self.files: dict[bytes, list[tuple[bytes, ...]]] = {}
        self.unread: list[bytes] = []


class Reader:
    """One look at one server. `cut` says why it is not whole, `unread` what may not be read.

    Nothing here raises for a server that answers badly, but for a connection that is lost (ConnectionLostError).
    """

    def __init__(self, session: Session, *, sudo: bool, seconds: float) -> None:
        self.cut: dict[str, None] = {}
        self.unread: dict[str, None] = {}
        self.sudo = sudo
        self._session = session
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left for everything."""
        return self._until - time.monotonic()

    async def ask(
        self, script: bytes, *, what: str, seconds: float = 15.0, limit: int = _MOST_BYTES
    ) -> bytes:
        """What a script of ours prints, as far as it comes in time; `what` it was about is noted where that is not all.

        The server's variable TUIBACKUP_ROOT (a web server in a folder of its own) comes before paths that we know.
        """
        return await self._run(script, b"", what, seconds, limit)

    async def each(
        self,
        script: bytes,
        names: Iterable[bytes],
        *,
        what: str,
        seconds: float = 15.0,
        limit: int = _MOST_BYTES,
        whole_lines: bool = True,
    ) -> bytes:
        """The same for a script that gets many names as its arguments, some hundred at a time.

        `whole_lines`: of an answer that was cut, half a line or name at its end is left out.
        """
        given = list(names)
        if not given:
            return b""
        batch = b"xargs -0 -n 400 -s 120000 sh -c " + quote(self._prelude() + script) + b" sh"
        return await self._run(
            batch, b"".join(name + b"\0" for name in given), what, seconds, limit, whole_lines
        )

    async def select(
        self, program: bytes, files: Sequence[bytes], *, what: str, limit: int = _MOST_BYTES
    ) -> Selected:
        """What an awk `program` prints of each file; it has functions begin() and finish(), which are called
        before and after each file, and prints lines of words with tabs between them.
        """
        found = Selected()
        if not files:
            return found
        script = b"PROGRAM=" + quote(_AWK + program) + b"\n" + _SELECT
        answer = await self.each(script, files, what=what, limit=limit)
        lines: list[tuple[bytes, ...]] = []
        for line in answer.split(b"\n")[:-1]:
            if line.startswith(b"@"):
                lines = found.files.setdefault(unquote_to_bytes(line[1:]), [])
            elif line.startswith(b"!"):
                found.unread.append(unquote_to_bytes(line[1:]))
            else:
                lines.append(tuple(map(unquote_to_bytes, line.split(b"\t"))))
        for name in found.unread:
            self.unread[text(name)] = None
        return found

    def _prelude(self) -> bytes:
        return (
            b"LC_ALL=C; export LC_ALL; SUDO="
            + (b"'sudo -n --'" if self.sudo else b"")
            + b"; R=$TUIBACKUP_ROOT\n"
        )

    async def _run(
        self, script: bytes, names: bytes, what: str, seconds: float, limit: int, whole_lines: bool = True
    ) -> bytes:
        output = bytearray()
        if self.left <= 0:
            self.cut[what] = None
            return b""
        whole = self._prelude() + script
        seconds = min(seconds, self.left)
        with contextlib.suppress(RemoteCommandError):
            async with self._session.stream(low_priority(whole)) as stream:
                feeding = asyncio.create_task(_feed(stream.write, stream.write_eof, names))
                try:
                    async with asyncio.timeout(_BEGIN_SECONDS):
                        await stream.begun()
                    async with asyncio.timeout(seconds):
                        while chunk := await stream.read():
                            output += chunk
                            if len(output) > limit:
                                self.cut[what] = None
                                break
                except TimeoutError:
                    self.cut[what] = None
                finally:
                    feeding.cancel()
                    await asyncio.gather(feeding, return_exceptions=True)
        if what in self.cut and whole_lines:
            end = max(output.rfind(b"\n"), output.rfind(b"\0")) + 1
            del output[end:]
        return bytes(output[:limit])


async def _feed(write, write_eof, names: bytes) -> None:  # type: ignore[no-untyped-def]
    if names:
        await write(names)
    write_eof()


def program_text(name: str) -> bytes:
    """The text of an awk program in the folder programs/."""
    return (Path(__file__).parent / "programs" / name).read_bytes()


def text(name: bytes) -> str:
    """A name of the server's as Python has it; the reverse of `raw`."""
    return name.decode("utf-8", "surrogateescape")


def raw(name: str) -> bytes:
    """Its bytes."""
    return name.encode("utf-8", "surrogateescape")
