"""An SSH server with an account that has a password, a home and authorized_keys, and that runs commands.

The machine's own sshd asks PAM, which knows only real accounts.
"""

import asyncio
import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh

PASSWORD = "kopi-tubruk"


class _Account(asyncssh.SSHServer):
    def __init__(self, home: Path) -> None:
        self._home = home

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        try:
            lines = (self._home / ".ssh/authorized_keys").read_text().splitlines()
        except OSError:
            return False
        blob = key.export_public_key().decode().split()[1]
        return any(blob in line.split() for line in lines)

    def unix_connection_requested(self, dest_path: str) -> bool:
        return True

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


class Doorman:
    """One such server on a free port, in a thread of its own; its account's home is below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "account"
        self.home.mkdir(parents=True)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def _serve(self) -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        self._server = await asyncssh.create_server(
            lambda: _Account(self.home), "127.0.0.1", 0, server_host_keys=[key], process_factory=self._run,
            encoding=None,
        )  # fmt: skip
        self.port = self._server.get_port()

    async def _run(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        child = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", process.command or "exit 1",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"HOME": str(self.home), "PATH": "/usr/local/bin:/usr/bin:/bin", "USER": "andi"}, cwd="/",
        )  # fmt: skip
        # What is raised here ends the whole connection. `add` lost it on a busy machine: it had closed the channel of a
        # command before that was started here, and asyncssh asserts that there is one.
        with contextlib.suppress(OSError, AssertionError, asyncssh.Error, asyncssh.SignalReceived):
            await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
            code = await child.wait()
            await process.stdout.drain()
            await process.stderr.drain()
            process.exit(code)
            await process.wait_closed()
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
