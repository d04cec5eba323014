"""Where the messages stand, from their queue: read again when its file changed."""

from datetime import datetime
from pathlib import Path

from tuibackup.notify.queue import Way, queue_path, read_queue
from tuibackup.overview.picture import Telling
from tuibackup.text import printable


class TellingLook:
    """Looks again and again, for the little that it costs."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._mark = (0, 0)
        self._found: tuple[Telling, ...] = ()

    def look(self) -> tuple[Telling, ...]:
        """Every way that was used. Raises OSError."""
        try:
            status = queue_path(self._state).stat()
            mark = status.st_mtime_ns, status.st_ino
        except (FileNotFoundError, NotADirectoryError):
            mark = (0, 0)
        if mark != self._mark:
            queue = read_queue(self._state)
            self._found = tuple(_telling(way) for way in queue.ways.values())
            self._mark = mark
        return self._found


def _telling(way: Way) -> Telling:
    return Telling(
        printable(way.name),
        len(way.waiting) + way.summary,
        datetime.fromisoformat(way.sent[-1]) if way.sent else None,
        datetime.fromisoformat(way.since) if way.since else None,
        printable(way.error),
    )
