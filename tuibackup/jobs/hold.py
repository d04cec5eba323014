"""Holds: a snapshot that is held stays, with everything that it points into, until somebody releases it.

The ledger is the record; the vault keeps a note beside the snapshot, so that a hold outlives the ledger.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import LedgerError, UsageError
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.ledger.entries import Kind, iso
from tuibackup.run.holds import Hold, holds
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.sop import Outcome
from tuibackup.text import printable
from tuibackup.vault.held import put_note, take_note_away
from tuibackup.words import _, later, sentence

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot, Vault

_LONGEST = 200  # characters of a reason


@dataclass(frozen=True, slots=True)
class HoldChanged(Result):
    """A snapshot was held, or released."""

    snapshot: str
    held: bool
    reason: str
    until: date | None = None

    @property
    def outcome(self) -> Outcome:
        return Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "snapshot": self.snapshot,
            "held": self.held,
            "reason": self.reason,
            "until": self.until.isoformat() if self.until else None,
        }

    def body(self) -> dict[str, Any]:
        if not self.held:
            message = later("{snapshot} released: {reason}")
        elif self.until is None:
            message = later("{snapshot} held: {reason}")
        else:
            message = later("{snapshot} held until {day}: {reason}")
        detail = sentence(message, snapshot=self.snapshot, day=self.until, reason=self.reason)
        return {**self.facts(), "outcome": "done", "detail": detail}


def hold(config: Config, spec: str, reason: str, until: date | None, recorder: Recorder) -> HoldChanged:
    """Hold a snapshot from now on. Raises UsageError: no such snapshot, held already, an end that has passed."""
    vault = open_vault(config)
    snapshot, reason = vault.find(spec), _reason(reason)
    today = datetime.now().astimezone().date()
    if until is not None and until < today:
        raise UsageError(_("--until {day}: that day has passed").format(day=until), _("name a day to come"))
    with open_ledger(config, read_only=True) as ledger:
        if (held := holds(vault, ledger, snapshot.server).get(snapshot.spec)) is not None:
            raise UsageError(
                _("{snapshot} is held already, by {owner}: {reason}").format(
                    snapshot=snapshot.spec, owner=held.owner, reason=held.reason
                ),
                _("tuibackup release {snapshot} ends that hold").format(snapshot=snapshot.spec),
            )
    put_note(snapshot, Hold(snapshot.spec, reason, recorder.operator, iso(datetime.now(UTC)), until).note())
    return _recorded(HoldChanged(snapshot.spec, True, reason, until), snapshot.server, recorder)


def release(config: Config, spec: str, reason: str, recorder: Recorder) -> HoldChanged:
    """End a hold. Raises UsageError: it is not held; LedgerError: that cannot be recorded, and it stays held."""
    vault, reason = open_vault(config), _reason(reason)
    snapshot = _named(vault, spec)
    with open_ledger(config, read_only=True) as ledger:
        held = holds(vault, ledger, snapshot.server).get(snapshot.spec)
        if held is None:
            raise UsageError(
                _("{snapshot} is not held").format(snapshot=snapshot.spec), _("see tuibackup holds")
            )
    take_note_away(snapshot)  # first: as long as the ledger does not say that it is released, it is held
    released = _recorded(HoldChanged(snapshot.spec, False, reason), snapshot.server, recorder)
    if released.not_recorded:
        fault = released.not_recorded
        put_note(snapshot, held.note())
        raise LedgerError(_("{snapshot} stays held: {fault}").format(snapshot=snapshot.spec, fault=fault))
    return released


def _recorded(changed: HoldChanged, server: str, recorder: Recorder) -> HoldChanged:
    fault = recorder.record(Kind.HOLD, changed.body(), server=server)
    return HoldChanged(changed.snapshot, changed.held, changed.reason, changed.until, not_recorded=fault)


def _named(vault: "Vault", spec: str) -> "Snapshot":
    """The snapshot of that name; it need not be there any more."""
    return vault.named(spec) or vault.find(spec)


def _reason(text: str) -> str:
    text = printable(text).strip()
    if not text:
        raise UsageError(_("--reason is empty"), _("say in a few words why, for those who come later"))
    if len(text) > _LONGEST:
        raise UsageError(
            _("--reason is too long (at most {number})").format(number=_LONGEST), _("shorten it")
        )
    return text
