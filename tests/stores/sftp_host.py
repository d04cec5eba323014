"""An SFTP server of another kind than OpenSSH's: it can lack extensions, and tells what it renames."""

import asyncio
import getpass
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh


@dataclass
class SftpHost:
    """Where it answers. `before` and `after`: called with the new name of what a client renames; what `before` raises
    is answered. `bare`: it knows no fsync, statvfs, or other extension.
    """

    folder: Path
    port: int = 0
    before: Callable[[str], object] = lambda name: None
    after: Callable[[str], object] = lambda name: None
    bare: bool = False
    host: str = "127.0.0.1"
    user: str = field(default_factory=getpass.getuser)

    @property
    def client_key(self) -> Path:
        return self.folder / "client_key"

    @property
    def known_hosts_lines(self) -> list[str]:
        words = (self.folder / "host_key.pub").read_text().split()[:2]
        return [f"[{self.host}]:{self.port} {' '.join(words)}"]


@contextmanager
def sftp_host(folder: Path, *, bare: bool = False) -> Iterator[SftpHost]:
    """It serves this machine's files, to whoever has its client key."""
    folder.mkdir(parents=True, exist_ok=True)
    host = SftpHost(folder, bare=bare)
    for name in ("host_key", "client_key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / name)
        key.write_public_key(folder / f"{name}.pub")
        (folder / name).chmod(0o600)

    class Served(asyncssh.SFTPServer):
        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            if Path(newpath.decode()).exists():  # as the protocol has it; the library's own replaces
                raise asyncssh.SFTPFileAlreadyExists("there already")
            host.before(newpath.decode())
            super().rename(oldpath, newpath)
            host.after(newpath.decode())

    if bare:
        for name in ("fsync", "statvfs", "fstatvfs"):
            setattr(Served, name, _unsupported)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> Any:
        return await asyncssh.listen(
            host.host,
            0,
            server_host_keys=[str(folder / "host_key")],
            authorized_client_keys=str(folder / "client_key.pub"),
            sftp_factory=Served,
        )

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(60)
    host.port = server.get_port()
    try:
        yield host
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _unsupported(self: object, *_words: object) -> Any:
    raise asyncssh.SFTPOpUnsupported("no such call here")
