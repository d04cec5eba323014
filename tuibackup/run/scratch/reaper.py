"""Ends the processes of a playground or a drill and removes its folder, even if that itself is killed.

A small process of its own: it waits until the other end of its standard input is gone. Run as
`python -m tuibackup.run.scratch.reaper FOLDER`.
"""

import contextlib
import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path

_TRIES = 20
_PAUSE = 0.25


def main() -> None:
    """Wait for the end of standard input, then clear up."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(sys.argv[1]).resolve()
    sys.stdin.read()
    clear(folder)


def clear(folder: Path) -> None:
    """Kill every process that works in `folder`, then remove it; again while something still writes."""
    for _attempt in range(_TRIES):
        for pid in processes_in(folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_PAUSE)


def processes_in(folder: Path) -> list[int]:
    """The processes (not this one) whose working folder or an open file lies below `folder`."""
    prefix = f"{folder}/"
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            links = [process / "cwd", *(process / "fd").iterdir()]
        except OSError:  # another account's, or gone
            continue
        for link in links:
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if f"{target}/".startswith(prefix):
                found.append(int(process.name))
                break
    return found


def _make_writable(folder: Path) -> None:
    """Published snapshots are read-only; an ordinary user could not remove them."""
    for parent, folders, _files in os.walk(folder):
        for name in folders:
            path = os.path.join(parent, name)
            with contextlib.suppress(OSError):
                mode = os.lstat(path).st_mode
                if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                    os.chmod(path, 0o700)


if __name__ == "__main__":
    main()
