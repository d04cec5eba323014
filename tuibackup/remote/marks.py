"""Where a command's own output begins and ends in what its channel brings.

Start-up files greet, complain and say goodbye on the same channel, before and after what was asked for, and a forced
command answers in our command's place. So every command is put between marks that only a POSIX shell can print: they
are random, and the text that is sent holds each in two halves. The last one carries the command's status, which a
login shell or a wrapper around it may hide.
"""

import secrets
import signal

from tuibackup.remote.command import Exit

MOST_NOISE = 16 << 20  # bytes in front of the first mark: more is no greeting
_KEPT = 4 << 10  # of them, for people
_LONGEST_STATUS = 8
_HALF = 32  # random bytes; 8 would do, but the longer a mark is, the faster all that comes is searched for it


class Marks:
    """The marks of one command: `text` is the script that prints them around it."""

    def __init__(self) -> None:
        self._halves = secrets.token_hex(_HALF).encode(), secrets.token_hex(_HALF).encode()
        self._whole = b"".join(self._halves)

    def text(self, script: bytes) -> bytes:
        """`script` between the marks, on both of its outputs; it may end in `exit` or `exec`."""
        first, second = self._halves
        return (
            b"mark_tuibackup() { printf '%s%s%s' " + first + b" " + second + b' "$1"; }\n'
            b"mark_tuibackup '{' >&2; mark_tuibackup '['\n"
            b"( " + script + b"\n)\n"
            b'status=$?; mark_tuibackup "]$status;"; mark_tuibackup "}$status;" >&2; exit "$status"'
        )

    def output(self) -> "Between":
        """A reader of the command's output."""
        return Between(self._whole + b"[", self._whole + b"]")

    def complaints(self) -> "Between":
        """A reader of its stderr. Those marks stand outside of the output's: start-up files may join the two."""
        return Between(self._whole + b"{", self._whole + b"}")


class Between:
    """Takes what one output brings and gives what is between the marks; the rest is noise.

    `begun`: the first mark has come. `exit` is how the command ended, known with the last mark. `noise` is what came
    before the first one, the last of it.
    """

    def __init__(self, first: bytes, last: bytes) -> None:
        self.begun = False
        self.exit: Exit | None = None
        self.noise = bytearray()
        self.noisy = 0  # bytes of it
        self._first = first
        self._last = last
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What of `data` is the command's own. What may be the beginning of a mark is held back."""
        if self.exit is not None:
            return b""
        data = self._held + data if self._held else data
        self._held = b""
        if not self.begun:
            data = self._after_first(data)
            if not self.begun:
                return b""
        at = data.find(self._last)
        if at < 0:
            at = len(data) - _overlap(data, self._last)
        self._held = data[at:]
        self._look_for_status()
        return data[:at] if at < len(data) else data

    def rest(self) -> bytes:
        """Nothing more comes: what was held back and is no mark."""
        held, self._held = self._held, b""
        if not self.begun:
            self._note(held)
            return b""
        return held

    def _after_first(self, data: bytes) -> bytes:
        at = data.find(self._first)
        self.begun = at >= 0
        if self.begun:
            self._note(data[:at])
            return data[at + len(self._first) :]
        at = len(data) - _overlap(data, self._first)
        self._note(data[:at])
        self._held = data[at:]
        return b""

    def _note(self, noise: bytes) -> None:
        self.noisy += len(noise)
        self.noise += noise[-_KEPT:]
        del self.noise[:-_KEPT]

    def _look_for_status(self) -> None:
        if not self._held.startswith(self._last):
            return
        told, end, _ = self._held[len(self._last) :].partition(b";")
        if end or len(told) > _LONGEST_STATUS:
            self.exit = _exit(int(told)) if told.isdigit() and len(told) <= _LONGEST_STATUS else Exit(-1)
            self._held = b""


def _exit(status: int) -> Exit:
    """How a command ended by the status that a shell tells: 128 and the number of a signal, where one killed it."""
    try:
        return Exit(-1, signal.Signals(status - 128).name.removeprefix("SIG"))
    except ValueError:
        return Exit(status)


def _overlap(data: bytes, mark: bytes) -> int:
    """How many of the last bytes of `data` may be the beginning of `mark`."""
    begin = max(0, len(data) - len(mark) + 1)
    while (begin := data.find(mark[:1], begin)) >= 0:
        if mark.startswith(data[begin:]):
            return len(data) - begin
        begin += 1
    return 0
