"""What can go wrong, as a small hierarchy: the line a user reads and the exit code it leads to.

Every error carries one message that names what it is about (server, file, key) and a way out, both sentences made with
`words.sentence`: `str(error)` is English, and put into a text for people it is in the language in use.
Texts that come from a server are cleaned where they are put into a message (`text.printable`).
"""

from pathlib import Path
from typing import ClassVar

from tuibackup.words import joined

_PACKAGE = str(Path(__file__).parent) + "/"


class TuibackupError(Exception):
    """Base of all errors a user may see; `str(error)` is its one line."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, way_out: str = "") -> None:
        self.message = message
        self.way_out = way_out
        super().__init__(message, way_out)

    def __str__(self) -> str:
        return joined("; ", filter(None, (self.message, self.way_out)))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class UsageError(TuibackupError):
    """The command line or a name in it is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """config.toml is wrong; each line of the message begins with FILE:LINE: KEY."""


class ConnectError(TuibackupError):
    """Step 1 failed: host down, refused, time-out, no such name."""


class HostKeyError(ConnectError):
    """A host key is unknown or has changed; the message shows the fingerprint."""


class UnknownHostKeyError(HostKeyError):
    """Nobody has accepted this host key yet; an operator may."""


class LoginError(ConnectError):
    """The server accepted none of our keys or passwords."""


class NeedsOperatorError(TuibackupError):
    """A question had to be asked and no face was there to answer: "needs an operator: …"."""


class ConnectionLostError(TuibackupError):
    """The connection broke in the middle of a step."""


class RemoteCommandError(TuibackupError):
    """A command on the server failed or answered nonsense."""


class RemoteTimeoutError(RemoteCommandError):
    """A command on the server did not end in time."""


class NoShellError(RemoteCommandError):
    """The server did not carry out our command: no shell, a forced command, an expired password. `said`: its words."""

    def __init__(self, message: str, way_out: str = "", said: str = "") -> None:
        super().__init__(message, way_out)
        self.said = said


class NoChannelError(RemoteCommandError):
    """The server runs so many commands at a time and no more (MaxSessions)."""


class ForbiddenError(RemoteCommandError):
    """The server's rules forbid what was to be opened."""


class DownloadError(TuibackupError):
    """Step 2 cannot give a good result."""


class DatabaseError(TuibackupError):
    """Steps 3 or 4 failed. `number`: the server's own of its error; 0 where it said none."""

    number: int = 0


class AccessDeniedError(DatabaseError):
    """The database knows us not, or not with this password: another one may be right."""


class VaultError(TuibackupError):
    """The vault is missing, foreign, full, newer than this program, or damaged."""


class LedgerError(TuibackupError):
    """The ledger cannot be opened, written, or its chain is broken."""


class LedgerHeldError(LedgerError):
    """Another process keeps everybody else out of the ledger; it can be tried again."""


class BusyError(TuibackupError):
    """Another run holds the server."""

    exit_code = 11


class InterruptedRunError(TuibackupError):
    """The run was stopped by an operator, a signal, or a connection cut for good."""

    exit_code = 130


def is_our_bug(error: BaseException) -> bool:
    """Whether `error` is a mistake in this program's own code, not what a library stumbled over.

    Where the faults of a library become one line each, such an error must go through as what it is.
    """
    if not isinstance(error, AttributeError | TypeError | NameError | AssertionError):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE)
