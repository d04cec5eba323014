"""What the ledger tells of the stores of copies: what was found out by trying (`copies/objectstore/probe.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tuibackup.ledger.entries import Kind
from tuibackup.ledger.queries import Queries


@dataclass(frozen=True, slots=True)
class ProbeFact:
    """What came of the last probe of a copy's store, at `time`.

    `enforces`: whether the store itself refuses to replace an object. `lock`: "kept" (what is stored cannot be deleted
    for a while, not even by its version id), "gone" (it can), "refused" (not with this key). `days`: for how long,
    where the store told.
    """

    time: datetime
    enforces: bool
    lock: str
    days: float | None = None

    def protected_until(self, oldest: datetime | None, promised: timedelta | None) -> datetime | None:
        """To when an object that the store got at `oldest` cannot be deleted; None: it is not protected.

        What the canary has proven counts, and no more than what was promised.
        """
        told = None if self.days is None else timedelta(days=self.days)
        spans = [span for span in (told, promised) if span is not None]
        return oldest + min(spans) if oldest is not None and self.lock == "kept" and spans else None


def probe_body(
    copy: str, *, enforces: bool, lock: str, until: datetime | None, now: datetime
) -> dict[str, Any]:
    """What an entry of kind copy says of a probe, but for its sentence and outcome."""
    days = None if until is None else round((until - now).total_seconds() / 86400, 2)
    return {"copy": copy, "probe": {"enforces": enforces, "lock": lock, "days": days}}


def probes(ledger: Queries) -> Mapping[str, ProbeFact]:
    """The last probe of each copy. Raises LedgerError."""
    found: dict[str, ProbeFact] = {}
    for entry in ledger.of_kind(Kind.COPY):
        probe = entry.body.get("probe")
        if isinstance(probe, dict):
            days = probe.get("days")
            found[str(entry.body.get("copy"))] = ProbeFact(
                entry.moment.astimezone(UTC),
                probe.get("enforces") is True,
                str(probe.get("lock")),
                float(days) if isinstance(days, int | float) else None,
            )
    return found
