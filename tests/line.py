"""A line to a server that can be cut: a TCP proxy in front of it, which counts what comes through."""

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

_PIECE = 1 << 16


class Line:
    """Passes connections on to `port` of this machine; `self.port` is where to connect.

    `cuts`: bytes from the server after which the first, second, … connection is cut; the others last. `stands`: bytes
    from the server in all after which nothing comes any more, until it is set to None.
    """

    def __init__(self, port: int, cuts: Sequence[int] = ()) -> None:
        self.port = 0
        self.cuts = list(cuts)
        self.stands: int | None = None
        self.came: list[int] = []  # bytes from the server, of each connection
        self.goes_after_cut = False  # whether nobody listens any more after the next cut
        self._to = port
        self._listening: socket.socket | None = None
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """What came from the server in all."""
        return sum(self.came)

    def open(self) -> Self:
        """Listen; at the same port as before where it was gone meanwhile."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        listening.listen(16)
        self.port = listening.getsockname()[1]
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        return self

    def cut(self) -> None:
        """Every connection ends now."""
        if self.goes_after_cut:
            self.go()
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def go(self) -> None:
        """Nobody listens any more; connections that are there last."""
        listening, self._listening = self._listening, None
        if listening is not None:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go()
        self.cut()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            with self._lock:
                self._ends |= {near, far}
                number = len(self.came)
                self.came.append(0)
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._down, args=(far, near, number), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(_PIECE):
                far.sendall(data)
        self._close(near, far)

    def _down(self, far: socket.socket, near: socket.socket, number: int) -> None:
        most = self.cuts[number] if number < len(self.cuts) else None
        with contextlib.suppress(OSError):
            while data := far.recv(_PIECE):
                if most is not None:
                    data = data[: most - self.came[number]]
                while self.stands is not None and self.bytes + len(data) > self.stands:
                    time.sleep(0.05)
                    if near.fileno() < 0 or near not in self._ends:
                        return
                near.sendall(data)
                self.came[number] += len(data)
                if most is not None and self.came[number] >= most:
                    self.cut()
                    break
        self._close(near, far)

    def _close(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._ends.discard(end)
