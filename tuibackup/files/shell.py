"""The way to read a server that has a shell: with its own find and tar."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tuibackup.config import Server
from tuibackup.files import fetch, inventory, recheck
from tuibackup.files.fetch import Fetched
from tuibackup.files.findings import Findings
from tuibackup.files.inventory import Listed
from tuibackup.files.keep import Store
from tuibackup.files.server import Tools
from tuibackup.files.tally import Tally
from tuibackup.remote.session import Session
from tuibackup.vault.index import IndexWriter, Wanted


@dataclass(frozen=True, slots=True)
class ShellWay:
    """A `Way` (see way.py)."""

    tools: Tools
    described: str

    @property
    def session(self) -> Session:
        """The connection that it reads over."""
        return self.tools.session

    @property
    def xattrs(self) -> bool:
        """Whether the server's tar can tell extended attributes."""
        return self.tools.xattrs

    @property
    def limits(self) -> tuple[str, ...]:
        """What these tools cannot see."""
        return () if self.xattrs else ("extended attributes and access lists",)

    async def inventory(
        self, server: Server, writer: IndexWriter, findings: Findings, tally: Tally
    ) -> list[Listed]:
        """List every configured folder."""
        return await inventory.take(self.session, server, writer, findings, tally)

    async def fetch(
        self,
        store: Store,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int] = frozenset(),
    ) -> Fetched:
        """Fetch files of one folder."""
        return await fetch.fetch(self.tools, store, tally, folder, wanted, again)

    async def afresh(self, files: Sequence[Wanted]) -> list[Wanted]:
        """Files as they are now."""
        return await recheck.afresh(self.session, files, sudo=self.tools.sudo)
