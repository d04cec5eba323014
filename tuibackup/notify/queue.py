"""What was told, and what waits to be sent: one small file in the state folder, replaced as a whole.

A line goes into the queue before anybody tries to send it, and out of it when it is sent; so a kill or a power cut in
between can make it come twice, but not get lost. A line replaces the older one about the same thing: after a week
without the mail server there is one message, and no fifty.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from tuibackup.durable import replace_file
from tuibackup.filelock import locked
from tuibackup.ledger.entries import iso

AGE = timedelta(days=14)  # what could not be sent for so long is dropped
_AGAIN = tuple(map(float, (15, 60, 300, 900, 1800, 3600)))  # seconds after the first failure, the second …
HOUR = timedelta(hours=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)
MOST_AN_HOUR = 10  # messages on one way; more wait, and come as one


class Line(msgspec.Struct, frozen=True):
    """One thing that is told. `state`: "new", "changed", "still", "recovered", "done"; `level`: "failed", "warnings",
    "done"; `text` is in the language of the configuration.
    """

    server: str
    what: str
    state: str
    level: str
    text: str
    time: str

    @property
    def about(self) -> str:
        """A newer line replaces the older one about the same."""
        return f"{self.server}/{self.what}"


class Way(msgspec.Struct):
    """One channel: what waits for it, and how sending went. Times are as the ledger writes them, "" for never."""

    name: str = ""
    waiting: dict[str, Line] = {}
    ended: dict[str, int] = {}  # runs that ended meanwhile, by outcome
    summary: bool = False  # a summary is owed
    failures: int = 0  # in a row
    error: str = ""  # of the last try, or what is to be known of one that went well
    since: str = ""  # when it first failed
    tried: str = ""
    sent: list[str] = []  # the newest

    @property
    def owes(self) -> bool:
        return bool(self.waiting) or self.summary

    def may_send(self, now: datetime) -> bool:
        return now >= self.turn

    @property
    def turn(self) -> datetime:
        """From when on it may be used: one that failed is left alone for a while, and none is used without bound."""
        turns = [_LONG_AGO]
        if self.failures:
            pause = timedelta(seconds=_AGAIN[min(self.failures, len(_AGAIN)) - 1])
            turns.append(datetime.fromisoformat(self.tried) + pause)
        if len(self.sent) >= MOST_AN_HOUR:
            turns.append(datetime.fromisoformat(self.sent[-MOST_AN_HOUR]) + HOUR)
        return max(turns)

    def went_well(self, now: datetime, remark: str) -> None:
        self.waiting, self.ended, self.summary = {}, {}, False
        self.failures, self.since, self.error, self.tried = 0, "", remark, iso(now)
        self.sent = [*self.sent[1 - MOST_AN_HOUR :], iso(now)]

    def went_wrong(self, now: datetime, error: str) -> None:
        self.failures, self.error, self.tried = self.failures + 1, error, iso(now)
        self.since = self.since or iso(now)


class Told(msgspec.Struct, frozen=True):
    """Something that is wrong, as it was told last. `cause` tells one reason from another."""

    level: str
    cause: str
    text: str
    since: str
    told: str  # "" while it is known and not told yet


class Queue(msgspec.Struct):
    """Everything that is remembered from message to message."""

    told: dict[str, dict[str, Told]] = {}  # by server ("" for this machine) and what
    runs: dict[str, str] = {}  # the last run of each server that was counted
    summary: str = ""  # when the last one was made
    ways: dict[str, Way] = {}
    heartbeat: str = ""  # when the address was last reached
    heartbeat_error: str = ""
    metrics_error: str = ""


def queue_path(state: Path) -> Path:
    return state / "notify" / "queue.json"


def read_queue(state: Path) -> Queue:
    """What is in the file; nothing where there is none, or one that cannot be understood. Raises OSError."""
    try:
        return msgspec.json.decode(queue_path(state).read_bytes(), type=Queue)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return Queue()


def write_queue(state: Path, queue: Queue) -> None:
    """Raises OSError."""
    replace_file(queue_path(state), msgspec.json.encode(queue))


@contextmanager
def one_at_a_time(state: Path) -> Iterator[None]:
    """Only one process looks and sends; others wait. Raises OSError."""
    folder = queue_path(state).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / "lock"):
        yield


def next_turn(queue: Queue) -> datetime | None:
    """When something that waits may be sent at the earliest; None where nothing waits."""
    return min((way.turn for way in queue.ways.values() if way.owes), default=None)


def forget_old(queue: Queue, now: datetime) -> None:
    """Drop lines that nobody could be told for too long."""
    oldest = iso(now - AGE)
    for way in queue.ways.values():
        way.waiting = {about: line for about, line in way.waiting.items() if line.time > oldest}
