"""What a run did to this machine: the memory that it took, and the files that it touched."""

import contextlib
import os
import stat
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class Memory:
    """While in it: the peak of resident memory of any process of the home `home`, in bytes."""

    def __init__(self, home: Path) -> None:
        self.peak = 0
        self._mark = f"HOME={home}\0".encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                # One that has just ended has no memory to tell of.
                with contextlib.suppress(OSError, ValueError, IndexError):
                    if self._mark in (process / "environ").read_bytes():
                        status = (process / "status").read_text()
                        self.peak = max(self.peak, int(status.split("VmHWM:")[1].split()[0]) << 10)


def everything(top: Path) -> dict[str, str]:
    """Every name below `top` and what can be told of it without reading: two looks are equal, or it was touched."""
    found = {}
    for place, folders, files in os.walk(top):
        for name in [*folders, *files]:
            path = os.path.join(place, name)
            with contextlib.suppress(FileNotFoundError):
                seen = os.lstat(path)
                size = 0 if stat.S_ISDIR(seen.st_mode) else seen.st_size
                found[path] = f"{seen.st_mode:o} {size} {seen.st_mtime_ns} {seen.st_ino}"
    return found
