"""One entry of the ledger: its fields, their canonical JSON and the hash that chains it to the one before.

docs/ledger.md shows how to check the chain by hand. Pure: nothing is stored here.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from tuibackup.words import later

GENESIS = "0" * 64  # `prev` of the first entry


class Kind(StrEnum):
    """What an entry records. The one list: whatever is written is one of these, and checking goes by it too."""

    RUN = later("run")
    STEP = later("step")
    NEEDS = later("needs")
    VERIFY = later("verify")
    RESTORE = later("restore")
    DRILL = later("drill")
    RETENTION = later("retention")
    HOLD = later("hold")
    COPY = later("copy")
    TRUST = later("trust")
    CONFIG = later("config")
    DISCOVER = later("discover")
    NOTE = later("note")
    SEAL = later("seal")
    REPORT = later("report")


# Steps and needs belong to their run, and each run is sealed: as rows of their own in a log they would bury the runs.
WITHIN_RUNS = frozenset({Kind.STEP, Kind.NEEDS, Kind.SEAL})


class Entry(msgspec.Struct, frozen=True):
    """One line of the record; nothing in it is ever changed, a correction is a new entry.

    `seq` counts from 1; `time` is UTC, ISO 8601 with milliseconds and "Z"; `host` is the machine that wrote
    it; `server` and `run` are None where the entry concerns none; `prev` and `hash` are SHA-256 in hex. `kind` is
    a `Kind`, or a word that only a newer version knows.
    """

    seq: int
    time: str
    kind: str
    operator: str
    host: str
    server: str | None
    run: str | None
    body: Mapping[str, Any]
    prev: str
    hash: str

    @property
    def moment(self) -> datetime:
        """The entry's time; that of an entry which somebody has changed may be none, and counts as long ago."""
        try:
            return datetime.fromisoformat(self.time).astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.fromtimestamp(0, UTC)


def iso(moment: datetime) -> str:
    """A moment as entries write it: "2026-11-22T01:30:00.000Z". One without a zone counts as local."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def canonical(value: object) -> str:
    r"""The one JSON text of a value: keys sorted, no spaces, no \u escapes but for lone surrogates.

    Raises ValueError for NaN and infinity and TypeError for what JSON does not know.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A lone surrogate (half a character, from a name that is no UTF-8) has no UTF-8 form; JSON can escape it.
    return text.encode("utf-8", "backslashreplace").decode()


def entry_hash(
    seq: int,
    time: str,
    kind: str,
    operator: str,
    host: str,
    server: str | None,
    run: str | None,
    body: str,
    prev: str,
) -> str:
    """SHA-256 in hex over the canonical JSON of everything else; `body` is its canonical JSON already.

    Raises TypeError, ValueError for what is no entry.
    """
    return hashlib.sha256(
        hashed_text(seq, time, kind, operator, host, server, run, body, prev).encode()
    ).hexdigest()


def hashed_text(
    seq: int,
    time: str,
    kind: str,
    operator: str,
    host: str,
    server: str | None,
    run: str | None,
    body: str,
    prev: str,
) -> str:
    """What the hash is taken of. Raises TypeError, ValueError for what is no entry."""
    rest = canonical(
        {
            "host": host,
            "kind": kind,
            "operator": operator,
            "prev": prev,
            "run": run,
            "seq": seq,
            "server": server,
            "time": time,
        }
    )
    # "body" sorts first, so that the stored text can be put in as it is.
    return f'{{"body":{body},{rest[1:]}'


def line(row: Any) -> str:
    """A line of an export: what was hashed, with the hash put in at its end. It is JSON; without `,"hash":"…"` it is,
    byte for byte, what the hash was taken of.

    An entry that somebody changed into something else than JSON comes with that as a text.
    """
    body = row.body
    if not _is_json(body):
        body = json.dumps(str(body))
    names = (row.time, row.kind, row.operator, row.host, row.server, row.run)
    time, kind, operator, host, server, run = (
        name if name is None or isinstance(name, str) else str(name) for name in names
    )
    text = hashed_text(
        row.seq, str(time), str(kind), str(operator), str(host), server, run, body, str(row.prev)
    )
    return f'{text[:-1]},"hash":{json.dumps(str(row.hash))}}}'


def _is_json(body: object) -> bool:
    try:
        return isinstance(body, str) and "\n" not in body and json.loads(body) is not None
    except ValueError:
        return False
