"""What earlier snapshots say of a download: what it may point into, how much room it takes, whether it is poor."""

from tuibackup.files.inventory import Listed
from tuibackup.text import count, numbered, size
from tuibackup.vault.index import Index, Totals
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.schema import FILE_NAME as INDEX
from tuibackup.vault.summary import FolderSummary


def poor(folder: Listed, held: Totals, before: FolderSummary | None) -> str:
    """Why a folder that is there is no good backup all the same; "" when it is one."""
    if held.entries == held.folders:
        return "is empty"
    if before and (held.files < before.files / 2 or held.content_bytes < before.bytes / 2):
        return (
            f"has lost half of what it held: {numbered(held.files, 'file')}, {size(held.content_bytes)}; "
            f"last time {numbered(before.files, 'file')}, {size(before.bytes)}"
        )
    if held.content_bytes < folder.bytes / 2 or held.files < folder.files / 2:
        return (
            f"more than half of it could not be read: {count(held.files)} of {numbered(folder.files, 'file')}, "
            f"{size(held.content_bytes)} of {size(folder.bytes)}"
        )
    return ""


def complete(snapshot: Snapshot) -> bool:
    """Whether every archive that `snapshot` needs, its own or an older one, is still there."""
    with Index(snapshot.path / INDEX) as index:
        return all(
            (snapshot.path.parent / (archive.snapshot or snapshot.name) / archive.name).is_file()
            for archive in index.archives
        )


def ratio(previous: Snapshot | None) -> float:
    """Bytes in the vault for a byte on the server: as last time and a fifth more, or uncompressed."""
    if previous is None or previous.summary.parent or not previous.summary.bytes:
        return 1.0
    return min(1.0, 1.2 * previous.summary.stored_bytes / previous.summary.bytes)
