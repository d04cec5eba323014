"""Drills a files snapshot: restores all of it into a folder and compares every name with the index."""

from pathlib import Path

from tuibackup.config import DrillSettings
from tuibackup.errors import VaultError
from tuibackup.jobs.drill.findings import Findings, OnProgress
from tuibackup.progress import Progress
from tuibackup.run.scratch.folder import ScratchPlace
from tuibackup.vault.index.read import Index
from tuibackup.vault.index.schema import FILE_NAME
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.restore.files import restore_files
from tuibackup.vault.restore.proof import compare
from tuibackup.words import joined, sentence

_NAME_BYTES = 4 << 10  # bytes that a name takes on a disk besides its content


def drill_files(settings: DrillSettings, snapshot: Snapshot, on_progress: OnProgress) -> Findings:
    """Restore and compare everything in `snapshot`. Raises TuibackupError as `drill.drill`."""
    with ScratchPlace(settings.folder) as place:
        found = Findings(where=str(settings.folder))
        try:
            with Index(snapshot.path / FILE_NAME) as index:
                totals = index.totals()
        except VaultError as error:
            found.differences.append(sentence("cannot be restored: {error}", error=error))
            return found
        found.items, found.bytes = totals.files, totals.content_bytes
        place.need(totals.content_bytes + _NAME_BYTES * totals.entries)
        target = place.path / "files"
        try:
            restored = restore_files(snapshot, [], target, numeric_owner=True, on_progress=on_progress)
        except VaultError as error:
            found.differences.append(sentence("cannot be restored: {error}", error=error))
            return found
        try:
            _compare(snapshot, target, dict(restored.problems), found, on_progress)
        except VaultError as error:
            found.differences.append(sentence("cannot be compared: {error}", error=error))
    return found


def _compare(
    snapshot: Snapshot, target: Path, problems: dict[str, str], found: Findings, on_progress: OnProgress
) -> None:
    done = 0
    with Index(snapshot.path / FILE_NAME) as index:
        for compared in compare(index, target):
            done += compared.bytes
            found.checksums += compared.hashed
            on_progress(Progress(found.checksums, found.items, done, found.bytes, compared.path))
            why = problems.pop(compared.path, "")
            if compared.incomparable:
                found.incomparable.append(joined(": ", (compared.path, compared.incomparable)))
            elif compared.difference:
                found.differences.append(joined(": ", (compared.path, why or compared.difference)))
            elif why:
                found.incomparable.append(joined(": ", (compared.path, why)))
    for path, why in problems.items():
        kind = found.incomparable if why.startswith("attribute ") else found.differences
        kind.append(joined(": ", (path, why)))
