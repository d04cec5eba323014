"""The lines of the benchmarks: plain loopback, 200 Mbit/s, 20 ms round trip."""

import multiprocessing
import os
import shlex
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK, SLOW, FAR = "loopback", "200mbit", "20ms"
LINES = (LOOPBACK, SLOW, FAR)

_INSIDE = "TUIBACKUP_BENCHMARK_LINE"
_SHAPE = "ip link set lo up && tc qdisc add dev lo root tbf rate 200mbit burst 256kb latency 50ms"
_CHUNK = 1 << 20
_IN_FLIGHT = 256  # chunks: the proxy's memory has an end, too


def enter(line: str) -> None:
    """For 200 Mbit/s: start this program again in a network namespace whose loopback is so slow. Needs root."""
    if line != SLOW or os.environ.get(_INSIDE) == line:
        return
    if os.geteuid() != 0:
        raise SystemExit("the 200 Mbit/s line needs root, for a network namespace with a shaped loopback")
    again = shlex.join([sys.executable, "-m", "benchmarks.download", *sys.argv[1:]])
    sys.stdout.flush()
    os.environ[_INSIDE] = line
    os.execvp("unshare", ["unshare", "--net", "sh", "-c", f"{_SHAPE} && exec {again}"])


@contextmanager
def opened(line: str, port: int) -> Iterator[int]:
    """The port through which `port` of 127.0.0.1 is reached over `line`."""
    if line != FAR:
        yield port
        return
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = multiprocessing.get_context("fork").Process(
        target=_serve, args=(listener, port, 0.010), daemon=True
    )
    proxy.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        proxy.kill()
        proxy.join()
        listener.close()


def _serve(listener: socket.socket, port: int, delay: float) -> None:
    """A TCP proxy that hands every byte on `delay` seconds after it came, in both directions."""
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", port))
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target in ((near, far), (far, near)):
            _Direction(source, target, delay)


class _Direction:
    """Two threads: one reads and notes the time, one writes when it is due."""

    def __init__(self, source: socket.socket, target: socket.socket, delay: float) -> None:
        self._source, self._target, self._delay = source, target, delay
        self._queue: deque[tuple[float, bytes]] = deque()
        self._filled = threading.Semaphore(0)
        self._room = threading.Semaphore(_IN_FLIGHT)
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        data = b"-"
        while data:
            self._room.acquire()
            try:
                data = self._source.recv(_CHUNK)
            except OSError:
                data = b""
            self._queue.append((time.monotonic() + self._delay, data))
            self._filled.release()

    def _write(self) -> None:
        try:
            while True:
                self._filled.acquire()
                due, data = self._queue.popleft()
                if (wait := due - time.monotonic()) > 0:
                    time.sleep(wait)
                if not data:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(data)
                self._room.release()
        except OSError:
            self._source.close()
