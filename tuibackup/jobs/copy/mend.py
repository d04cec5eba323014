"""What was copied and is damaged or gone in its place: found, and made ready to be sent anew."""

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies import manifest as mf
from tuibackup.copies.contents import require_sound
from tuibackup.copies.held import lacking, read_manifest
from tuibackup.copies.known import Known
from tuibackup.copies.manifest import SUFFIX, Keys, Manifest
from tuibackup.copies.send import Place
from tuibackup.copies.target import AwayError, CopyError, DamagedError, Target
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.jobs.copy.plan import known
from tuibackup.jobs.recorder import Recorder
from tuibackup.ledger.entries import Kind
from tuibackup.sop import Outcome
from tuibackup.vault.layout import Vault
from tuibackup.vault.reading import reading
from tuibackup.words import sentence


def heal(
    copy: CopySettings, config: Config, place: Place, vault: Vault
) -> tuple[list[str], list[TuibackupError]]:
    """Remove the objects that a verify found damaged, and first the manifests that need them: they are sent again.

    Only where the vault has the snapshot, and every file of it whole: else what is left there is all that there is.
    The snapshots of which something was removed, and a fault for each that has to stay so. Raises AwayError.
    """
    healed: list[str] = []
    faults: list[TuibackupError] = []
    for fact in known(config).get(copy.name, {}).values():
        snapshot = vault.named(fact.snapshot)
        if not fact.damaged or fact.held or snapshot is None or not snapshot.path.is_dir():
            continue
        try:
            with reading(snapshot):
                require_sound(snapshot)
            for hidden in (False, True):
                place.target.delete(Keys(vault.id, hidden=hidden).manifest(fact.snapshot))
            for key in fact.damaged:
                place.target.delete(key)
        except AwayError:
            raise
        except (CopyError, VaultError) as error:
            faults.append(error)
        else:
            healed.append(fact.snapshot)
    return healed, faults


def lost(copy: CopySettings, config: Config, notes: Known, place: Place, recorder: Recorder) -> list[str]:
    """Snapshots that are recorded as copied and are not there any more, each recorded as lost. Raises CopyError."""
    held = [fact.snapshot for fact in known(config).get(copy.name, {}).values() if fact.held]
    if not held:
        return []
    sizes = {one.key: one.size for one in place.target.objects()}
    gone = []
    for spec in held:
        if not (why := _why_lost(spec, notes.manifest(spec), sizes, place)):
            continue
        gone.append(spec)
        error = sentence(
            "{copy} does not have {snapshot} any more: {why}", copy=copy.name, snapshot=spec, why=why
        )
        body = {
            "copy": copy.name,
            "snapshot": spec,
            "held": False,
            "problem": why,
            "outcome": Outcome.FAILED.value,
            "error": error,
        }
        recorder.record(Kind.COPY, body, server=spec.split("/")[0])
    return gone


def _why_lost(spec: str, manifest: Manifest | None, sizes: dict[str, int], place: Place) -> str:
    keys = (Keys(place.vault_id, hidden=hidden).manifest(spec) for hidden in (False, True))
    there = next((key for key in keys if key in sizes), None)
    if there is None:
        return sentence("its manifest {file} is gone", file=spec + SUFFIX)
    if manifest is None:
        return ""
    if sizes[there] != len(mf.encode(manifest)) and (fault := _fault(place.target, there)):
        return fault
    if gone := lacking(manifest, sizes):
        return sentence("{key} is gone, or was cut short", key=gone[0].key)
    return ""


def _fault(target: Target, key: str) -> str:
    try:
        read_manifest(target, key)
    except DamagedError as error:
        return error.message
    return ""
