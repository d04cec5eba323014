"""A line to an object store that does wrong on demand: cuts, delays, repeats, flips bits, answers something else."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_PIECE = 1 << 14


@dataclass(frozen=True)
class Request:
    """What the client asked, and which request of that method it was, counted from 1."""

    method: str
    path: str
    number: int
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What the line says instead of the store."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str) -> Answer:
    """A refusal in S3's form."""
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code} says the store</Message></Error>'
    return Answer(status, text.encode(), {"Content-Type": "application/xml"})


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: `kind` for the requests of `method` numbered `first` to `last` below `path`.

    Kinds: `answer` (of the line's own), `cut before` (nothing reaches the store), `cut within` (half of the body
    does), `cut after` (the store did it, its answer is lost), `twice` (the store gets it two times), `flip` (a bit of
    the answer's body), `flip sent` (a bit of what the store gets), `short` (the answer ends early and says nothing of
    it), `cut answer` (it ends early), `delay` and `slow` (`seconds` before, and `rate` bytes a second of, the answer).
    """

    kind: str
    method: str = "PUT"
    first: int = 1
    last: int = 1
    path: str = ""
    answer: Answer = field(default_factory=lambda: error(503, "SlowDown"))
    seconds: float = 0.0
    rate: int = 1 << 20

    def meets(self, request: Request) -> bool:
        counted = self.first <= request.number <= self.last
        return self.method in (request.method, "*") and counted and self.path in request.path


class HttpLine:
    """Passes requests on to `port` of this machine; `self.port` is where to ask.

    `faults`: what goes wrong; `met`: those that really did. `before` and `after`: called with each request before the
    store gets it, and when it has answered and the client does not know yet. `add`: headers for the store.
    """

    def __init__(self, port: int, *faults: Fault) -> None:
        self.faults = list(faults)
        self.met: list[Fault] = []
        self.asked: list[Request] = []
        self.before: Callable[[Request], object] = lambda request: None
        self.after: Callable[[Request], object] = lambda request: None
        self.add: Callable[[Request], dict[str, str]] = lambda request: {}
        self._to = port
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def fail(self, *faults: Fault) -> None:
        """Forget what was, count from 1 again, and do these from now on."""
        with self._lock:
            self.faults, self.met, self._counts, self.asked = list(faults), [], {}, []

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(line) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    super().handle()

            def log_message(self, *words: object) -> None:
                pass

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return lambda: line._carry(self)
                raise AttributeError(name)

        return Handler

    def _carry(self, client: BaseHTTPRequestHandler) -> None:
        length = int(client.headers.get("Content-Length") or 0)
        with self._lock:
            number = self._counts[client.command] = self._counts.get(client.command, 0) + 1
        early = Request(client.command, client.path, number, b"", dict(client.headers.items()))
        fault = next((one for one in self.faults if one.meets(early)), None)
        kind = fault.kind if fault else ""
        if fault:
            self.met.append(fault)
        if kind == "cut within":
            client.rfile.read(length // 2)
            return self._hang_up(client)
        body = client.rfile.read(length)
        request = Request(client.command, client.path, number, body, early.headers)
        with self._lock:
            self.asked.append(request)
        self.before(request)
        if kind == "cut before":
            return self._hang_up(client)
        if fault and kind == "answer":
            return self._say(client, fault.answer.status, fault.answer.headers, fault.answer.body)
        if kind == "flip sent":
            body = _flipped(body)
        status, headers, answer = self._ask(request, body)
        if kind == "twice":
            status, headers, answer = self._ask(request, body)
        self.after(request)
        if kind == "cut after":
            return self._hang_up(client)
        if kind == "flip":
            answer = _flipped(answer)
        if kind == "short":
            answer = answer[: len(answer) // 2]
            headers["Content-Length"] = str(len(answer))
        if fault and kind == "delay":
            time.sleep(fault.seconds)
        return self._say(client, status, headers, answer, fault if kind in ("slow", "cut answer") else None)

    def _ask(self, request: Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self._to, timeout=120)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
            upstream.request(request.method, request.path, body or None, headers | self.add(request))
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def _say(
        self,
        client: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        body: bytes,
        fault: Fault | None = None,
    ) -> None:
        client.send_response_only(status)
        lower = {name.lower(): value for name, value in headers.items()}
        if client.command != "HEAD":
            lower["content-length"] = str(len(body))
        lower.pop("transfer-encoding", None)
        lower.pop("connection", None)
        for name, value in lower.items():
            client.send_header(name, value)
        client.end_headers()
        if client.command == "HEAD":
            return
        if fault is None:
            client.wfile.write(body)
        elif fault.kind == "cut answer":
            client.wfile.write(body[: len(body) // 2])
            self._hang_up(client)
        else:
            for start in range(0, len(body), _PIECE):
                client.wfile.write(body[start : start + _PIECE])
                time.sleep(_PIECE / fault.rate)

    @staticmethod
    def _hang_up(client: BaseHTTPRequestHandler) -> None:
        client.close_connection = True
        with contextlib.suppress(OSError):
            client.wfile.flush()
            client.connection.shutdown(socket.SHUT_RDWR)


def _flipped(data: bytes) -> bytes:
    """`data` with one bit in its middle turned over."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else data
