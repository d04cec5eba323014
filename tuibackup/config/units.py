"""The little languages of values: sizes, percentages, spans of seconds, bandwidth rules.

Each function raises ValueError with a sentence that tells the user how to write it.
"""

import re
from datetime import time

import msgspec

from tuibackup.words import sentence

_SIZES = {
    "B": 1,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# Below, a dumper that shares the line would wait longer for its reader than its database server's net_write_timeout.
LEAST_RATE = 100_000  # bytes a second
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,3})?)"


def seconds(text: str) -> float:
    """A span of time that is measured: "10 minutes", "90 seconds". At least a second, at most a day."""
    match = re.fullmatch(rf"\s*{_NUMBER}\s+(second|minute|hour|day)s?\s*", text)
    if not match:
        raise ValueError(
            sentence(
                '"{text}" is no span of time; write it as "90 seconds", "10 minutes" or "1 hour"', text=text
            )
        )
    value = float(match[1]) * _SECONDS[match[2]]
    if not 1 <= value <= 86400:
        raise ValueError(sentence('"{text}" is not between 1 second and 1 day', text=text))
    return value


def size(text: str) -> int:
    """Bytes: "50 GB" (powers of ten) or "50 GiB" (powers of two)."""
    match = re.fullmatch(rf"\s*{_NUMBER}\s*([A-Za-z]+)\s*", text)
    if not match or match[2] not in _SIZES:
        raise ValueError(sentence('"{text}" is no size; write it as "50 GB" or "50 GiB"', text=text))
    return int(float(match[1]) * _SIZES[match[2]])


def least_free(text: str, total: int) -> int:
    """Bytes to leave free on a disk of `total` bytes: "10%" of it, or a size."""
    match = re.fullmatch(rf"\s*{_NUMBER}\s*%\s*", text)
    if match and float(match[1]) < 100:
        return int(total * float(match[1]) / 100)
    try:
        return size(text)
    except ValueError:
        raise ValueError(
            sentence(
                '"{text}" is no room on a disk; write it as "10%" (less than 100%) or "50 GB"', text=text
            )
        ) from None


class Bandwidth(msgspec.Struct, frozen=True):
    """One bandwidth rule; without hours it always fits. Hours that end before they begin span midnight."""

    bytes_per_second: int
    begin: time | None = None
    end: time | None = None

    def fits(self, clock: time) -> bool:
        """Whether the rule holds at this local time; the begin belongs to it, the end does not."""
        if self.begin is None or self.end is None:
            return True
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


def bandwidth(text: str) -> Bandwidth:
    """Read "20 MB/s" or "08:00-17:00 5 MB/s". Powers of ten, or of two with MiB/s."""
    match = re.fullmatch(r"\s*(?:(\d\d:\d\d)\s*-\s*(\d\d:\d\d)\s+)?([^/]+)/s\s*", text, re.ASCII)
    try:
        if not match:
            raise ValueError(text)
        rate = size(match[3])
        hours = [time.fromisoformat(clock) for clock in match.group(1, 2) if clock]
    except ValueError:
        ways = sentence('"20 MB/s" or "08:00-17:00 5 MB/s"')
        raise ValueError(
            sentence('"{text}" is no bandwidth; write it as {ways}', text=text, ways=ways)
        ) from None
    if rate < LEAST_RATE:
        raise ValueError(
            sentence(
                '"{text}": the rate must be at least 100 kB/s: with less, dumps are cut by time limits',
                text=text,
            )
        )
    if hours and hours[0] == hours[1]:
        raise ValueError(
            sentence('"{text}": the hours must differ; leave them out for the whole day', text=text)
        )
    return Bandwidth(rate, *hours)
