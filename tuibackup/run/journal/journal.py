"""The journal of one run: a JSON Lines file that its process appends to and everybody may follow.

The writer holds `flock` on it for life, so that an unfinished journal whose lock is free tells of a dead run.
It is a live picture, not the record: what must not be lost is in the ledger.

A journal whose last line is written moves from `<state>/runs/` to `<state>/runs/finished/DAY/`, so that the folder that
is read every second does not grow with the number of past runs. A reader that has it open reads on; functions that get
its first path find it at the second.
"""

import os
import re
import shutil
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tuibackup.durable import let_go, rename_new
from tuibackup.errors import TuibackupError
from tuibackup.filelock import try_lock
from tuibackup.run.journal import events as ev
from tuibackup.run.places import runs_folder
from tuibackup.words import joined, sentence

# Seconds between two looks at a journal that is followed, some 20 µs each: a hundredth of the time it was followed
# already, so that a short run is not lengthened by waiting for its end, within these bounds.
_SOONEST, _LATEST = 0.005, 0.05
_SHARE = 0.01
_TAIL = 64 * 1024  # bytes at the end among which a run-finished line is looked for; likewise at the beginning
_CHUNK = 1 << 20
_NAME = re.compile(r"[0-9].*\.jsonl")
_DAY = len("2026-11-22")  # characters of a run's id that are its day


def journal_path(state: Path, run: str) -> Path:
    """The path at which the journal of `run` begins; this module's functions find it after its end, too."""
    return runs_folder(state) / f"{run}.jsonl"


def journals(state: Path) -> list[Path]:
    """The journals without a last line, newest first (a run's id begins with its time)."""
    return _newest_first(runs_folder(state))


def finished_journals(state: Path) -> Iterator[Path]:
    """The journals of runs that ended, newest first; each day is listed when it is asked for."""
    for day in sorted(days(state), reverse=True):
        yield from _newest_first(_finished_folder(runs_folder(state)) / day)


def every_journal(state: Path) -> Iterator[Path]:
    """The journals of runs under way, then those of runs that ended; each newest first."""
    yield from journals(state)
    yield from finished_journals(state)


def days(state: Path) -> list[str]:
    """The days that have finished journals, as "2026-11-22"."""
    try:
        return os.listdir(_finished_folder(runs_folder(state)))
    except (FileNotFoundError, NotADirectoryError):
        return []


def forget_day(state: Path, day: str) -> None:
    """Remove the finished journals of a day, as far as possible."""
    shutil.rmtree(_finished_folder(runs_folder(state)) / day, ignore_errors=True)


def put_away(path: Path) -> Path:
    """Move the journal at `path`, whose last line is written, to the finished ones; where it is then.

    It stays where that cannot be done: the next start tries again.
    """
    place = _finished_path(path)
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.rename(path, place)
    except OSError:
        return path
    return place


def _newest_first(folder: Path) -> list[Path]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / name for name in sorted(names, reverse=True) if _NAME.fullmatch(name)]


def _finished_folder(runs: Path) -> Path:
    return runs / "finished"


def _finished_path(path: Path) -> Path:
    """Where the journal that began at `path` lies once its run has ended."""
    return _finished_folder(path.parent) / path.name[:_DAY] / path.name


def _open(path: Path) -> int:
    """Open a journal for reading, wherever it is by now. Raises OSError."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(_finished_path(path), os.O_RDONLY | os.O_CLOEXEC)


class Journal:
    """The writing end. One `write(2)` a line, so that no reader sees two lines mixed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over an open journal whose lock we hold (see `create`)."""
        self.path = path
        self.run = path.stem
        self.fault = ""  # the first reason why a line could not be written
        self._descriptor = descriptor
        self._torn = False

    @classmethod
    def create(cls, state: Path, planned: ev.Planned) -> Self:
        """Begin the journal of a run or job. It appears locked and with its first line, or not at all."""
        path = journal_path(state, planned.run)
        new = path.with_name(f".{path.name}.new")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(new, flags, 0o600)
        except OSError as error:
            raise TuibackupError(
                sentence("the journal {path} cannot be written: {error}", path=path, error=error.strerror)
            ) from error
        try:
            try_lock(descriptor)
            os.write(descriptor, ev.encode(planned))
            rename_new(new, path)
        except OSError as error:
            let_go(descriptor)
            new.unlink(missing_ok=True)
            raise TuibackupError(
                sentence("the journal {path} cannot be written: {error}", path=path, error=error.strerror)
            ) from error
        return cls(path, descriptor)

    def append(self, event: ev.Event) -> bool:
        """Add a line; whether it was written whole. A full disk does not end a backup; `fault` tells why it failed."""
        line = (b"\n" if self._torn else b"") + ev.encode(event)
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            self.fault = self.fault or joined(": ", (str(self.path), error.strerror or ""))
            return False
        self._torn = written < len(line)
        return not self._torn

    def finish(self, event: ev.Finished) -> None:
        """Add the last line, and put the journal where finished ones are."""
        if self.append(event):
            self.path = put_away(self.path)

    def mend(self) -> None:
        """Begin our next line on a line of its own, if the writer died in the middle of one."""
        end = os.fstat(self._descriptor).st_size
        self._torn = end > 0 and os.pread(self._descriptor, 1, end - 1) != b"\n"

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Let go of the journal; from now on only its last line tells whether the run ended well."""
        if self._descriptor >= 0:
            let_go(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class JournalReader:
    """The reading end: every `poll` gives the events that came since the last one.

    It never blocks, does not raise if the journal does not exist yet, and skips lines that it does not know.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        self._rest = b""
        self._lines: deque[bytes] = deque()

    @property
    def begun(self) -> bool:
        """Whether the journal has been there."""
        return self._descriptor >= 0

    def poll(self) -> Iterator[ev.AnyEvent]:
        """The new events, read as they are taken."""
        if self._descriptor < 0:
            try:
                self._descriptor = _open(self.path)
            except FileNotFoundError:
                return
        while True:
            while self._lines:
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    yield ev.decode(self._lines.popleft())
            chunk = os.read(self._descriptor, _CHUNK)
            if not chunk:
                return
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._lines.extend(lines)

    def close(self) -> None:
        if self._descriptor >= 0:
            let_go(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def follow(path: Path, *, patience: float = 10.0) -> AsyncIterator[ev.AnyEvent]:
    """Every event from the first on, until the run has finished or died (then without a run-finished).

    Waits `patience` seconds for a journal that is not there yet.
    """
    import asyncio  # not loaded by programs that only read a journal

    began = time.monotonic()
    with JournalReader(path) as reader:
        while True:
            # Asked before reading, so that everything is read that a run wrote before it closed its journal.
            live = is_live(path) or (not reader.begun and time.monotonic() < began + patience)
            for event in reader.poll():
                yield event
                if isinstance(event, ev.Finished):
                    return
            if not live:
                return
            await asyncio.sleep(min(max(_SOONEST, _SHARE * (time.monotonic() - began)), _LATEST))


def is_live(path: Path) -> bool:
    """Whether the process that writes this journal lives."""
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        let_go(descriptor)


@contextmanager
def reopened(path: Path) -> Iterator[Journal | None]:
    """The journal of a dead run, locked for us; None if another process holds it or has put it away."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    if not try_lock(descriptor):
        let_go(descriptor)
        yield None
        return
    with Journal(path, descriptor) as journal:
        journal.mend()
        yield journal


def first(path: Path) -> ev.RunPlanned | None:
    """What the run was to do; None if the journal does not begin with it: it is that of another job."""
    planned = planned_in(path)
    return planned if isinstance(planned, ev.RunPlanned) else None


def planned_in(path: Path) -> ev.Planned | None:
    """What the run or job was to do; None if the journal does not begin with it."""
    try:
        with open(_open(path), "rb") as journal:
            event = ev.decode(journal.readline(_CHUNK))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event if isinstance(event, ev.Planned) else None


def beginning(path: Path) -> list[ev.AnyEvent]:
    """The first few dozen events of a journal; none if it cannot be read."""
    try:
        with open(_open(path), "rb") as journal:
            lines = journal.read(_TAIL).splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            events.append(ev.decode(line))
    return events


def last(path: Path) -> ev.Finished | None:
    """How the run or job ended; None if the journal does not say so (it runs, or died). Reads only the end."""
    try:
        with open(_open(path), "rb") as journal:
            journal.seek(max(0, journal.seek(0, os.SEEK_END) - _TAIL))
            lines = journal.read(_TAIL).splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            event = ev.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        return event if isinstance(event, ev.Finished) else None
    return None
