"""How a server is read in step 2: the interface that every way of reading has, and the choice of one.

A way lists the folders, fetches the contents of files, and looks at files again; what it brings goes into the same
index and archives whatever it is. The download knows no more of a server than this.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tuibackup.config import Server
from tuibackup.files.findings import Findings
from tuibackup.files.resolved import Place
from tuibackup.files.sftp.source import sftp_way
from tuibackup.files.shell.inventory import Listed
from tuibackup.files.shell.source import shell_way
from tuibackup.files.shell.stream import Fetched
from tuibackup.files.shell.tools import lacking
from tuibackup.files.store import Store
from tuibackup.files.tally import Tally
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.vault.index.read import IndexWriter, Wanted


class Way(Protocol):
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

    def plainer(self) -> "Way | None":
        """The same without what may fail by itself, a packer at the source; None where there is nothing of the kind."""

    async def inventory(
        self, server: Server, writer: IndexWriter, findings: Findings, tally: Tally
    ) -> list[Listed]:
        """List every configured folder of `server` into `writer`; `tally` counts the names found."""

    async def fetch(
        self,
        store: Store,
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

    async def held(self, files: Sequence[Wanted]) -> dict[int, str]:
        """Which of `files`, that say that they are empty, are not, or may not be: the reason, by the file's id."""

    async def places(self, folders: Sequence[bytes]) -> list[Place | None]:
        """Where folders lie now; None for one that is not there any more."""

    async def afresh(self, files: Sequence[Wanted]) -> list[Wanted]:
        """`files` (or folders) as they are now, without those that are gone or something else by now."""


def choose(session: Session, probe: Probe, server: Server) -> Way:
    """The best way to read `server`, of which `probe` says what it has. DownloadError where there is none."""
    if lacking(probe):
        return sftp_way(session, probe, server)
    return shell_way(session, probe, server)
