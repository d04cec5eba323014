"""snapshot.json: what a snapshot says about itself. docs/vault-format.md describes the fields.

Texts that came from a server are stored as printable text here; exact names in bytes are in the index.
"""

from pathlib import Path
from typing import Any

import msgspec

from tuibackup.errors import VaultError
from tuibackup.parts import as_text, given_back, parts_of
from tuibackup.sop import Clock, Outcome, good
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

FORMAT = 1
FILE_NAME = "snapshot.json"


class FolderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One configured folder. `stored_bytes` is what its archives take on the disk in this snapshot."""

    folder: str
    resolved: str = ""  # what it was, when it is a symlink on the server
    files: int = 0
    folders: int = 0
    links: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    archives: tuple[str, ...] = ()
    whole: bool = True
    problems: int = 0


class DatabaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One database. `file` is its dump, `bytes` that SQL's length, `stored_bytes` its size on the disk.

    `late`: where in the SQL the views begin that look into other databases; None where there are none.
    """

    name: str
    file: str
    tables: int = 0
    rows: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    whole: bool = True
    problems: int = 0
    late: int | None = None


class FindingSummary(msgspec.Struct, frozen=True):
    """As `progress.Finding`."""

    subject: str
    reason: str
    mark: bool = False


class SnapshotSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of snapshot.json. Times are ISO 8601 in UTC with a final Z.

    `name`, `sequence`, `stored_bytes` and `points_into` are filled in when the snapshot is published. `whole`
    says that every configured folder, or every active database, is in it whole: with the outcome *done* or
    *warnings* such a snapshot is *good* and resets its clock.
    """

    format: int = FORMAT
    server: str
    clock: Clock
    run: str
    name: str = ""
    sequence: int = 0  # order of the snapshots of a server, whatever the clocks say
    started: str
    finished: str
    operator: str
    outcome: Outcome
    whole: bool
    folders: tuple[FolderSummary, ...] = ()
    databases: tuple[DatabaseSummary, ...] = ()
    files: int = 0  # regular files and other names of them (files), or dumps (databases)
    bytes: int = 0  # of content, before compression
    stored_bytes: int = 0  # that this snapshot takes on the disk
    findings: tuple[FindingSummary, ...] = ()
    limits: tuple[str, ...] = ()  # what the way of reading cannot see (SFTP: ctime, xattrs)
    host_key: str = ""  # algorithm and fingerprint
    tools: dict[str, str] = {}  # name and version of what was used, on the server and here
    parent: str | None = None  # snapshot against which the difference was taken
    points_into: tuple[str, ...] = ()  # older snapshots whose archives this one needs
    # Names of the newest good snapshot before this one, and of the newest good one that fetched everything; "" for
    # none, None where nobody wrote it down. So the newest is found at once, however many bad ones came after it.
    good_before: str | None = None
    full_before: str | None = None
    instant: str = ""  # databases: what made them of one instant
    lock_ms: float | None = None  # databases: how long nobody could commit for it
    longest_wait_ms: float | None = None  # databases: how long somebody may have waited for us in one go
    no_barrier: str = ""  # databases: why they are of one instant in another way, or not
    position: str = ""  # databases: where in the server's binary log that instant lies
    rows: str = ""  # databases: whether the numbers of rows were compared with the server's
    ledger_entry: int = 0  # the last entry of the ledger when this was made, and
    ledger_hash: str = ""  # its hash: so the snapshot knows the record before it, wherever it is copied to
    said: dict[str, dict[str, Any]] = {}  # in the file: what the sentences above were made of (`parts`)

    @property
    def good(self) -> bool:
        """Whether it resets its clock."""
        return good(self.outcome, whole=self.whole)


def encode(summary: SnapshotSummary) -> bytes:
    """The text of snapshot.json for `summary`."""
    told = msgspec.structs.replace(summary, said=parts_of(summary))
    return msgspec.json.format(msgspec.json.encode(told, enc_hook=as_text), indent=2) + b"\n"


def read(folder: Path) -> SnapshotSummary:
    """snapshot.json of the snapshot in `folder`. Raises VaultError: missing, damaged, newer than we are."""
    path = folder / FILE_NAME
    with vault_errors(path):
        data = path.read_bytes()
    try:
        version = msgspec.json.decode(data, type=_Version).format
        if version > FORMAT:
            raise VaultError(
                sentence(
                    "{path}: has format {version}, this program knows {format}",
                    path=path,
                    version=version,
                    format=FORMAT,
                ),
                sentence("install a newer tuibackup"),
            )
        summary = msgspec.json.decode(data, type=SnapshotSummary)
        told: SnapshotSummary = given_back(msgspec.structs.replace(summary, said={}), summary.said)
        return told
    except msgspec.MsgspecError as error:
        raise VaultError(sentence("{path} is damaged: {error}", path=path, error=error)) from error


class _Version(msgspec.Struct):
    format: int
