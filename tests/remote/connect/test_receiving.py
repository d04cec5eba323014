"""What a server sends comes as it was sent, in whatever pieces, with every cipher, also while keys change."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import GCMEncryption
from asyncssh.stream import SSHClientStreamSession

from tests.remote.conftest import Site, a_server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectionLostError
from tuibackup.remote.connect.receiving import Receiver
from tuibackup.remote.session import Session

SIZE = 5 << 20
GCM = "aes256-gcm@openssh.com"


@pytest.fixture(scope="module", params=[GCM, "chacha20-poly1305@openssh.com"])
def ciphered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd
) -> Iterator[PrivateSshd]:
    """An sshd with one cipher, which changes its keys after every megabyte."""
    config = [f"Ciphers {request.param}", "RekeyLimit 1M"]
    with PrivateSshd(
        tmp_path_factory.mktemp("ciphered"), client_key=sshd.client_key, config=config
    ) as server:
        yield server


async def pulled(session: Session, content: bytes, there: Any) -> bytes:
    """What comes of a file with `content`, read by a command."""
    there.write_bytes(content)
    async with session.stream(["cat", str(there)]) as stream:
        parts = []
        while data := await stream.read():
            parts.append(data)
        assert (await stream.wait()).ok
    return b"".join(parts)


async def test_every_byte_comes_with_every_cipher(site: Site, ciphered: PrivateSshd, tmp_path: Any) -> None:
    site.trust(ciphered)
    content = random.Random(15).randbytes(SIZE)
    async with await site.connect(a_server(ciphered)) as session:
        came = await pulled(session, content, tmp_path / "random")
        answered = await session.run("echo still", timeout=60)
    assert hashlib.sha256(came).digest() == hashlib.sha256(content).digest()
    assert answered.stdout == b"still\n"


def tap(monkeypatch: pytest.MonkeyPatch, change: Callable[[Receiver, bytes], Iterable[bytes]]) -> None:
    """Let `change` make other pieces of what comes."""
    received = Receiver.received

    def other(self: Receiver, count: int) -> None:
        at = self._end
        for piece in change(self, bytes(self._view[at : at + count])):
            left = piece
            while left:
                room = self.room()
                taken = min(len(room), len(left))
                room[:taken] = left[:taken]
                received(self, taken)
                left = left[taken:]

    monkeypatch.setattr(Receiver, "received", other)


async def test_pieces_may_end_anywhere(
    site: Site, sshd: PrivateSshd, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(7)
    receivers = set()

    def cut(receiver: Receiver, data: bytes) -> Iterator[bytes]:
        receivers.add(receiver)
        while data:
            count = dice.choice((1, 3, 15, 16, 17, 300, 5000, 40_000, 1 << 20))
            yield data[:count]
            data = data[count:]

    tap(monkeypatch, cut)
    site.trust(sshd)
    content = random.Random(16).randbytes(3 << 20)
    async with await site.connect(a_server(sshd)) as session:
        assert await pulled(session, content, tmp_path / "random") == content
    assert len(receivers) == 1


async def test_one_bit_that_was_changed_on_the_way_ends_the_connection(
    site: Site, sshd: PrivateSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = False

    def damage(_receiver: Receiver, data: bytes) -> list[bytes]:
        nonlocal changed
        if len(data) > 100_000 and not changed:
            changed = True
            data = data[:90_000] + bytes([data[90_000] ^ 1]) + data[90_001:]
        return [data]

    tap(monkeypatch, damage)
    site.trust(sshd)
    async with await site.connect(a_server(sshd)) as session:
        with pytest.raises(ConnectionLostError):
            await session.run("exec cat /dev/zero", timeout=60, limit=1 << 40)
    assert changed


class Channel:
    """One that notes what it gets."""

    _recv_state = "open"
    _session: object = None

    def __init__(self, window: int = 1 << 20) -> None:
        self._recv_window = window
        self.got: list[bytes] = []

    def _accept_data(self, data: bytes) -> None:
        self._recv_window -= len(data)
        self.got.append(data)


class Connection:
    """What `Receiver` sees of asyncssh's, and the server's end of it."""

    _inpbuf = b""
    _auth_complete = True
    _decompressor = None
    _transport: object = object()
    _max_recv_pktlen = 1 << 18
    _recv_seq = 0

    def __init__(self, **channels: Channel) -> None:
        key, iv = bytes(range(16)), bytes(4) + b"\xff" * 7 + b"\xfe"  # which counts over
        self._theirs = GCMCipher("aes128-gcm", key, iv)
        self._recv_encryption = GCMEncryption(GCMCipher("aes128-gcm", key, iv))
        self._recv_handler = self._recv_pkthdr
        self._channels = {int(name[1:]): channel for name, channel in channels.items()}
        self._loop = asyncio.new_event_loop()
        self._loop.close()  # its clock goes on
        self.told = 0
        self.given: list[bytes] = []

    def _recv_pkthdr(self) -> None: ...

    def _recv_packet(self) -> None: ...

    def _reset_keepalive_timer(self) -> None:
        self.told += 1

    def data_received(self, data: bytes) -> None:
        self.given.append(data)
        self._recv_encryption._cipher._update_iv()

    def packet(self, payload: bytes) -> bytes:
        """The next one from the server."""
        padding = 20 - (len(payload) + 1 + 4) % 16
        plain = bytes([padding]) + payload + bytes(padding)
        return b"".join(self._theirs.encrypt_and_sign(len(plain).to_bytes(4, "big"), plain))

    def data(self, channel: int, data: bytes) -> bytes:
        """The next one, with data for a channel."""
        return self.packet(b"\x5e" + channel.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data)


def test_a_channel_gets_all_that_came_for_it_at_once() -> None:
    """What is done for each piece costs as much as its decryption."""
    one, other = Channel(), Channel()
    connection = Connection(c1=one, c2=other)
    sent = [
        connection.data(*packet) for packet in ((1, b"first "), (2, b"an"), (1, b"second"), (2, b"other"))
    ]
    Receiver(connection).feed(b"".join(sent))
    assert (one.got, other.got) == ([b"first second"], [b"another"])
    assert (connection._recv_seq, connection.told, connection.given) == (4, 1, [])


def test_a_reader_of_asyncssh_s_gets_each_packet() -> None:
    """It copies all the rest of a piece for every few bytes that it is asked for."""
    one = Channel()
    one._session = SSHClientStreamSession()
    connection = Connection(c1=one)
    Receiver(connection).feed(b"".join([connection.data(1, b"first"), connection.data(1, b"second")]))
    assert one.got == [b"first", b"second"]


def test_what_is_no_data_comes_to_asyncssh_between_the_data_around_it() -> None:
    one = Channel()
    connection = Connection(c1=one)
    before, end, after = (
        connection.data(1, b"before"),
        connection.packet(b"\x60\0\0\0\1"),
        connection.data(1, b"after"),
    )
    seen: list[list[bytes]] = []
    given = connection.data_received
    connection.data_received = lambda data: (seen.append(list(one.got)), given(data))  # type: ignore[assignment,func-returns-value]
    Receiver(connection).feed(before + end + after)
    assert connection.given == [end]
    assert seen == [[b"before"]]
    assert one.got == [b"before", b"after"]


@pytest.mark.parametrize("fault", ["tag", "window", "closed", "unknown", "length"])
def test_what_is_wrong_comes_to_asyncssh_as_it_came(fault: str) -> None:
    one = Channel(window=10)
    connection = Connection(c1=one)
    good = connection.data(1, b"good")
    wrong = {
        "tag": lambda: connection.data(1, b"wrong")[:-1] + b"?",
        "window": lambda: connection.data(1, b"too much"),
        "closed": lambda: connection.data(1, b"wrong"),
        "unknown": lambda: connection.data(7, b"wrong"),
        "length": lambda: connection.packet(b"\x5e\0\0\0\1\0\0\0\7wrong"),
    }[fault]()
    receiver = Receiver(connection)
    receiver.feed(good)
    if fault == "closed":
        one._recv_state = "eof"
    receiver.feed(wrong)
    assert connection.given == [wrong]
    assert one.got == [b"good"]


def test_a_length_that_no_packet_has_is_left_to_asyncssh() -> None:
    """It refuses it; nothing is kept until so much has come."""
    connection = Connection()
    receiver = Receiver(connection)
    receiver.feed(b"\xff\xff\xff\xf0" + bytes(100))
    assert connection.given == [b"\xff\xff\xff\xf0" + bytes(100)]
