"""One run's share of `[run] bandwidth`: the limit of this hour, in equal parts for all runs that transfer now."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from tuibackup.config import Config
from tuibackup.filelock import unlock
from tuibackup.remote.connect.connecting import WINDOW
from tuibackup.remote.pace import Pace, window_for
from tuibackup.run.locks import holders, take_slot

_KIND = "line"
_MOST = 1000  # runs that transfer at once; never reached


def pace(config: Config) -> Pace | None:
    """The pace of a run's connection; None where no bandwidth is configured."""
    least = config.run.least_bandwidth
    return None if least is None else Pace(lambda: share(config), window_for(least, WINDOW))


def share(config: Config) -> float | None:
    """Bytes a second for each run of this host that transfers now (at least one); None: no limit at this hour."""
    whole = config.run.bytes_per_second(datetime.now().astimezone())
    return None if whole is None else whole / max(1, holders(config.state, kind=_KIND))


@contextmanager
def transferring(config: Config) -> Iterator[None]:
    """Count as one of the runs that share the line."""
    descriptor = take_slot(config.state, _MOST, kind=_KIND) if config.run.bandwidth else None
    try:
        yield
    finally:
        if descriptor is not None:
            unlock(descriptor)
