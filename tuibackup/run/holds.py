"""What is held: a snapshot that stays, with everything that it points into, until somebody releases it (`jobs/hold`).

The ledger is the record; the vault keeps a note beside the snapshot. Either of them holds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from tuibackup.text import printable
from tuibackup.vault.held import Note, notes
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.ledger.queries import Queries
    from tuibackup.vault.layout import Vault


@dataclass(frozen=True, slots=True)
class Hold:
    """`snapshot` is held by `owner` since that moment (ISO 8601, UTC); None: without an end."""

    snapshot: str
    reason: str
    owner: str
    since: str
    until: date | None = None

    def passed(self, today: date) -> bool:
        """Whether its end has passed. It holds all the same: only a person releases it."""
        return self.until is not None and self.until < today

    def words(self, today: date) -> str:
        """Why the snapshot stays, and that the end has passed where it has."""
        if self.until is None:
            return sentence("held: {reason}", reason=self.reason)
        if self.passed(today):
            return sentence(
                "held: {reason} (until {day}, which has passed: tuibackup release lets it go)",
                reason=self.reason,
                day=self.until.isoformat(),
            )
        return sentence("held: {reason} (until {day})", reason=self.reason, day=self.until.isoformat())

    def note(self) -> Note:
        """As the vault keeps it."""
        until = self.until.isoformat() if self.until else ""
        return Note(reason=self.reason, owner=self.owner, since=self.since, until=until)

    def document(self, today: date) -> dict[str, Any]:
        """As `holds --json` prints it."""
        return {
            "snapshot": self.snapshot,
            "reason": self.reason,
            "owner": self.owner,
            "since": self.since,
            "until": self.until.isoformat() if self.until else None,
            "passed": self.passed(today),
        }


def holds(vault: "Vault | None", ledger: "Queries | None", server: str | None = None) -> Mapping[str, Hold]:
    """What is held, by snapshot, the oldest hold first. None: what the other one says. Raises TuibackupError."""
    found: dict[str, Hold] = {}
    if vault is not None:
        for one in vault.servers() if server is None else [server]:
            found |= {spec: _of_note(spec, note) for spec, note in notes(vault, one).items()}
    for spec, entry in ledger.holds(server).items() if ledger is not None else ():
        if entry.body.get("held") is True:
            found[spec] = hold_of(entry.body, entry.operator, entry.time)
    return dict(sorted(found.items(), key=lambda item: (item[1].since, item[0])))


def hold_of(body: Mapping[str, Any], operator: str, time: str) -> Hold:
    """The hold that an entry of the ledger with this body made."""
    return Hold(
        str(body["snapshot"]),
        printable(str(body.get("reason") or "")),
        printable(operator),
        printable(time),
        _day(body.get("until")),
    )


def _of_note(spec: str, note: Note) -> Hold:
    return Hold(spec, printable(note.reason), printable(note.owner), note.since, _day(note.until))


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
