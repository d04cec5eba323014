"""The process that tells people, begun by `run.process.afterwards`: it looks, sends, and tries again for a while."""

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

from tuibackup.config import Config, load
from tuibackup.errors import TuibackupError
from tuibackup.filelock import try_lock
from tuibackup.jobs.notify.tell import Wish, tell
from tuibackup.notify.queue import next_turn, queue_path, read_queue
from tuibackup.run.process.afterwards import HEARTBEAT
from tuibackup.run.process.crash import record
from tuibackup.words import use_language

NICE = 10
NAME = "tuibackup-tell"
_LINGER = 3600.0  # seconds for which it tries again; later starts do so, too
_LEAST = 2.0  # seconds between two tries


def main() -> NoReturn:
    """Argv: the configuration's path, and "heartbeat" where that is wished for."""
    os.umask(0o077)
    os.nice(NICE)
    with suppress(OSError):
        Path("/proc/self/comm").write_text(NAME)
    path = Path(sys.argv[1])
    try:
        config = load(path)
    except TuibackupError:  # every command says so
        os._exit(1)
    try:
        if _told(config, Wish(heartbeat=HEARTBEAT in sys.argv[2:])):
            _linger(path, config.state)
    except (TuibackupError, OSError):
        os._exit(1)  # the state folder cannot be used, which every command says
    except Exception as error:
        record(error, config.state)
        os._exit(1)
    os._exit(0)


def _told(config: Config, wish: Wish) -> bool:
    use_language(config.language)
    _sent, waits = tell(config, wish)
    return waits


def _linger(path: Path, state: Path) -> None:
    """Try again what could not be sent; only one process does so."""
    descriptor = os.open(
        queue_path(state).with_name("lingering"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    if not try_lock(descriptor):
        return
    until = monotonic() + _LINGER
    while (turn := next_turn(read_queue(state))) and monotonic() < until:
        sleep(min(max(_LEAST, (turn - datetime.now(UTC)).total_seconds()), until - monotonic()))
        if not _told(load(path), Wish()):
            return
