"""A server that refuses the first connections as OpenSSH does from 9.8 on, and hands the others to a real sshd."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from tuibackup.demo.sshd import PrivateSshd

NOT_NOW = b"Not allowed at this time\r\n"


class Refusing:
    """`times` connections get `says` and are closed, b"" for no word. `connections` counts all of them."""

    def __init__(self, sshd: PrivateSshd, times: int, says: bytes = NOT_NOW) -> None:
        self._sshd = sshd
        self.refuse = times
        self._says = says
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self.refuse > 0:
                    self.refuse -= 1
                    with client:
                        client.sendall(self._says)
                    continue
                there = socket.create_connection((self._sshd.host, self._sshd.port))
                for pair in ((client, there), (there, client)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
