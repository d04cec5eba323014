"""Whether a disk answers, asked by processes that are left behind if it does not; and what to do where it is gone.

A disk that is gone without an error (a stopped sshfs, an NFS server that is down) blocks every thread that touches it,
and not even SIGKILL frees that thread: its process cannot end, and its shell waits for it. So whoever has to stay free
lets somebody else touch the disk.
"""

import errno
import os
import select
from contextlib import suppress
from pathlib import Path
from time import monotonic, time_ns

from tuibackup.words import sentence

LIMIT = 5.0  # seconds without an answer after which it is said
GONE = {
    errno.EIO: sentence("the disk below it is failing or gone: see dmesg"),
    errno.ENODEV: sentence("the disk below it is gone: see dmesg"),
    errno.ESTALE: sentence("the network disk below it is gone: mount it again"),
    errno.ENOTCONN: sentence("the network disk below it is gone: mount it again"),
    errno.EHOSTDOWN: sentence("the network disk's server is down"),
    errno.ETIMEDOUT: sentence("the network disk's server does not answer"),
}  # what an error of a disk asks for
_STAT = ("stat", "/usr/bin/stat", "/bin/stat")  # as PATH has it, else where it is everywhere
_PAUSE = 1.0  # seconds between an answer and the next question


class Probe:
    """Asks the disk below `path` again and again; look at `silent` every second or so. It never blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended = -_PAUSE  # when it answered last
        self._process = -1
        self._line = -1
        self._since = 0.0

    @property
    def silent(self) -> float:
        """Seconds for which the disk has owed an answer; 0 if it owes none."""
        if self._line < 0 and monotonic() - self._ended < _PAUSE:
            return 0.0
        if self.answered(0.0):
            return 0.0
        if _works(self._process):  # it waits for the processor of a busy machine, and not for the disk
            self._since = monotonic()
        return max(monotonic() - self._since, 1e-3)

    def answered(self, seconds: float) -> bool:
        """Whether the disk answers within `seconds` what it is asked."""
        if self._line < 0 and not self._ask():
            return True
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return False
        os.waitpid(self._process, 0)
        os.close(self._line)
        self._line, self._ended = -1, monotonic()
        return True

    def close(self) -> None:
        """Ask no more. A process that hangs ends when its disk answers."""
        if self._line >= 0 and not self.answered(0.0):
            os.close(self._line)
            self._line = -1

    def _ask(self) -> bool:
        """False where nobody can be sent (no `stat`, no room for a process): then nothing is said of the disk."""
        # A name that nobody has asked for yet: no cache on the way to a network disk knows the answer.
        name = self._path / f".tuibackup-asks-{time_ns()}"
        null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        for program in _STAT:
            with suppress(OSError):
                words = ["stat", "--", str(name)]
                self._process = os.posix_spawnp(program, words, os.environ, file_actions=null)
                self._line = os.pidfd_open(self._process)
                self._since = monotonic()
                return True
        self._ended = monotonic()
        return False


def _works(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False
