"""A private, real mariadbd for playground and tests: a scratch server that can be asked, and reached by TCP."""

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tuibackup.database.mariadbd import ScratchServer, account, initialise, missing_programs, program
from tuibackup.errors import DatabaseError

__all__ = ["PrivateMariadb", "account", "initialise", "missing_programs"]


class PrivateMariadb(ScratchServer):
    """One private server below `folder`, of the current account, which logs in through the socket as root.

    `tcp`: listen on a free port of 127.0.0.1 as well; the rest as ScratchServer's.
    """

    def __init__(
        self, folder: Path, *, tcp: bool = False, options: Sequence[str] = (), template: Path | None = None
    ) -> None:
        super().__init__(folder, options=options, template=template)
        self.port = _free_port() if tcp else None

    def _network(self) -> list[str]:
        if self.port is None:
            return super()._network()
        return ["--bind-address=127.0.0.1", f"--port={self.port}"]

    def sql(self, script: str | bytes, database: str = "") -> str:
        """Run `script` as the account that owns the server; rows as tab-separated lines without a header.

        Raises DatabaseError with the client's message.
        """
        command = [
            program("mariadb"),
            "--no-defaults",
            f"--socket={self._socket}",
            f"--user={account()}",
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
            "--binary-mode",
            "--max-allowed-packet=1G",
        ]
        if database:
            command.append(f"--database={database}")
        text = script.encode() if isinstance(script, str) else script
        done = subprocess.run(command, input=text, capture_output=True, timeout=600, check=False)
        if done.returncode != 0:
            raise DatabaseError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode("utf-8", "surrogateescape")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
