"""The picture as Prometheus' textfile: figures by server and clock, no names of files, hashes or texts.

No sample has a time of its own, because node_exporter discards a file with one; times are values.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from tuibackup import __version__
from tuibackup.config import VaultSettings
from tuibackup.overview.picture import Picture, ServerRow
from tuibackup.sop import Clock, Outcome, State

_Sample = tuple[dict[str, str], float]
_OfServer = Callable[[ServerRow], float | None]  # None: nobody knows, so that there is no sample
_OfClock = Callable[[ServerRow, Clock], float | None]


class Metric(msgspec.Struct, frozen=True):
    """One family of samples; every one is a gauge."""

    name: str
    help: str
    samples: tuple[_Sample, ...]


def text(picture: Picture, vault: VaultSettings) -> str:
    """The whole file."""
    return "".join(_lines(metrics(picture, vault)))


def metrics(picture: Picture, vault: VaultSettings) -> Iterator[Metric]:
    """Every family, whether it has samples now or not."""
    rows = picture.rows
    yield _one("build_info", "Always 1; the version is in the label.", 1, version=__version__)
    yield _one("picture_timestamp_seconds", "When these figures were gathered.", picture.now.timestamp())
    yield _one("servers", "Servers in the configuration.", len(rows))
    yield _one(
        "problems", "What keeps the program from its work: see tuibackup status.", len(picture.problems)
    )
    yield _one(
        "messages_failing",
        "Ways on which messages cannot be sent.",
        sum(way.since is not None for way in picture.telling),
    )
    room = [picture.room] if picture.room else []
    yield _many("vault_free_bytes", "Free on the backup disk.", (({}, one.free) for one in room))
    yield _many("vault_total_bytes", "Size of the backup disk.", (({}, one.total) for one in room))
    yield _many(
        "vault_least_free_bytes",
        "What a run must leave free.",
        (({}, vault.least_free(one.total)) for one in room),
    )
    for state in (State.OVERDUE, State.NEVER, State.DUE):
        yield _clocks(f"backup_{state.value}", f"Whether the clock is {state.value}.", rows, _state_is(state))
    yield _clocks(
        "last_good_timestamp_seconds",
        "The start of the last good snapshot.",
        rows,
        lambda row, clock: _moment(row.standings[clock].last),
    )
    yield _clocks(
        "due_by_timestamp_seconds",
        "When the clock becomes overdue.",
        rows,
        lambda row, clock: _moment(row.standings[clock].due_by),
    )
    yield _servers("running", "Whether a run is under way.", rows, lambda row: float(row.run is not None))
    for outcome in Outcome:
        yield _servers(
            f"last_run_{outcome.value}",
            f"Whether the last run ended so: {outcome.value}.",
            rows,
            _ended(outcome),
        )
    yield _servers(
        "last_run_timestamp_seconds",
        "The start of the last run.",
        rows,
        lambda row: row.last.started.timestamp() if row.last else None,
    )
    yield _servers(
        "last_run_duration_seconds",
        "How long the last run took.",
        rows,
        lambda row: row.last.seconds if row.last else None,
    )
    yield _servers("damaged", "Whether something stored is damaged.", rows, lambda row: float(row.damaged))
    yield _servers(
        "snapshots_missing", "Clocks whose last snapshot is gone.", rows, lambda row: len(row.lost)
    )
    yield _servers(
        "unprotected",
        "Folders and databases that no backup holds.",
        rows,
        lambda row: None if row.coverage.looked is None else len(row.coverage.unprotected),
    )
    yield _servers(
        "drill_overdue",
        "Whether the drill is overdue, or none proved anything yet.",
        rows,
        lambda row: float(row.drill.state in (State.OVERDUE, State.NEVER)) if row.drill else None,
    )
    yield _servers(
        "drill_timestamp_seconds",
        "The last drill in which nothing differed.",
        rows,
        lambda row: _moment(row.drill.last) if row.drill else None,
    )


def write(path: Path, content: str) -> None:
    """Put the file in its place at once, readable by everybody. Raises OSError.

    Its draft does not end in .prom: node_exporter would read it half written.
    """
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            os.fchmod(descriptor, 0o644)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _state_is(state: State) -> _OfClock:
    return lambda row, clock: None if row.has(State.UNKNOWN) else float(row.standings[clock].state is state)


def _ended(outcome: Outcome) -> _OfServer:
    return lambda row: float(row.last.outcome is outcome) if row.last else None


def _moment(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _one(name: str, help_: str, value: float, **labels: str) -> Metric:
    return _many(name, help_, [(labels, value)])


def _many(name: str, help_: str, samples: Iterable[_Sample]) -> Metric:
    return Metric(f"tuibackup_{name}", help_, tuple(samples))


def _servers(name: str, help_: str, rows: Iterable[ServerRow], value: _OfServer) -> Metric:
    found = ((row, value(row)) for row in rows)
    return _many(name, help_, (({"server": row.name}, one) for row, one in found if one is not None))


def _clocks(name: str, help_: str, rows: Iterable[ServerRow], value: _OfClock) -> Metric:
    found = ((row, clock, value(row, clock)) for row in rows for clock in row.standings)
    return _many(
        name,
        help_,
        (({"server": row.name, "clock": clock.value}, one) for row, clock, one in found if one is not None),
    )


def _lines(metrics: Iterable[Metric]) -> Iterator[str]:
    for metric in metrics:
        if metric.samples:
            yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} gauge\n"
        for labels, value in metric.samples:
            named = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            number = f"{value:.0f}" if value == int(value) else f"{value:.3f}"
            yield f"{metric.name}{{{named}}} {number}\n" if named else f"{metric.name} {number}\n"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
