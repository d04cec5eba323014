"""Asking a run, or another job, to stop: a file beside its journal, or a signal; the run looks twice a second."""

import asyncio
import os
from pathlib import Path

import msgspec

from tuibackup.run.journal import events as ev
from tuibackup.run.operator import Operator
from tuibackup.run.places import runs_folder
from tuibackup.text import printable

POLL = 0.5
_LIMIT = 4096  # bytes of a stop file that are read


class StopRequest(msgspec.Struct, frozen=True):
    """What a stop file holds: who asked, with everything known of them, and when."""

    operator: str
    time: str
    who: Operator | None = None


class Stop:
    """Whether the run is to stop, and who asked first."""

    def __init__(self) -> None:
        self.by = ""
        self.who: Operator | None = None  # everything known of them, where it was an operator
        self._asked = asyncio.Event()

    def ask(self, by: str, who: Operator | None = None) -> None:
        """Ask to stop; the first one is the one that is recorded."""
        if not self.by:
            self.by, self.who = by, who
        self._asked.set()

    async def wait(self) -> str:
        """Return who asked, once somebody does."""
        await self._asked.wait()
        return self.by

    async def watch(self, path: Path) -> None:
        """Look for the stop file until there is one."""
        while (request := read_stop(path)) is None:  # noqa: ASYNC110  # a file has no event to wait for
            await asyncio.sleep(POLL)  # another process writes it: there is no event
        self.ask(printable(request.operator), request.who)


def stop_path(state: Path, run: str) -> Path:
    """The file that asks `run` to stop."""
    return runs_folder(state) / f"{run}.stop"


def write_stop(state: Path, run: str, by: Operator) -> None:
    """Ask `run` to stop in the name of `by`. Raises OSError."""
    path = stop_path(state, run)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.touch(0o600)
    new.write_bytes(msgspec.json.encode(StopRequest(by.name, ev.now(), by)))
    new.replace(path)


def read_stop(path: Path) -> StopRequest | None:
    """What the stop file says; None if there is none."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_LIMIT), type=StopRequest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):  # somebody made the file with `touch`, which does not say who
        return StopRequest("somebody", ev.now())
