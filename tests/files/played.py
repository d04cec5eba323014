"""A server that speaks SFTP as a test wants it: honest about a tree that it makes up, but for what the test changes."""

import random
import stat
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh

OPEN, CLOSE, READ, LSTAT, FSTAT, OPENDIR, READDIR, REALPATH, STAT, READLINK = (
    3,
    4,
    5,
    7,
    8,
    11,
    12,
    16,
    17,
    19,
)
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED, REPLY = 101, 102, 103, 104, 105, 200, 201
OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, UNSUPPORTED = 0, 1, 2, 3, 4, 8
OLD = 1_600_000_000


@dataclass(frozen=True)
class Node:
    """One name of the tree."""

    mode: int = stat.S_IFREG | 0o644
    content: bytes = b""
    mtime: int = OLD
    size: int | None = None  # what the server says, where it lies

    def attributes(self) -> bytes:
        size = len(self.content) if self.size is None else self.size
        return struct.pack(">IQIIIII", 0xF, size, 33, 33, self.mode, OLD, self.mtime)


FOLDER = Node(stat.S_IFDIR | 0o755)


def string(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def status(code: int) -> tuple[int, bytes]:
    return STATUS, struct.pack(">I", code) + string(b"so it is") + string(b"")


def names(*entries: tuple[bytes, Node]) -> tuple[int, bytes]:
    listed = b"".join(string(name) + string(b"") + node.attributes() for name, node in entries)
    return NAME, struct.pack(">I", len(entries)) + listed


Answer = tuple[int, bytes] | bytes | None  # raw bytes go out as they are; None: no answer
Hook = Callable[["PlayedSftp", bytes], Answer | type[NotImplemented]]


@dataclass
class PlayedSftp:
    """`tree` by absolute path. `hooks`, by the kind of request, answer first: NotImplemented leaves it to the rest.

    A hook gets the request's subject: the path, also of what is done through a handle.
    """

    tree: dict[bytes, Node]
    hooks: dict[int, Callable[..., Any]] = field(default_factory=dict)
    asked: list[tuple[int, bytes]] = field(default_factory=list)
    longest_read: int = 1 << 20
    port: int = 0
    user: str = "played"
    host: str = "127.0.0.1"
    client_key: Path = Path()
    known_hosts_lines: list[str] = field(default_factory=list)
    version: bytes = struct.pack(">I", 3)
    shuffled: bool = False  # answers to what was asked together come in any order
    filesystems: dict[bytes, int] = field(default_factory=dict)  # by mount point, if it tells of them
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    def answer(self, kind: int, body: bytes, state: dict[bytes, Any]) -> Answer:
        length = struct.unpack_from(">I", body)[0]
        if kind == EXTENDED:
            return self._filesystem(body[8 + length :])
        subject, rest = body[4 : 4 + length], body[4 + length :]
        handle = subject
        if kind in (CLOSE, READ, FSTAT, READDIR):
            subject = state[handle][0]
        self.asked.append((kind, subject))
        if hook := self.hooks.get(kind):
            said = hook(subject, *(struct.unpack(">QI", rest) if kind == READ else ()))
            if said is not NotImplemented:
                return said  # type: ignore[no-any-return]
        node = self.tree.get(subject)
        if kind == REALPATH:
            return names((subject, FOLDER))
        if kind == CLOSE:
            del state[handle]
            return status(OK)
        if kind > READLINK:
            return status(UNSUPPORTED)
        if node is None:
            return status(NO_SUCH_FILE)
        if kind in (LSTAT, FSTAT, STAT):
            return ATTRS, node.attributes()
        if kind in (OPEN, OPENDIR):
            number = b"%d" % len(self.asked)
            state[number] = [subject, 0]
            return HANDLE, string(number)
        if kind == READ:
            offset, length = struct.unpack(">QI", rest)
            data = node.content[offset : offset + min(length, self.longest_read)]
            return (DATA, string(data)) if data else status(EOF)
        if kind == READLINK:
            return names((node.content, FOLDER))
        return self._listed(subject, state[handle])

    def _filesystem(self, path: bytes) -> Answer:
        mounted = [point for point in self.filesystems if path == point or path.startswith(point + b"/")]
        return REPLY, struct.pack(">11Q", *[0] * 8, self.filesystems[max(mounted, key=len)], 0, 255)

    def _listed(self, folder: bytes, position: list[Any]) -> Answer:
        start = folder.rstrip(b"/") + b"/"
        below = [
            (path[len(start) :], node)
            for path, node in self.tree.items()
            if path.startswith(start) and b"/" not in path[len(start) :]
        ]
        part = below[position[1] : position[1] + 100]
        position[1] += len(part)
        return names(*part) if part else status(EOF)

    def reply(self, packet: bytes, state: dict[bytes, Any]) -> bytes:
        """What goes out for one request."""
        if packet[0] == 1:
            known = string(b"statvfs@openssh.com") + string(b"2") if self.filesystems else b""
            return struct.pack(">IB", 1 + len(self.version + known), 2) + self.version + known
        answer = self.answer(packet[0], packet[5:], state)
        if isinstance(answer, tuple):
            kind, body = answer
            return struct.pack(">IB", 5 + len(body), kind) + packet[1:5] + body
        return answer or b""

    def replace(self, path: bytes, **changes: Any) -> None:
        self.tree[path] = replace(self.tree[path], **changes)

    @asynccontextmanager
    async def served(self, place: Path) -> AsyncIterator["PlayedSftp"]:
        """Listen on a free port, with keys made for it."""
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = place / "played_key"
        client_key.write_private_key(self.client_key)
        self.client_key.chmod(0o600)
        allowed = place / "played_allowed"
        client_key.write_public_key(allowed)
        server = await asyncssh.listen(
            self.host,
            0,
            server_host_keys=[host_key],
            authorized_client_keys=str(allowed),
            server_factory=lambda: _Server(self),
            encoding=None,
        )
        self.port = server.get_port()
        public = host_key.export_public_key().decode().strip()
        self.known_hosts_lines = [f"[{self.host}]:{self.port} {public}"]
        try:
            yield self
        finally:
            for connection in self.connections:
                connection.abort()
            server.close()
            await server.wait_closed()


class _Server(asyncssh.SSHServer):
    def __init__(self, played: PlayedSftp) -> None:
        self._played = played

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._played.connections.append(conn)

    def session_requested(self) -> "_Session":
        return _Session(self._played)


class _Session(asyncssh.SSHServerSession[bytes]):
    """One channel: SFTP, or a command, which ends at once."""

    def __init__(self, played: PlayedSftp) -> None:
        self._played = played
        self._buffer = b""
        self._state: dict[bytes, Any] = {}
        self._channel: asyncssh.SSHServerChannel[bytes]

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        if self._channel.get_subsystem() is None:
            self._channel.exit(1)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._buffer += data
        answers = []
        while len(self._buffer) >= 4:
            (length,) = struct.unpack_from(">I", self._buffer)
            if len(self._buffer) < 4 + length:
                break
            packet, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
            answers.append(self._played.reply(packet, self._state))
        if self._played.shuffled:
            random.shuffle(answers)
        if said := b"".join(answers):
            self._channel.write(said)

    def eof_received(self) -> bool:
        return False
