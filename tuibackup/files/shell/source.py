"""The way to read a server that has a shell: with its own find and tar."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tuibackup.config import Server
from tuibackup.errors import DownloadError
from tuibackup.files import false_empty
from tuibackup.files.contract import Destination, Fetched, Listed
from tuibackup.files.findings import Findings
from tuibackup.files.resolved import Place
from tuibackup.files.shell import batches, inventory, recheck, stream
from tuibackup.files.shell.find import GNU, STAT
from tuibackup.files.shell.tools import (
    StderrLines,
    Tools,
    attributes,
    choose_packer,
    described,
    headers_alike,
    read_piece,
    refuse_missing_sudo,
    send,
    tar_since,
    wait_for_exit,
)
from tuibackup.files.tally import Tally
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.vault.index.read import IndexWriter, Wanted
from tuibackup.words import sentence


def shell_source(session: Session, probe: Probe, server: Server) -> "ShellSource":
    """For a server whose find is GNU's or BusyBox's, and its tar, in any mixture. DownloadError for others."""
    refuse_missing_sudo(probe, server.name, sudo=server.sudo)
    gnu_find = probe.find == "gnu"
    whole_seconds = not gnu_find and not probe.fine_times
    tools = Tools(
        session,
        server.name,
        server.sudo,
        choose_packer(probe),
        attributes(probe),
        GNU if gnu_find else STAT,
        whole_seconds,
        probe.tar != "gnu",
        probe.user or session.user,
        probe.find_and_tar,
        alike=headers_alike(probe),
        device_numbers=not tar_since(probe, 35),
    )
    limits = (
        (sentence("extended attributes and access lists"), not tools.xattrs),
        (sentence("times finer than a second"), whole_seconds),
    )
    return ShellSource(tools, described(probe), tuple(limit for limit, so in limits if so))


@dataclass(frozen=True, slots=True)
class ShellSource:
    """A `Source` (see `files.contract`)."""

    tools: Tools
    described: str
    limits: tuple[str, ...]

    @property
    def session(self) -> Session:
        """The connection that it reads over."""
        return self.tools.session

    @property
    def xattrs(self) -> bool:
        """Whether the server's tar can tell extended attributes."""
        return self.tools.xattrs

    def without_packer(self) -> "ShellSource | None":
        """Without a packer, where there is one."""
        return replace(self, tools=replace(self.tools, packed="")) if self.tools.packed else None

    def at_level(self, level: int) -> "ShellSource | None":
        """With a packer that packs so well; None where none is asked for that."""
        return replace(self, tools=replace(self.tools, level=level)) if self.tools.packed == "zstd" else None

    async def list_folders(
        self, server: Server, writer: IndexWriter, findings: Findings, tally: Tally
    ) -> list[Listed]:
        """List every configured folder."""
        return await inventory.list_folders(self.tools, server, writer, findings, tally)

    async def fetch(
        self,
        destination: Destination,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int] = frozenset(),
    ) -> Fetched:
        """Fetch files of one folder."""
        how = batches.fetch if self.tools.names_on_line else stream.fetch
        return await how(self.tools, destination, tally, folder, wanted, again)

    async def find_not_empty(self, files: Sequence[Wanted]) -> dict[int, str]:
        """Which of the files that say that they are empty are not."""
        return await false_empty.find_not_empty(self.tools, files)

    async def resolve(self, folders: Sequence[bytes], *, identities: bool = True) -> list[Place | None]:
        """Where folders lie now."""
        return await inventory.resolve(self.tools, folders, identities=identities)

    async def look_again(self, files: Sequence[Wanted]) -> list[Wanted]:
        """Files as they are now."""
        return await recheck.look_again(self.session, self.tools.find, files, sudo=self.tools.sudo)

    async def try_tar(self, folder: bytes) -> None:
        """Let tar store the folder's own name, told to it as a run tells names. DownloadError where it does not.

        sudo may start find and not tar, or tar with other words only; and a shell that reads its script from the
        command's input takes the names.
        """
        tools, lines, came = replace(self.tools, packed=""), StderrLines(), b""
        if tools.names_on_line:
            command = batches.command(tools, folder)
        else:
            command = stream.command(tools, folder, alike=stream.alike(self.tools, folder))
        async with tools.session.stream(command, on_line=lines.take) as channel:
            await send(channel, b"./\0", tools.name)
            channel.write_eof()
            while data := await read_piece(channel, tools.name):
                came = came or data.lstrip(b"\0")[:1]
            exit_ = await wait_for_exit(channel, tools.name)
        if came:
            return
        if lines.by_sudo:
            raise tools.refused(lines.by_sudo)
        if exit_.ok:
            raise DownloadError(
                sentence(
                    "{tools}: tar there is not given the names that we send to its input", tools=tools.name
                ),
                sentence(
                    'a forced command has to leave the input to ours: exec sh -c "$SSH_ORIGINAL_COMMAND"'
                ),
            )
