"""What the ledger tells of copies: which snapshot lies in which second place, as far as it is known without looking."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tuibackup.ledger.entries import Entry, Kind
from tuibackup.ledger.queries import Queries


@dataclass(frozen=True, slots=True)
class CopyFact:
    """A snapshot (by its spec) in a copy (by its name).

    `held`: it lies there whole, as was last found; else `let_go`: the copy's own rule removed it, or will not take it,
    or it is lost there, or damaged (`problem`). `since`: when it was copied, or what is said began. `verified`: when
    all of it was last read there and was right. `bytes`: of its objects; `encrypted`: only an identity can read it.
    `good`, `started` and `needs` (names of the older snapshots that it points into) are the snapshot's own.
    `damaged`: keys of objects there. `oldest`: when the store got the oldest object that it needs, where it told.
    """

    copy: str
    snapshot: str
    held: bool
    since: datetime
    let_go: bool = False
    problem: str = ""
    verified: datetime | None = None
    bytes: int = 0
    encrypted: bool = False
    good: bool = False
    started: str = ""
    needs: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    oldest: datetime | None = None

    @property
    def had(self) -> bool:
        """Whether nothing has to be sent there any more."""
        return self.held or self.let_go


Copied = Mapping[str, Mapping[str, CopyFact]]  # by the copy's name, then by snapshot


def copied(ledger: Queries, server: str | None = None) -> Copied:
    """What lies in each copy (of one server's snapshots), by what was recorded last. Raises LedgerError.

    Reads an entry for each snapshot that was ever copied.
    """
    found: dict[str, dict[str, CopyFact]] = {}
    for entry in ledger.of_kind(Kind.COPY, server):
        fact = _fact(entry, found.get(str(entry.body.get("copy")), {}))
        if fact is not None:
            found.setdefault(fact.copy, {})[fact.snapshot] = fact
    return found


def proven_readable(ledger: Queries) -> Mapping[str, datetime]:
    """When a drill last restored something out of each copy, and nothing differed. Raises LedgerError."""
    proven: dict[str, datetime] = {}
    for entry in ledger.of_kind(Kind.DRILL):
        if "copy" in entry.body and entry.body.get("outcome") == "done":
            proven[str(entry.body.get("copy"))] = entry.moment
    return proven


def _fact(entry: Entry, before: Mapping[str, CopyFact]) -> CopyFact | None:
    """What an entry says; None where it says nothing of what lies in the copy."""
    body = entry.body
    held = body.get("held")
    if not isinstance(held, bool) or not isinstance(body.get("snapshot"), str):
        return None
    last = before.get(body["snapshot"])
    verified = entry.moment if body.get("verified") is True else None
    if held and last is not None and last.held and "bytes" not in body:  # it was only looked at
        return CopyFact(
            last.copy, last.snapshot, True, last.since, False, "", verified or last.verified, last.bytes,
            last.encrypted, last.good, last.started, last.needs, oldest=last.oldest,
        )  # fmt: skip
    needs, damaged = body.get("needs"), body.get("damaged")
    return CopyFact(
        str(body.get("copy")),
        body["snapshot"],
        held,
        entry.moment,
        body.get("let_go") is True,
        str(body.get("problem") or ""),
        verified,
        _number(body.get("bytes")),
        body.get("encrypted") is True,
        body.get("good") is True,
        str(body.get("started") or ""),
        tuple(map(str, needs)) if isinstance(needs, list) else (),
        tuple(map(str, damaged)) if isinstance(damaged, list) else (),
        _moment(body.get("oldest")),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
    except ValueError:
        return None
