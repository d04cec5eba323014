"""What step 2 and its sources (`shell`, `sftp`) agree on: what a source gives, and the words where it cannot."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import NamedTuple, Protocol

import msgspec

from tuibackup.config import Server
from tuibackup.errors import DownloadError
from tuibackup.files.findings import Findings
from tuibackup.files.resolved import Place
from tuibackup.files.shell.complaints import Complaint
from tuibackup.files.tally import Tally
from tuibackup.remote.session import Session
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.index.read import IndexWriter, Wanted
from tuibackup.words import joined, later, sentence

MOST = 50_000_000  # names in one folder; beyond, the server is not to be believed
MISSING = sentence("is missing on the server")
NO_FOLDER = sentence("is not a folder on the server; to back up a single file, name the folder that holds it")
OTHER_FILESYSTEM = sentence(
    "another file system is mounted here and is not in the snapshot; add this path to folders, or exclude it"
)


class Listed(msgspec.Struct, frozen=True):
    """A configured folder and what the inventory found there.

    `fault` says why there is nothing: missing, no folder, not readable. `files` and `bytes` count the regular
    files that are to be fetched, each inode once; `allocated` the room they take on the server's disk. `started_ns`:
    when it began, by the server's clock. `place` is where it was read, whatever links lead there.
    """

    root: int
    folder: bytes
    place: Place
    fault: str
    files: int
    bytes: int
    allocated: int
    started_ns: int = 0
    sparse: bool = False

    def young(self, entry: Entry) -> bool:
        """Whether `entry` was changed when the inventory had begun, or later.

        Where times are whole seconds, another change in the same second leaves no trace: such a file is read twice.
        """
        return max(entry.mtime_ns, entry.ctime_ns) >= self.started_ns


def missing(folder: bytes) -> str:
    """Why a folder is not there; wildcards are a common reason."""
    wild = any(sign in folder for sign in b"*?[")
    return (
        sentence(
            "{missing}; wildcards do not work in folders: name the folder above, and use exclude",
            missing=MISSING,
        )
        if wild
        else MISSING
    )


class FileComplaint(NamedTuple):
    """The first complaint about a file, and its number in the index's list (0: it is not there yet)."""

    path: bytes
    complaint: Complaint
    problem: int


GROWN = 1 << 30  # bytes by which a file may be larger than twice what was listed
LOST_NAMES = 20_000  # files left out for which the reason is looked up one by one
NO_FILE = sentence("is no regular file any more: it was replaced while the backup ran")
GREW = later(
    "grew from {before} to {now} while the backup ran: that cannot be believed, and nothing of it is stored"
)


class UnbelievedError(DownloadError):
    """One file is not to be had; those after it in the stream are asked for again without it."""

    def __init__(self, wanted: Wanted, reason: str) -> None:
        super().__init__(joined(" ", (printable(wanted.path), reason)))
        self.wanted = wanted
        self.reason = reason


class Fetched(msgspec.Struct):
    """What one stream brought: `lost` files never came, `changed` and `gone` did so after the inventory.

    `more`: not all was asked for. `hollow`: files came as one hole each, which is not believed; they are wanted still.
    `cut`: the connection was lost on the way. What had come whole is stored; `unchecked` of it was not looked at a
    second time, and what did not come is not `lost` but still wanted. `broken`: the same, but it was a command there
    that ended, or one file that nobody may wait for (which is `lost`). `stored_again` are the ids of those that came a
    second time. `complaints` are of the server's tools about what came, by the file's id.
    """

    more: bool = False
    hollow: bool = False
    cut: bool = False
    broken: DownloadError | None = None
    unchecked: list[Wanted] = msgspec.field(default_factory=list)
    stored_again: set[int] = msgspec.field(default_factory=set)
    lost: list[tuple[Wanted, str]] = msgspec.field(default_factory=list)
    lost_unnamed: "array[int]" = msgspec.field(default_factory=lambda: array("Q"))
    changed: list[Wanted] = msgspec.field(default_factory=list)
    gone: list[Wanted] = msgspec.field(default_factory=list)
    uncounted: int = 0
    complaints: dict[int, FileComplaint] = msgspec.field(default_factory=dict)
    looked: dict[bytes, str] = msgspec.field(
        default_factory=dict
    )  # why a second look failed, by the path there
    said: list[str] = msgspec.field(default_factory=list)  # about the folder, or no file in particular
    notes: list[str] = msgspec.field(default_factory=list)  # worth a word, and no fault


class ToolFailedError(DownloadError):
    """A command there ended before its work was done. What it did not do may be asked for again, in another way."""


class Destination(msgspec.Struct, frozen=True):
    """Where files go. `lock` guards the index, which two threads use; `least_free` bytes stay free on the disk."""

    incoming: Incoming
    index: IndexWriter
    lock: Lock
    least_free: int


class Source(Protocol):
    """How one server is read over one connection, the same for every stream of a run.

    All raise DownloadError and RemoteCommandError for a server that answers wrongly, ConnectionLostError, and
    VaultError. A new connection makes a new way.
    """

    @property
    def session(self) -> Session:
        """The connection that it reads over."""

    @property
    def described(self) -> str:
        """What the server is read with, for people: "find (gnu), tar (gnu 1.34), zstd"."""

    @property
    def limits(self) -> tuple[str, ...]:
        """What it cannot see or carry, as short nouns for snapshot.json: "extended attributes"."""

    @property
    def xattrs(self) -> bool:
        """Whether it takes extended attributes: then folders are wanted too, for theirs."""

    def without_packer(self) -> "Source | None":
        """The same without what may fail by itself, a packer at the source; None where there is nothing of the kind."""

    def at_level(self, level: int) -> "Source | None":
        """The same with a packer at the source that packs so well (zstd's levels); None where it has no say in that."""

    async def list_folders(
        self, server: Server, writer: IndexWriter, findings: Findings, tally: Tally
    ) -> list[Listed]:
        """List every configured folder of `server` into `writer`; `tally` counts the names found."""

    async def fetch(
        self,
        destination: Destination,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int] = frozenset(),
    ) -> Fetched:
        """Fetch the files that `wanted` gives, in that order, into further archives of `folder`.

        Each is looked at a second time afterwards. Of folders among them only the extended attributes are taken.
        `again` are the ids of files that were stored once. A lost connection is no error here: see `Fetched.cut`.
        Whatever happens, files that came whole are in the index.
        """

    async def find_not_empty(self, files: Sequence[Wanted]) -> dict[int, str]:
        """Which of `files`, that say that they are empty, are not, or may not be: the reason, by the file's id."""

    async def resolve(self, folders: Sequence[bytes], *, identities: bool = True) -> list[Place | None]:
        """Where folders lie now; None for one that is not there any more. Without `identities` it may be cheaper."""

    async def look_again(self, files: Sequence[Wanted]) -> list[Wanted]:
        """`files` (or folders) as they are now, without those that are gone or something else by now."""
