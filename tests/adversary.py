"""A server that means no good: a real SSH server in the test's own process, which plays find and tar as it likes.

Commands that a test does not play are carried out by this machine's sh, so that each play differs from an honest
server in one place. `Made` is a server without a disk: it claims to hold what a test says, and sends it.
"""

import asyncio
import contextlib
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import zstandard

HOST = "127.0.0.1"


class Talk:
    """One command that the client started: its text, and the three ways to answer."""

    def __init__(self, process: "asyncssh.SSHServerProcess[bytes]", script: str, mark: bytes = b"") -> None:
        """`mark` is what the client wants around the answer; b"" for none."""
        self._process = process
        self._mark = mark
        self.script = script

    def begin(self) -> None:
        """Print the first marks, as a shell that carries the command out."""
        self._process.stderr.write(self._mark and self._mark + b"{")
        self._process.stdout.write(self._mark and self._mark + b"[")

    async def read(self) -> bytes:
        """What the client sends; b"" at its end."""
        return await self._process.stdin.read(1 << 16)

    async def read_names(self) -> list[bytes]:
        """All NUL-ended names that the client sends, until its end."""
        sent = b""
        while data := await self.read():
            sent += data
        return sent.split(b"\0")[:-1]

    async def write(self, data: bytes) -> None:
        for at in range(0, len(data), 1 << 16):
            self._process.stdout.write(data[at : at + (1 << 16)])
            await self._process.stdout.drain()

    async def complain(self, data: bytes) -> None:
        self._process.stderr.write(data)
        await self._process.stderr.drain()

    def exit(self, status: int = 0) -> None:
        self._process.stdout.write(self._mark and self._mark + b"]%d;" % status)
        self._process.stderr.write(self._mark and self._mark + b"}%d;" % status)
        self._process.exit(status)

    async def hang(self) -> None:
        """Say nothing more, for ever."""
        await asyncio.Event().wait()

    def cut(self) -> None:
        """End the whole connection, without a word."""
        self._process.channel.get_connection().abort()

    async def honestly(self, script: str | None = None) -> int:
        """Let sh do it; the status, which is not sent yet."""
        child = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            self.script if script is None else script,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None

        async def feed() -> None:
            assert child.stdin is not None
            with contextlib.suppress(OSError):
                while data := await self.read():
                    child.stdin.write(data)
                    await child.stdin.drain()
            child.stdin.close()

        async def answer(source: asyncio.StreamReader, write: Callable[[bytes], Awaitable[None]]) -> None:
            while data := await source.read(1 << 16):
                await write(data)

        feeding = asyncio.create_task(feed())
        try:
            await asyncio.gather(answer(child.stdout, self.write), answer(child.stderr, self.complain))
            return await child.wait()
        finally:
            feeding.cancel()
            if child.returncode is None:
                child.kill()


Play = Callable[[Talk], Awaitable[None]]


async def honest(talk: Talk) -> None:
    talk.exit(await talk.honestly())


@dataclass
class Adversary:
    """An SSH server on a free port. `plays` by the part of the procedure: probe, look, find, tar, again, afresh."""

    folder: Path
    plays: dict[str, Play] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    host: str = HOST
    port: int = 0
    user: str = "root"

    @property
    def client_key(self) -> Path:
        return self.folder / "client_key"

    @property
    def known_hosts_lines(self) -> list[str]:
        algorithm, data = (self.folder / "host_key.pub").read_text().split()[:2]
        return [f"[{self.host}]:{self.port} {algorithm} {data}"]

    @contextlib.contextmanager
    def serving(self) -> Iterator["Adversary"]:
        """Serve while in the block, in a thread of its own."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("host_key", "client_key"):
            key = asyncssh.generate_private_key("ssh-ed25519")
            key.write_private_key(self.folder / name)
            key.write_public_key(self.folder / f"{name}.pub")
            (self.folder / name).chmod(0o600)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), loop).result(20)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_ended(server), loop).result(20)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)
            loop.close()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        server = await asyncssh.create_server(
            _Door,
            self.host,
            0,
            server_host_keys=[self.folder / "host_key"],
            process_factory=self._serve,
            encoding=None,
            allow_scp=False,
        )
        self.port = server.get_port()
        return server

    async def _serve(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        script, mark = unmarked(process.command or "")
        part = _part(script)
        self.seen.append(part)
        talk = Talk(process, script, mark)
        talk.begin()
        try:
            await self.plays.get(part, honest)(talk)
        except (OSError, asyncssh.Error, asyncssh.SignalReceived):  # the client has left, or ended it
            with contextlib.suppress(OSError):
                talk.exit(143)


class _Door(asyncssh.SSHServer):
    """Lets everyone in who has a key."""

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True


async def _ended(server: asyncssh.SSHAcceptor) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.wait(others, timeout=5) if others else None


def _unwrapped(command: str) -> str:
    """The script inside what `remote.command.line` makes of it: octal behind a printf, or as it is."""
    match = re.fullmatch(
        r"""exec sh -c 'eval "shift; \$\(printf %b "\$1"\)"' sh '(.*)'""", command, re.DOTALL
    )
    if match is None:
        return command
    return re.sub(r"\\0([0-7]{3})", lambda octal: chr(int(octal[1], 8)), match[1])


def unmarked(command: str) -> tuple[str, bytes]:
    """The script inside what `remote.marks` makes of it, and the mark that its answer is to stand between."""
    script = _unwrapped(command)
    halves = re.search(r"'%s%s%s' ([0-9a-f]+) ([0-9a-f]+) ", script)
    inner = re.search(r"^\( (.*)\n\)\nstatus=", script, re.DOTALL | re.MULTILINE)
    if halves is None or inner is None:
        return script, b""
    return inner[1], (halves[1] + halves[2]).encode()


def _part(script: str) -> str:
    """Which part of the procedure a command is of."""
    if "for tool in find tar stat" in script:
        return "probe"
    if "pwd -P" in script:
        return "look"
    if "xargs" in script:
        return "afresh" if "%u" in script else "again"
    if "tar" in script and "-T" in script:
        return "tar"
    if "find" in script:
        return "find"
    return "other"


# a server without a disk


@dataclass(frozen=True)
class Thing:
    """One name as find tells of it."""

    path: bytes
    kind: bytes = b"f"
    content: bytes = b""
    size: int | None = None
    target: bytes = b""
    inode: int = 0
    links: int = 1
    mode: bytes = b"644"
    mtime: bytes = b"1700000000.5000000000"
    user: bytes = b"www-data"

    @property
    def told(self) -> bytes:
        return b"%d" % (len(self.content) if self.size is None else self.size)

    def record(self, path: bytes) -> bytes:
        numbers = [
            self.kind, self.mode, b"33", b"33", self.told, b"8", self.mtime, b"1700000000.0000000000", b"1",
            b"%d" % self.inode, b"%d" % self.links, b"ext4",
        ]  # fmt: skip
        return b" ".join(numbers) + b"\0" + self.user + b"\0www-data\0" + path + b"\0" + self.target + b"\0"

    @property
    def stamp(self) -> bytes:
        return b" ".join([self.kind, self.told, self.mtime, b"1700000000.0000000000"])


TOP = Thing(b"", b"d", mode=b"755")


class Made:
    """Claims that `folder` holds `things` (the folder itself comes by itself), and plays its part in all of it."""

    def __init__(self, folder: bytes, things: Sequence[Thing]) -> None:
        self.folder = folder
        self.things = things
        self._by_path = {thing.path: thing for thing in things}

    def plays(self, **others: Play) -> dict[str, Play]:
        own: dict[str, Play] = {"probe": plain_tools, "find": self.find, "tar": self.tar, "again": self.again}
        return own | {"afresh": self.afresh, "look": self.look} | others

    async def look(self, talk: Talk) -> None:
        asked = talk.script.count("tell /") + talk.script.count("tell '/")
        clock = b"1800000000\n" if "date" in talk.script else b""
        await talk.write(clock + (self.folder + b"\n\x001:2:3\n\0\0") * asked)
        talk.exit()

    async def find(self, talk: Talk) -> None:
        listing = b"".join([thing.record(thing.path) for thing in [TOP, *self.things]])
        await talk.write(zstandard.compress(listing) if "zstd" in talk.script else listing)
        talk.exit()

    async def tar(self, talk: Talk) -> None:
        for name in await talk.read_names():
            await talk.write(self.member(name))
        await talk.write(END)
        talk.exit()

    def member(self, name: bytes) -> bytes:
        """The tar member for a name that was asked for; b"" for what there is not."""
        thing = self._by_path.get(name.removeprefix(b"./"))
        if thing is None or thing.kind != b"f":
            return b""
        return member(name, thing.content)

    async def again(self, talk: Talk) -> None:
        for path in await talk.read_names():
            thing = self._thing(path)
            if thing is not None:
                await talk.write(thing.stamp + b"\0" + path + b"\0")
        talk.exit()

    async def afresh(self, talk: Talk) -> None:
        for path in await talk.read_names():
            thing = self._thing(path)
            if thing is not None:
                await talk.write(thing.record(path))
        talk.exit()

    def _thing(self, path: bytes) -> Thing | None:
        return self._by_path.get(path.removeprefix(self.folder + b"/"))


async def plain_tools(talk: Talk) -> None:
    """A probe that finds no packer: the stream comes as tar writes it."""
    talk.exit(
        await talk.honestly(talk.script.replace("for tool in zstd gzip; do", "for tool in no-packer; do"))
    )


# tar, by hand

BLOCK = 512
END = bytes(2 * BLOCK)


def header(name: bytes, size: int | bytes = 0, kind: bytes = b"0", link: bytes = b"") -> bytes:
    """A ustar header that may lie; `size` as bytes goes into the field as it is."""
    field_ = size if isinstance(size, bytes) else _number(size)
    block = bytearray(name[:100].ljust(100, b"\0") + b"0000644\0" * 3 + field_ + b"00000000000\0" + b" " * 8)
    block += kind + link[:100].ljust(100, b"\0") + b"ustar\x0000"
    block += bytes(BLOCK - len(block))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _number(value: int) -> bytes:
    return b"%011o\0" % value if value < 1 << 33 else b"\x80" + value.to_bytes(11, "big")


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def pax(records: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    """A pax header with these records."""
    content = b""
    for key, value in records.items():
        rest = len(key) + len(value) + 3
        length = rest + len(str(rest))
        length = rest + len(str(length))
        content += b"%d %b=%b\n" % (length, key, value)
    return header(b"pax", len(content), kind) + padded(content)


def member(name: bytes, content: bytes, records: dict[bytes, bytes] | None = None) -> bytes:
    """A regular file as GNU tar sends it."""
    records = dict(records or {})
    if len(name) > 100:
        records[b"path"] = name
    return (pax(records) if records else b"") + header(name, len(content)) + padded(content)
