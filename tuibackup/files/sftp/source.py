"""A server is read over SFTP alone: it has no shell, or no find and tar that we know."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack

import msgspec

from tuibackup.config import Server
from tuibackup.errors import DownloadError, RemoteCommandError
from tuibackup.files.contract import NO_FOLDER, Destination, Fetched, Listed, missing
from tuibackup.files.findings import Findings
from tuibackup.files.resolved import Place
from tuibackup.files.sftp import answers, fetch, inventory, recheck
from tuibackup.files.shell.tools import missing_tools
from tuibackup.files.tally import Tally
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.remote.sftp import NO_SUCH_FILE, SftpError, opened
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.index.read import IndexWriter, Wanted
from tuibackup.words import sentence

LIMITS = (
    sentence("times finer than a second"),
    sentence("times of change (ctime)"),
    sentence("hard links"),
    sentence("holes in files"),
    sentence("extended attributes and access lists"),
)


async def look(session: Session, folder: bytes) -> tuple[str, bool]:
    """Why a folder cannot be listed, "" where it can; and whether there is anything in it. For a check."""
    async with opened(session) as sftp:
        try:
            seen = answers.entry_of(b"", await sftp.stat(folder))
            if seen is None or seen.kind is not Kind.FOLDER:
                return NO_FOLDER, False
            handle = await sftp.opendir(folder)
            names = [name for _ in range(2) for name in await sftp.readdir(handle)]
            sftp.close(handle)
        except SftpError as error:
            gone = error.code == NO_SUCH_FILE
            return missing(folder) if gone else answers.reason_of(error), False
    return "", any(name.name not in (b".", b"..") for name in names)


def sftp_source(session: Session, probe: Probe, server: Server) -> "SftpSource":
    """For any server with SFTP. DownloadError where the configuration asks for what only tools there can do."""
    if server.sudo and (lacks := missing_tools(probe)):
        why, way_out = lacks
        raise DownloadError(
            sentence("{server}: {why}, and over SFTP there is no sudo", server=server.name, why=why),
            sentence("{way_out}, or set sudo = false", way_out=way_out),
        )
    return SftpSource(session, probe)


class SftpSource(msgspec.Struct, frozen=True):
    """A `Source` (see `files.contract`)."""

    session: Session
    probe: Probe

    @property
    def described(self) -> str:
        """What the server is read with."""
        return "SFTP"

    @property
    def limits(self) -> tuple[str, ...]:
        """What SFTP cannot see."""
        return LIMITS

    @property
    def xattrs(self) -> bool:
        """There are none over SFTP."""
        return False

    def without_packer(self) -> None:
        """There is nothing to leave out."""
        return

    def at_level(self, level: int) -> None:
        """Nothing packs."""
        return

    async def list_folders(
        self, server: Server, writer: IndexWriter, findings: Findings, tally: Tally
    ) -> list[Listed]:
        """List every configured folder."""
        async with AsyncExitStack() as stack:
            try:
                sftp = await stack.enter_async_context(opened(self.session))
            except RemoteCommandError as error:
                raise self._no_way(error) from error
            return await inventory.list_folders(sftp, self.probe, server, writer, findings, tally)

    def _no_way(self, error: RemoteCommandError) -> DownloadError:
        """Neither this way nor the other: what stands in each."""
        name = f"{self.session.name}: "
        why, way_out = missing_tools(self.probe) or ("", "")
        said = error.message.removeprefix(name)
        return DownloadError(
            sentence("{name}{why}, and {said}", name=name, why=why, said=said),
            sentence("{way_out}, or let the account have SFTP", way_out=way_out),
        )

    async def fetch(
        self,
        destination: Destination,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int] = frozenset(),
    ) -> Fetched:
        """Fetch files of one folder."""
        return await fetch.fetch(self.session, destination, tally, folder, wanted, again)

    async def find_not_empty(self, files: Sequence[Wanted]) -> dict[int, str]:
        """Which of the files that say that they are empty are not."""
        return await recheck.find_not_empty(self.session, files)

    async def resolve(self, folders: Sequence[bytes], *, identities: bool = True) -> list[Place | None]:
        """Where folders lie now."""
        async with opened(self.session) as sftp:
            return await asyncio.gather(*(answers.resolve(sftp, folder) for folder in folders))

    async def look_again(self, files: Sequence[Wanted]) -> list[Wanted]:
        """Files as they are now."""
        return await recheck.look_again(self.session, files)
