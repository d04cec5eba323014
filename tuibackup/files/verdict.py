"""What earlier snapshots say of a download: how much room it takes, and whether it is poor."""

import os

from tuibackup.config import Server
from tuibackup.errors import VaultError
from tuibackup.files.contract import Listed
from tuibackup.text import count, printable, size
from tuibackup.vault.index.read import Index, Totals
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.summary import FolderSummary
from tuibackup.words import sentence, sentence_n


def why_poor(folder: Listed, held: Totals, before: FolderSummary | None, server: Server) -> str:
    """Why a folder that is there is no good backup all the same; "" when it is one."""
    alone = server.left_out(os.fsdecode(folder.folder)) == server.exclude
    if held.entries == held.folders and alone:  # it may hold other folders of the configuration, and no more
        return sentence("is empty")
    if before and (held.files < before.files / 2 or held.content_bytes < before.bytes / 2):
        return sentence(
            "has lost half of what it held: {files}, {size}; last time {files_before}, {size_before}",
            files=sentence_n("{count} file", "{count} files", held.files),
            size=size(held.content_bytes),
            files_before=sentence_n("{count} file", "{count} files", before.files),
            size_before=size(before.bytes),
        )
    if held.content_bytes < folder.bytes / 2 or held.files < folder.files / 2:
        return sentence(
            "more than half of it could not be read: {read} of {files}, {size_read} of {size}",
            read=count(held.files),
            files=sentence_n("{count} file", "{count} files", folder.files),
            size_read=size(held.content_bytes),
            size=size(folder.bytes),
        )
    return ""


def comparable_folders(previous: Snapshot | None, server: Server) -> dict[str, FolderSummary]:
    """What the folders held last time, by name: those of which as much was to be stored then as now."""
    if previous is None:
        return {}
    try:
        with Index(previous.path / INDEX) as index:
            then = {printable(root.folder): root.excludes for root in index.roots}
    except VaultError:
        return {}
    return {
        folder.folder: folder
        for folder in previous.summary.folders
        if folder.folder in then
        and any(
            printable(os.fsencode(one)) == folder.folder and server.left_out(one) == then[folder.folder]
            for one in server.folders
        )
    }


def storage_ratio(previous: Snapshot | None) -> float:
    """Bytes in the vault for a byte on the server: as last time and a fifth more, or uncompressed."""
    if previous is None or previous.summary.parent or not previous.summary.bytes:
        return 1.0
    return min(1.0, 1.2 * previous.summary.stored_bytes / previous.summary.bytes)
