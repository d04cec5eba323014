"""Does each of several things in a process of its own, at the same time, within one time limit.

A mail server that sends a byte now and then, a name server that is silent, a library that waits: no time-out of theirs
holds for the whole. What a library prints or leaves behind goes with its process.
"""

import os
import pickle
import select
import signal
from collections.abc import Callable, Mapping
from time import monotonic, sleep

from tuibackup.notify.errors import SendError
from tuibackup.words import sentence

Work = Callable[[], str]
_CHUNK = 65536
_ENDING = 2.0  # seconds that a process which was killed may take to end


class Did:
    """What came of one: `error` None where it was done, and then what it `said`."""

    def __init__(self, said: str = "", error: str | None = None) -> None:
        self.said, self.error = said, error


def all_apart(works: Mapping[str, Work], seconds: float) -> dict[str, Did]:
    """What came of each, by its key. To be called before this process has threads."""
    began = monotonic()
    lines: dict[int, tuple[str, int]] = {}
    for key, work in works.items():
        ours, theirs = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(ours)
            _work(work, theirs)
        os.close(theirs)
        lines[ours] = (key, process)
    heard = dict.fromkeys(lines, b"")
    open_ = set(lines)
    while open_ and (left := began + seconds - monotonic()) > 0:
        for line in select.select(open_, [], [], left)[0]:
            part = os.read(line, _CHUNK)
            heard[line] += part
            if not part:
                open_.discard(line)
    for line, (_key, process) in lines.items():
        if line in open_:
            os.kill(process, signal.SIGKILL)
        os.close(line)
        _taken_off(process)
    late = Did(error=sentence("it took longer than {seconds} s", seconds=int(seconds)))
    return {key: late if line in open_ else _told(heard[line]) for line, (key, _process) in lines.items()}


def _taken_off(process: int) -> None:
    """Wait for its end, but not for one that hangs in a disk: not even a kill ends that before the disk answers."""
    until = monotonic() + _ENDING
    while os.waitpid(process, os.WNOHANG) == (0, 0) and monotonic() < until:
        sleep(0.01)


def _told(heard: bytes) -> Did:
    if not heard:
        return Did(error=sentence("the process that was to do it ended without a word"))
    said, error = pickle.loads(heard)  # noqa: S301 - our own process wrote it
    return Did(said, error)


def _work(work: Work, line: int) -> None:
    """Be that process, to its end."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        told: tuple[str, str | None]
        try:
            told = (work(), None)
        except SendError as error:
            told = ("", str(error))
        except Exception as error:  # its words may hold anything
            told = ("", sentence("internal error {name}", name=type(error).__name__))
        with open(line, "wb") as out:
            out.write(pickle.dumps(told))
        code = 0
    finally:
        os._exit(code)
