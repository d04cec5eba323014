"""Private receivers of messages: a mail server and a web server that keep what they are sent, or misbehave as told."""

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Any, Self, cast


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


class _Served:
    """Serves in a thread; `gone` lets hanging handlers end."""

    server: ThreadingTCPServer | ThreadingHTTPServer

    def start(self) -> Self:
        self.gone = threading.Event()
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()


@dataclass
class MailServer(_Served):
    """`fault`: "" or "hang" (says nothing), "drop" (hangs up in the middle of a mail), "drip" (a byte a second),
    "reject" (refuses who gets it), "echo" (repeats the password in its refusal). `account`: user and password it asks
    for. `tls`: offers STARTTLS with this certificate. `port_` 0: any. `hangs`: the command, or "END" of a mail, after
    which it says nothing any more; `says`: what it says to a command instead, one after the other, then as usual.
    """

    account: tuple[str, str] | None = None
    tls: tuple[str, str] | None = None
    fault: str = ""
    port_: int = 0
    hangs: str = ""
    says: dict[str, list[str]] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                outer.converse(self)

        class Server(ThreadingTCPServer):
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", self.port_), Handler)

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]

    def converse(self, handler: StreamRequestHandler) -> None:
        say = _Say(handler)
        safe = False
        if self.fault == "hang":
            self.gone.wait(300)
            return
        if self.fault == "drip":
            for letter in b"220 slow mail server of a campus far away\r\n" * 20:
                handler.wfile.write(bytes([letter]))
                if self.gone.wait(1):
                    return
        say("220 mail ready")
        while line := handler.rfile.readline():
            word, _space, rest = line.decode().strip().partition(" ")
            if self.hangs == word.upper():
                self.gone.wait(300)
                return
            if told := self.says.get(word.upper()):
                say(told.pop(0))
                continue
            match word.upper():
                case "EHLO":
                    offered = ["mail", "8BITMIME"]
                    offered += ["STARTTLS"] if self.tls and not safe else []
                    offered += ["AUTH PLAIN"] if self.account else []
                    for one in offered[:-1]:
                        say(f"250-{one}")
                    say(f"250 {offered[-1]}")
                case "STARTTLS":
                    say("220 go on")
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(*cast("tuple[str, str]", self.tls))
                    try:
                        handler.connection = context.wrap_socket(handler.connection, server_side=True)
                    except OSError:
                        return
                    handler.rfile = handler.connection.makefile("rb")
                    handler.wfile = handler.connection.makefile("wb", 0)  # type: ignore[assignment]
                    safe = True
                case "AUTH":
                    given = base64.b64decode(rest.split(" ")[1]).decode().split("\0")[1:]
                    if tuple(given) == self.account:
                        say("235 come in")
                    elif self.fault == "echo":
                        say(f"535 5.7.8 wrong: {given[1]} or {rest.split(' ')[1]}")
                    else:
                        say("535 5.7.8 authentication failed")
                case "MAIL" | "RSET" | "NOOP":
                    say("250 ok")
                case "RCPT":
                    say(
                        "550 5.1.1 nobody of that name"
                        if self.fault == "reject" or "nobody@" in rest
                        else "250 ok"
                    )
                case "DATA":
                    say("354 go on")
                    if self.fault == "drop":
                        handler.rfile.readline()
                        return
                    content = b""
                    while (part := handler.rfile.readline()) != b".\r\n":
                        content += part.removeprefix(b".")
                    if self.hangs == "END":
                        self.gone.wait(300)
                        return
                    if told := self.says.get("END"):
                        say(told.pop(0))
                        continue
                    self.encrypted.append(safe)
                    self.mails.append(cast("EmailMessage", message_from_bytes(content, policy=default)))
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("502 what?")


class _Say:
    def __init__(self, handler: StreamRequestHandler) -> None:
        self._handler = handler

    def __call__(self, line: str) -> None:
        self._handler.wfile.write(f"{line}\r\n".encode())


@dataclass
class WebServer(_Served):
    """`fault`: "" or a status ("500"), "redirect" (to `target`), "hang", "garbage" (no HTTP), "echo" (repeats the path
    in its reason). `asked` are methods and paths, `posted` the JSON.
    """

    fault: str = ""
    target: str = ""
    posted: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{handler.command} {handler.path}")
        self.headers.append(dict(handler.headers.items()))
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if self.fault == "hang":
            self.gone.wait(300)
        elif self.fault == "garbage":
            handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            handler.close_connection = True
        elif self.fault == "redirect":
            handler.send_response(302)
            handler.send_header("Location", self.target)
            handler.end_headers()
        elif self.fault == "echo":
            handler.send_response(403, f"no {handler.path} here")
            handler.end_headers()
        elif self.fault:
            handler.send_response(int(self.fault))
            handler.end_headers()
        else:
            if body and "json" in handler.headers.get("Content-Type", "json"):
                self.posted.append(json.loads(body))
            handler.send_response(200)
            handler.end_headers()
