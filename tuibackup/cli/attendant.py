"""The command is carried out by a process of its own, so that a disk that does not answer keeps nobody.

The kernel lets no process end whose thread hangs in such a disk, and its shell waits for it (see `answering`). So the
process that the shell waits for touches no disk: it passes on what the other one prints and every signal, says which
disk does not answer, and ends when it is told to. What hangs is left behind, and ends when its disk answers.
"""

import fcntl
import os
import pickle
import select
import signal
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NoReturn

from tuibackup.answering import LIMIT, Probe
from tuibackup.cli import attended
from tuibackup.cli.attended import Closing, Disk, End, Free

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_TICK = 0.25  # seconds between two looks at the disks
_GRACE = 10.0  # seconds for a command to end by itself, if its main thread does not hang
_LOOKS = 2  # in a row, after which a process that hangs is taken to hang
_CHUNK = 1 << 16
_MESSAGE = 1 << 16


def attend() -> None:
    """Returns in a new process, which is to carry the command out. The one that called it ends as that one does.

    Call it while there is one thread. Without room for a process the command is carried out unattended.
    """
    pipes = _Pipes()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gone, alive = os.pipe()
    ends = {number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        process = os.fork()
    except OSError:
        process = -1
    if process > 0:
        far.close()
        os.close(gone)
        _Attendant(process, near, pipes, ends).stay()
    near.close()
    os.close(alive)
    if process == 0:
        attended.by(far)
        pipes.use()
        # If the attendant is killed, nothing holds the other end of this pipe any more: end as by SIGTERM.
        fcntl.fcntl(gone, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(gone, fcntl.F_SETSIG, signal.SIGTERM)
        fcntl.fcntl(gone, fcntl.F_SETFL, fcntl.fcntl(gone, fcntl.F_GETFL) | os.O_ASYNC)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Pipes:
    """stdout and stderr, where somebody waits for their end: a process left behind must not hold them.

    Two numbers of one pipe stay one, so that what is printed keeps its order.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], tuple[int, int]] = {}  # by device and inode: both ends
        self._ours: dict[int, int] = {}  # which end is written to instead of a number
        self.passed: list[tuple[int, int]] = []  # what is read, and the number to which it is passed on
        for number in (1, 2):
            status = os.fstat(number)
            if not (stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)):
                continue
            which = (status.st_dev, status.st_ino)
            if which not in self._made:
                self._made[which] = os.pipe()
                self.passed.append((self._made[which][0], number))
            self._ours[number] = self._made[which][1]

    def use(self) -> None:
        """In the new process: print into ours."""
        for number, ours in self._ours.items():
            os.dup2(ours, number)
        for reading, writing in self._made.values():
            os.close(reading)
            os.close(writing)

    def pass_on(self, until: int) -> list[threading.Thread]:
        """In the other one: threads that pass everything on until `until` can be read."""
        threads = []
        for _reading, writing in self._made.values():
            os.close(writing)
        for reading, number in self.passed:
            threads.append(threading.Thread(target=_pass, args=(reading, number, until), daemon=True))
            threads[-1].start()
        return threads


def _pass(reading: int, number: int, until: int) -> None:
    while True:
        ready = select.select([reading, until], [], [])[0]
        if reading not in ready:
            return
        data = memoryview(os.read(reading, _CHUNK))
        if not data:
            return
        try:
            while data:
                try:
                    data = data[os.write(number, data) :]
                except BlockingIOError:
                    select.select([], [number], [])
        except OSError:  # its reader went away: so it does for the command
            os.close(reading)
            return


class _Attendant:
    """Waits for the process that carries the command out."""

    def __init__(self, process: int, line: socket.socket, pipes: _Pipes, ends: set[signal.Signals]) -> None:
        self._process = process
        self._line = line
        self._ended = os.pidfd_open(process)
        self._pipes = pipes
        self._passing = pipes.pass_on(self._ended)
        self._disks: dict[Path, tuple[Disk, Probe]] = {}
        self._said: dict[Path, float] = {}  # disks that do not answer, with the seconds so far
        self._closing = ""
        self._over: int | None = None  # the exit code, once the command is over
        self._asked = 0  # the signal that asked it to end
        self._since = 0.0  # when that was
        self._stuck = 0  # looks in a row that found it hanging
        self._signals, writing = os.pipe()
        threading.Thread(target=_take, args=(ends, writing), daemon=True).start()

    def stay(self) -> NoReturn:
        """Until it has ended, or can be waited for no longer; then end."""
        poll = select.poll()
        for file in (self._ended, self._signals, self._line.fileno()):
            poll.register(file, select.POLLIN)
        while True:
            waits = self._disks or self._asked or self._over is not None
            for file, _event in poll.poll(_TICK * 1000 if waits else None):
                if file == self._ended:
                    self._end()
                elif file == self._signals:
                    self._signal(*os.read(self._signals, 2))
                elif not self._message():
                    poll.unregister(file)
            self._look()

    def _message(self) -> bool:
        data = self._line.recv(_MESSAGE)
        match pickle.loads(data) if data else None:  # noqa: S301 # our own process writes there
            case Disk() as disk:
                self._forget(disk.path)
                self._disks[disk.path] = (disk, Probe(disk.path))
            case Free(path):
                self._forget(path)
            case Closing(text):
                self._closing = text
            case End(code):
                self._over = code
        return bool(data)

    def _forget(self, path: Path) -> None:
        if told := self._disks.pop(path, None):
            disk, probe = told
            if self._said.pop(path, 0) and probe.answered(_TICK):
                self._say(f"{path}: {disk.again}")
            probe.close()

    def _signal(self, number: int, sent: int) -> None:
        """A `number` that another process has `sent` goes on; what a key of the terminal sends, both of us get."""
        if sent:
            with suppress(OSError):
                os.kill(self._process, number)
        if not self._asked:
            self._asked, self._since = number, monotonic()

    def _look(self) -> None:
        for disk, probe in self._disks.values():
            seconds = probe.silent
            if seconds >= LIMIT:
                if disk.path not in self._said:
                    self._say(_sentence(disk, seconds))
                self._said[disk.path] = seconds
            elif disk.path in self._said and not seconds:
                del self._said[disk.path]
                self._say(f"{disk.path}: {disk.again}")
        self._stuck = self._stuck + 1 if self._hangs() else 0
        if self._stuck > _LOOKS:
            self._leave()

    def _hangs(self) -> bool:
        """Whether it is to end and cannot: its main thread waits for a disk, or has ended and another one does not."""
        if self._over is not None:
            return bool(self._said) or _state(self._process) == "Z"
        if not (self._asked and self._said):
            return False
        return _state(self._process) in "DZ" or monotonic() - self._since > _GRACE

    def _leave(self) -> NoReturn:
        """End without it."""
        self._drain()
        if self._over is None and self._closing:
            with suppress(OSError):
                os.write(1, self._closing.encode())
        for path, seconds in self._said.items():
            disk = self._disks[path][0]
            self._say(f"{_sentence(disk, seconds)}; {disk.left.format(process=self._process)}")
        os._exit(128 + self._asked if self._over is None else self._over)

    def _drain(self) -> None:
        """Wait a moment until what it printed is passed on."""
        for _time in range(100):
            if not select.select([reading for reading, _number in self._pipes.passed], [], [], 0)[0]:
                break
            sleep(0.01)

    def _end(self) -> NoReturn:
        """It has ended: end in the same way, once what it printed is passed on."""
        _process, status = os.waitpid(self._process, 0)
        for thread in self._passing:
            while thread.is_alive():
                thread.join(_TICK)
                if select.select([self._signals], [], [], 0)[0]:
                    os._exit(128 + os.read(self._signals, 2)[0])
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            os._exit(code)
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
        os.kill(os.getpid(), -code)
        os._exit(128 - code)

    def _say(self, text: str) -> None:
        from tuibackup.cli.output import say  # late: seldom needed

        if os.isatty(2):
            os.write(2, b"\r\x1b[K")  # a line of progress may stand there
        say(text)


def _sentence(disk: Disk, seconds: float) -> str:
    return f"{disk.silent.format(seconds=int(seconds))}: {disk.path}"


def _take(ends: set[signal.Signals], writing: int) -> None:
    """Take every signal, and pass on its number and whether another process sent it."""
    while True:
        told: Any = signal.sigwaitinfo(ends)
        os.write(writing, bytes([told.si_signo, told.si_pid != 0]))


def _state(process: int) -> str:
    """The state of a process's main thread, as the kernel has it; "" if it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"
