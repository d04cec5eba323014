"""What was held when the copy was last made, as the pieces of the ledger in it tell: a hold outlives vault and ledger.

A copy creates objects and replaces none, so the notes that the vault keeps of its holds are not in it; the record is.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from tuibackup.copies.held import Opening, whole
from tuibackup.copies.target import CopyError, Target
from tuibackup.jobs.ledger.travel import FOLDER
from tuibackup.ledger.queries import Queries
from tuibackup.run.holds import Hold, hold_of
from tuibackup.vault.held import is_held, put_note
from tuibackup.vault.layout import Snapshot
from tuibackup.words import sentence

_ENTRIES, _SEALED = f"{FOLDER}/entries-", ".age"


def held_there(target: Target, key: Opening | None) -> Mapping[str, Hold]:
    """What is held, by snapshot. Raises CopyError: a piece of the ledger is damaged."""
    found: dict[str, Hold | None] = {}
    for entry in _entries(target, key):
        body = entry.get("body")
        if entry.get("kind") == "hold" and isinstance(body, dict) and isinstance(body.get("snapshot"), str):
            held = hold_of(body, str(entry.get("operator")), str(entry.get("time")))
            found[body["snapshot"]] = held if body.get("held") is True else None
    return {spec: hold for spec, hold in found.items() if hold}


def hold_again(snapshot: Snapshot, held: Mapping[str, Hold], ledger: Queries | None) -> Hold | None:
    """Write its hold down beside it, unless vault or ledger know better; the hold. Raises VaultError, LedgerError."""
    hold = held.get(snapshot.spec)
    if hold is None or is_held(snapshot):
        return None
    if ledger is not None and snapshot.spec in ledger.holds(snapshot.server):
        return None
    put_note(snapshot, hold.note())
    return hold


def _entries(target: Target, key: Opening | None) -> Iterator[dict[str, Any]]:
    """All entries there, the oldest first."""
    names = sorted(one.key for one in target.objects(f"{FOLDER}/") if one.key.startswith(_ENTRIES))
    for name in names:
        data: bytes | memoryview = whole(target, name)
        if name.endswith(_SEALED):
            if key is None:
                raise CopyError(
                    sentence("{place} is encrypted", place=target.name),
                    sentence("name the file with the identity: --identity FILE"),
                )
            data = key.open(bytes(data), name)
        for line in bytes(data).splitlines():
            with suppress(ValueError):  # one that somebody changed: `ledger verify` says so
                if isinstance(entry := json.loads(line), dict):
                    yield entry
