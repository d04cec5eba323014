"""Checks how people are told: every way that can be tried without sending anything, and what became of the last try."""

import os
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from time import monotonic

from tuibackup.config import Config
from tuibackup.jobs.check.answer import Check, State
from tuibackup.notify.channel import Broken, Channel, addresses, channels
from tuibackup.notify.errors import SendError
from tuibackup.notify.queue import read_queue
from tuibackup.run.passwords import SecretError
from tuibackup.text import when
from tuibackup.words import joined, sentence

_SECONDS = 30.0  # for all ways together


def check_notification(config: Config) -> Iterator[Check]:
    """One check for each way, and for heartbeat and metrics; none where nobody is told anything."""
    settings = config.notify
    ways = channels(settings)
    if settings.heartbeat_file:
        try:
            addresses("heartbeat_file", settings.heartbeat_file)
        except (SendError, SecretError) as error:
            ways.append(Broken("heartbeat", SendError(error.message, error.way_out)))
    last = _last(config)
    for way, checked in zip(ways, _looked(ways), strict=True):
        yield _with(checked, last.get(way.key, ""))
    if settings.metrics and not os.access(settings.metrics.parent, os.W_OK):
        detail = sentence("the folder of {path} cannot be written", path=settings.metrics)
        yield Check(sentence("metrics"), State.FAILED, detail)


def _looked(ways: Sequence[Channel]) -> list[Check]:
    """What is found on each way. Threads do it: one that hangs in a name server is left behind."""
    late = sentence("it took longer than {seconds} s", seconds=int(_SECONDS))
    name = sentence("notification")
    found = [Check(name, State.FAILED, joined(": ", (way.name, late))) for way in ways]

    def look(number: int) -> None:
        way = ways[number]
        try:
            found[number] = Check(name, State.OK, joined(": ", (way.name, way.look())))
        except SendError as error:
            found[number] = Check(name, State.FAILED, joined(": ", (way.name, str(error))))

    threads = [threading.Thread(target=look, args=(number,), daemon=True) for number in range(len(ways))]
    until = monotonic() + _SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - monotonic()))
    return list(found)


def _with(checked: Check, last: str) -> Check:
    if checked.state is State.OK and last:
        return Check(checked.what, State.WARNING, joined("; ", (checked.detail, last)))
    return checked


def _last(config: Config) -> dict[str, str]:
    """What could not be sent, by way."""
    try:
        queue = read_queue(config.state)
    except OSError:  # told with the state folder
        return {}
    now = datetime.now().astimezone()
    return {
        key: sentence(
            "since {time} nothing could be sent: {error}",
            time=when(datetime.fromisoformat(way.since), now),
            error=way.error,
        )
        for key, way in queue.ways.items()
        if way.failures
    }
