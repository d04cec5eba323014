"""Look at everything, put what is to be told into the queue, and send it: one message a way, whatever there is.

It runs in a process of its own (`jobs.notify.process`), after what it tells is in the ledger.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec

from tuibackup.config import Config
from tuibackup.jobs.notify.changes import changes, done_lines
from tuibackup.jobs.notify.summary import summary
from tuibackup.jobs.notify.troubles import HERE, counted, troubles
from tuibackup.jobs.notify.words import news, test_message
from tuibackup.ledger.entries import iso
from tuibackup.notify.apart import Did, all_apart
from tuibackup.notify.channel import Channel, addresses, channels
from tuibackup.notify.errors import SendError
from tuibackup.notify.message import Message
from tuibackup.notify.queue import (
    Line,
    Queue,
    Way,
    forget_old,
    one_at_a_time,
    read_queue,
    write_queue,
)
from tuibackup.notify.web import ask
from tuibackup.overview import metrics
from tuibackup.overview.gather import look_once
from tuibackup.overview.picture import Picture
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.passwords import SecretError
from tuibackup.run.process.living import active_runs
from tuibackup.words import in_language

SENDING = 60.0  # seconds for all ways together
_LONG = timedelta(hours=6)  # after which a request that still goes on keeps its news no longer


class Sent(msgspec.Struct, frozen=True):
    """What became of a message on one way. `what`: "news", "summary", "test", "heartbeat", "metrics"."""

    way: str
    what: str
    error: str = ""  # "" where it was taken
    said: str = ""


class Wish(msgspec.Struct, frozen=True):
    """What is asked for, beside the news: a summary, the heartbeat; `eager`: also on ways that wait for their turn."""

    summary: bool = False
    heartbeat: bool = False
    eager: bool = False


def tell(config: Config, wish: Wish) -> tuple[list[Sent], bool]:
    """Do it; what was sent, and whether something waits that could not be. Raises TuibackupError, OSError."""
    sent: list[Sent] = []
    with one_at_a_time(config.state):
        picture = look_once(config, "")
        queue = read_queue(config.state)
        now = picture.now
        ways = {way.key: way for way in channels(config.notify)}
        if config.notify.tells:
            _collect(queue, picture, config, ways, summary_wished=wish.summary)
            forget_old(queue, now)
            write_queue(config.state, queue)
            sent += _send(queue, ways, picture, config, eager=wish.eager or wish.summary)
        if wish.heartbeat or any(one.what == "summary" for one in sent):
            sent += _beat(queue, config, now)
        if config.notify.metrics:
            sent += _write_metrics(queue, picture, config)
        write_queue(config.state, queue)
    return sent, any(way.owes for way in queue.ways.values())


def test(config: Config, operator: str) -> list[Sent]:
    """Send a test on every way, and ask for the heartbeat's address, as everything is sent."""
    told = test_message(operator, config, datetime.now(UTC))
    ways = channels(config.notify)
    works = {way.key: partial(way.send, told) for way in ways}
    did = all_apart(works, SENDING)
    sent = [_sent(way, "test", did[way.key]) for way in ways]
    return [*sent, *_beat(Queue(), config, datetime.now(UTC))]


def _collect(
    queue: Queue, picture: Picture, config: Config, ways: Mapping[str, Channel], *, summary_wished: bool
) -> None:
    """Put what is to be told into the queue of every way."""
    now, on = picture.now, config.notify.on
    going = _under_way(config, picture)
    found = {server: of for server, of in troubles(picture, config).items() if server not in going}
    lines, queue.told = changes(queue.told, found, (HERE, *config.servers), on, now)
    fresh = {server: one for server, one in counted(picture, queue.runs).items() if server not in going}
    queue.runs = {
        server: run
        for server, run in {**queue.runs, **{name: run for name, (run, _how) in fresh.items()}}.items()
        if server in config.servers
    }
    ended = {server: outcome for server, (_run, outcome) in fresh.items()}
    lines += done_lines(ended, on, now)
    owed = summary_wished or _summary_is_due(queue, config, now)
    if owed or not queue.summary:
        queue.summary = iso(now)
    queue.ways = {key: queue.ways.get(key, Way()) for key in ways}
    for key, way in queue.ways.items():
        way.name = in_language(ways[key].name)
        _add(way, lines, ended)
        way.summary = way.summary or owed


def _add(way: Way, lines: Iterable[Line], ended: Mapping[str, str]) -> None:
    for line in lines:
        way.waiting[line.about] = line
    for outcome in ended.values():
        way.ended[outcome] = way.ended.get(outcome, 0) + 1
    if not way.waiting:
        way.ended = {}


def _summary_is_due(queue: Queue, config: Config, now: datetime) -> bool:
    """Whether its time came since the last one; at the first look ever it is not made up for."""
    at = config.notify.summary
    return at is not None and bool(queue.summary) and iso(at.last(now)) > queue.summary


def _under_way(config: Config, picture: Picture) -> set[str]:
    """The servers of requests of which a run still goes on: their news come together, in one message."""
    oldest = iso(picture.now - _LONG)
    requests = {
        planned.request
        for one in active_runs(config)
        if isinstance(planned := jr.planned_in(one.journal), ev.RunPlanned) and planned.time > oldest
    }
    if not requests:
        return set()
    lasts = {row.name: row.last.run for row in picture.rows if row.last and row.last.run}
    return {
        server
        for server, run in lasts.items()
        if isinstance(planned := jr.planned_in(jr.journal_path(config.state, run)), ev.RunPlanned)
        and planned.request in requests
    }


def _send(
    queue: Queue, ways: Mapping[str, Channel], picture: Picture, config: Config, *, eager: bool
) -> list[Sent]:
    """Send what waits, each way what is its own."""
    now = picture.now
    messages: dict[str, tuple[str, Message]] = {}
    for key, way in queue.ways.items():
        if way.owes and (eager or way.may_send(now)):
            if way.waiting:
                messages[f"news {key}"] = key, news(way, config, now)
            if way.summary:
                messages[f"summary {key}"] = key, summary(picture, config, queue)
    did = all_apart({name: partial(ways[key].send, one) for name, (key, one) in messages.items()}, SENDING)
    sent = [_sent(ways[key], name.partition(" ")[0], did[name]) for name, (key, _one) in messages.items()]
    for key in dict.fromkeys(key for key, _one in messages.values()):
        mine = {name.partition(" ")[0]: did[name] for name, (other, _one) in messages.items() if other == key}
        _settle(queue.ways[key], mine, now)
    return sent


def _settle(way: Way, did: Mapping[str, Did], now: datetime) -> None:
    """Remember what became of the messages of one way; what was taken waits no longer."""
    waiting, owed = way.waiting, way.summary
    errors = [one.error for one in did.values() if one.error is not None]
    if errors:
        way.went_wrong(now, in_language(errors[0]))
        way.waiting = {} if "news" in did and did["news"].error is None else waiting
        way.summary = owed and not ("summary" in did and did["summary"].error is None)
    else:
        way.went_well(now, "; ".join(in_language(one.said) for one in did.values() if one.said))


def _beat(queue: Queue, config: Config, now: datetime) -> list[Sent]:
    """Ask for the heartbeat's address: whoever is behind it alarms when nobody asks for too long."""
    path = config.notify.heartbeat_file
    if path is None:
        return []
    did = all_apart({"heartbeat": partial(_ask_all, path)}, SENDING)["heartbeat"]
    if did.error is None:
        queue.heartbeat, queue.heartbeat_error = iso(now), ""
    else:
        queue.heartbeat_error = in_language(did.error)
    return [Sent("heartbeat", "heartbeat", in_language(did.error or ""))]


def _ask_all(path: Path) -> str:
    try:
        urls = addresses("heartbeat_file", path)
    except SecretError as error:
        raise SendError(error.message, error.way_out) from None
    for url in urls:
        ask(url)
    return ""


def _write_metrics(queue: Queue, picture: Picture, config: Config) -> list[Sent]:
    path = config.notify.metrics
    assert path
    try:
        metrics.write(path, metrics.text(picture, config.vault))
        queue.metrics_error = ""
    except OSError as error:
        queue.metrics_error = f"{path}: {error.strerror}"
    return [Sent(str(path), "metrics", queue.metrics_error)]


def _sent(way: Channel, what: str, did: Did) -> Sent:
    return Sent(in_language(way.name), what, in_language(did.error or ""), in_language(did.said))
