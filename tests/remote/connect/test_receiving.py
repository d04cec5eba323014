"""What a server sends comes as it was sent, in whatever pieces, with every cipher, also while keys change."""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from asyncssh.encryption import GCMEncryption

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


class Pieces:
    """Hands what comes on in pieces of other sizes, as a line may cut it anywhere."""

    def __init__(self, feed: Any, change: Any = None) -> None:
        self._feed = feed
        self._dice = random.Random(7)
        self._change = change or (lambda data: data)

    def __call__(self, data: bytes) -> None:
        data = self._change(data)
        while data:
            count = self._dice.choice((1, 3, 15, 16, 17, 300, 5000, 40_000, 1 << 20))
            self._feed(data[:count])
            data = data[count:]


async def test_pieces_may_end_anywhere(
    site: Site, sshd: PrivateSshd, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Receiver.feed
    pieces: dict[Receiver, Pieces] = {}

    def cut(self: Receiver, data: bytes) -> None:
        pieces.setdefault(self, Pieces(lambda piece: feed(self, piece)))(data)

    monkeypatch.setattr(Receiver, "feed", cut)
    site.trust(sshd)
    content = random.Random(16).randbytes(3 << 20)
    async with await site.connect(a_server(sshd)) as session:
        assert await pulled(session, content, tmp_path / "random") == content
    assert len(pieces) == 1


async def test_one_bit_that_was_changed_on_the_way_ends_the_connection(
    site: Site, sshd: PrivateSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Receiver.feed
    changed = False

    def damage(self: Receiver, data: bytes) -> None:
        nonlocal changed
        if len(data) > 100_000 and not changed:
            changed = True
            data = data[:90_000] + bytes([data[90_000] ^ 1]) + data[90_001:]
        feed(self, data)

    monkeypatch.setattr(Receiver, "feed", damage)
    site.trust(sshd)
    async with await site.connect(a_server(sshd)) as session:
        with pytest.raises(ConnectionLostError):
            await session.run("exec cat /dev/zero", timeout=60, limit=1 << 40)
    assert changed


def test_a_length_that_no_packet_has_is_left_to_asyncssh() -> None:
    """It refuses it; nothing is kept until so much has come."""

    class Connection:
        _inpbuf = b""
        _auth_complete = True
        _decompressor = None
        _transport = object()
        _max_recv_pktlen = 1 << 20

        def __init__(self) -> None:
            self._recv_encryption = GCMEncryption.__new__(GCMEncryption)
            self._recv_handler = self._recv_pkthdr
            self.given: list[bytes] = []

        def _recv_pkthdr(self) -> None: ...

        def _recv_packet(self) -> None: ...

        def data_received(self, data: bytes) -> None:
            self.given.append(data)

    connection = Connection()
    receiver = Receiver(connection)
    receiver.feed(b"\xff\xff\xff\xf0" + bytes(100))
    assert connection.given == [b"\xff\xff\xff\xf0" + bytes(100)]
