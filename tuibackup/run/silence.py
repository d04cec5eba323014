"""A backup disk that does not answer is said in the run's journal, and that it answers again.

The threads that store files wait for it, and go on when it answers: nothing is fetched twice, and the server is not
blamed. A stopped run waits for them no longer.

Another process looks: where a file of such a disk is mapped into memory, no thread of the run may get any more memory.
"""

import gc
import mmap
import os
import select
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from tuibackup.answering import LIMIT, Probe
from tuibackup.run.journal import events as ev
from tuibackup.text import duration
from tuibackup.words import sentence

_LOOK = 500  # milliseconds between two looks
_NAME = "tuibackup-disk"  # as ps and top show it


class Silence:
    """True while the disk below `vault` does not answer."""

    def __init__(self, vault: Path, run: str, server: str, journal: Path) -> None:
        """Of a run or job; its notes go into `journal` as long as it lies there. Forks: call it in the only thread."""
        self._shared = mmap.mmap(-1, 1)
        ended, self._alive = os.pipe()
        if os.fork() == 0:
            _watch(self._shared, ended, vault, partial(_say, journal, run, server))
        os.close(ended)

    def __bool__(self) -> bool:
        return bool(self._shared[0])


def _watch(shared: mmap.mmap, ended: int, vault: Path, say: Callable[[str], None]) -> NoReturn:
    """Look until the other process is gone."""
    try:
        # Neither the journal, which is locked as long as it is open, nor the line to the face.
        os.closerange(3, ended)
        os.closerange(ended + 1, os.sysconf("SC_OPEN_MAX"))
        gc.freeze()  # keeps the collector from touching, and so copying, what is shared with the run
        with suppress(OSError):
            Path("/proc/self/comm").write_text(_NAME)
        probe, before = Probe(vault), 0.0
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        while not poll.poll(_LOOK):
            silent = probe.silent
            if silent >= LIMIT and not before:
                shared[0] = 1
                say(
                    sentence(
                        "the backup disk does not answer, {silent} s: {vault}; waiting for it",
                        silent=f"{silent:.0f}",
                        vault=vault,
                    )
                )
            elif before and not silent:
                shared[0] = 0
                say(
                    sentence(
                        "the backup disk answers again, after {before}: going on", before=duration(before)
                    )
                )
            before = silent if silent >= LIMIT else 0.0
    finally:
        os._exit(0)


def _say(journal: Path, run: str, server: str, text: str) -> None:
    with suppress(OSError):  # it has ended: its journal was put away
        descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.write(descriptor, ev.encode(ev.RunNote(time=ev.now(), run=run, server=server, text=text)))
        os.close(descriptor)
