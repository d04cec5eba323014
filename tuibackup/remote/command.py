"""Commands for a server's POSIX shell as bytes: quoting, wrappers, and how they ended. Free of asyncssh."""

from collections.abc import Sequence

import msgspec

from tuibackup.errors import RemoteCommandError
from tuibackup.text import printable, shorten
from tuibackup.words import joined, sentence

# A command is a list of words (quoted here) or, as str or bytes, the text of a POSIX sh script.
Command = str | bytes | Sequence[str | bytes]

_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./_-"


class Exit(msgspec.Struct, frozen=True):
    """How a command ended: its status, or the signal that killed it (then status is -1, as without either)."""

    status: int
    signal: str | None = None

    @property
    def ok(self) -> bool:
        return self.status == 0 and self.signal is None

    def __str__(self) -> str:
        if self.signal is not None:
            return sentence("was killed by SIG{signal}", signal=self.signal)
        return (
            sentence("ended without an exit status")
            if self.status < 0
            else sentence("exited with {status}", status=self.status)
        )


class Completed(msgspec.Struct, frozen=True):
    """A finished command. `stderr` holds only the end of a long one (64 KiB)."""

    command: bytes
    stdout: bytes
    stderr: bytes
    exit_status: int
    signal: str | None

    @property
    def ok(self) -> bool:
        """Whether it exited with 0; a killed command did not."""
        return self.exit_status == 0 and self.signal is None

    def check(self) -> "Completed":
        """Itself when it succeeded; else RemoteCommandError with its name, its end and its last words."""
        if self.ok:
            return self
        raise failed(self.command, Exit(self.exit_status, self.signal), self.stderr)


def failed(command: Command, exit_: Exit, stderr: bytes) -> RemoteCommandError:
    """The error for a command that did not succeed, with the last line it wrote to stderr."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = f": {shorten(printable(lines[-1]), 300)}" if lines else ""
    return RemoteCommandError(joined("", (describe(command), " ", str(exit_), said)))


def describe(command: Command) -> str:
    """A command as one short clean line for messages."""
    return shorten(printable(b" ".join(script(command).split())), 60)


def quote(word: str | bytes) -> bytes:
    """`word` as one word of a POSIX shell. Raises ValueError for a NUL, which no shell can carry."""
    raw = word.encode(errors="surrogateescape") if isinstance(word, str) else word
    if b"\0" in raw:
        raise ValueError("a NUL byte in a shell word")
    if raw and not raw.translate(None, _SAFE):
        return raw
    return b"'" + raw.replace(b"'", b"'\\''") + b"'"


def script(command: Command) -> bytes:
    """`command` as shell text: words are quoted and joined, a script stays as it is."""
    if isinstance(command, str):
        return command.encode(errors="surrogateescape")
    if isinstance(command, bytes):
        return command
    return b" ".join(quote(word) for word in command)


def rights(command: Command, *, sudo: bool) -> bytes:
    """`command` as shell text, run as root where `sudo` says so: sudo comes directly before the words of a list."""
    text = script(command)
    if not sudo:
        return text
    return b"exec sudo -n -- " + (b"sh -c " + quote(text) if isinstance(command, str | bytes) else text)


def line(text: bytes) -> bytes:
    """What is sent to the server for a script, where the account's login shell, whichever that is, reads it first.

    Shells agree on single quotes only as long as there is no quote, backslash, exclamation mark or line break in them
    (fish took such a script for a mistake and exited with 0; csh has history even there): a text with one of these is
    sent in octal and read by sh's printf.
    """
    if _plain(text):
        return b"exec sh -c '" + text + b"'"
    octal = b"".join([_OCTAL[byte] for byte in text])
    return b"""exec sh -c 'eval "shift; $(printf %b "$1")"' sh '""" + octal + b"'"


def _plain(text: bytes) -> bool:
    """Whether every shell reads `text` between single quotes as it is."""
    return not text.translate(None, _AS_IT_IS)


_AS_IT_IS = bytes(byte for byte in range(0x20, 0x7F) if byte not in b"'\\!")
_OCTAL = [bytes([byte]) if byte in _AS_IT_IS else b"\\0%03o" % byte for byte in range(256)]


def piped(left: Command, right: Command) -> bytes:
    """A script for `left | right` that exits with `left`'s status when that is not 0, else with `right`'s.

    When both failed and `left` died of the broken pipe (141), the cause is `right`, and its status is told.

    POSIX sh hides the status of the left side of a pipe and dash has no pipefail: a failing dump in front of a
    compressor looked like success. Both sides' stderr goes to stderr, the right one's stdout to stdout.
    """
    # 3: the real stdout; 4: the real stderr; 5: where the left side's status goes. Parentheses: it may say `exit`.
    return (
        b"exec 3>&1 4>&2; right=0; left=$( { { ( "
        + script(left)
        + b"\n) 2>&4 3>&- 4>&- 5>&-; echo $? >&5; } |"
        b" ( " + script(right) + b"\n) >&3 2>&4 3>&- 4>&- 5>&-; } 5>&1 ) || right=$?;"
        b' case $left:$right in 0:*) exit "$right";; 141:[!0]*) exit "$right";; :*) exit 125;; *) exit "$left";; esac'
    )


def low_priority(command: Command) -> bytes:
    """A script that runs `command` at low CPU and disk priority where the server has the tools for it.

    nice is tried before, because nothing would run where it fails; ionice changes the shell that runs the rest.
    """
    text = b"ionice -c 2 -n 7 -p $$ >/dev/null 2>&1; " + script(command)
    return b"nice=; nice -n 10 true >/dev/null 2>&1 && nice='nice -n 10'; exec $nice sh -c " + quote(text)
