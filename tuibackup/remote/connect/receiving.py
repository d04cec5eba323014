"""The way of a channel's data from a connection's bytes to its reader, without the copies that asyncssh makes of it.

asyncssh (2.24.1, which is pinned) cuts each packet off the front of what came and copies all the rest for it, eight
times over where packets of 32 KiB come 256 KiB at a time, and each packet's data several times more. Here bytes are
read into one place, packets are found where they lie, and data that is encrypted with AES-GCM is decrypted from there;
a channel gets all that came for it at once, for what is done for each piece costs as much as the decryption. Everything
else is handed to asyncssh packet by packet as it came: another cipher, every other kind of packet, and what is not
right in any way, so that it says what is wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Any

from asyncssh.constants import MSG_CHANNEL_DATA
from asyncssh.encryption import GCMEncryption
from asyncssh.stream import SSHStreamSession
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROOM = 512 << 10  # bytes that are read at once; asyncssh takes no packet of more than half of it
_STEP = 64 << 10  # of it that asyncssh is given at once: for each packet it copies all that it has
_LENGTH = 4  # bytes in front of a packet, not encrypted: how long it is …
_TAG = 16  # … without these at its end
_AGAIN = 1.0  # seconds until asyncssh is told again that the server is there: each time it makes a timer
_NUMBER = Struct(">I")
_NONCE = Struct(">4sQ")  # of AES-GCM: the second part counts the packets
_MOST_NUMBER = 0xFFFFFFFFFFFFFFFF
_HEAD = Struct(">BBII")  # a packet in front of a channel's data: padding's length, kind, channel, length


class Receiver:
    """Takes what one of asyncssh's connections receives: as many bytes of `room` as `received` says, or by `feed`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._view = memoryview(bytearray(ROOM))
        self._begin = self._end = 0  # what of it is not taken yet
        self._told_until = 0.0
        self._cipher: Any = None
        self._gcm: AESGCM

    def room(self) -> memoryview:
        """Where the next bytes are to be put."""
        rest = self._end - self._begin
        if self._begin:
            self._view[:rest] = self._view[self._begin : self._end]  # the beginning of a packet
            self._begin, self._end = 0, rest
        return self._view[rest:]

    def feed(self, data: bytes) -> None:
        """The next bytes, where they lie elsewhere."""
        rest = memoryview(data)
        while rest:
            room = self.room()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            self.received(count)
            rest = rest[count:]

    def received(self, count: int) -> None:
        """So many bytes were put into `room`."""
        self._end += count
        while self._begin < self._end:
            if not self._in_packets():
                self._hand_over(min(self._begin + _STEP, self._end))
            elif begun := self._begun():
                self._hand_over(min(self._begin + begun, self._end))
            else:
                to = self._take()
                if not to:
                    return
                self._hand_over(to)

    def _hand_over(self, to: int) -> None:
        """Let asyncssh have what came up to there."""
        data = bytes(self._view[self._begin : to])
        self._begin = to
        self._connection.data_received(data)

    def _in_packets(self) -> bool:
        """Whether we know how packets look now, and it can be given one at once."""
        connection = self._connection
        return (
            isinstance(connection._recv_encryption, GCMEncryption)
            and connection._auth_complete
            and connection._decompressor is None
            and connection._transport is not None
            and connection._recv_handler in (connection._recv_pkthdr, connection._recv_packet)
        )

    def _begun(self) -> int:
        """How many bytes asyncssh lacks of what it has the beginning of."""
        connection = self._connection
        has: int = len(connection._inpbuf)
        if connection._recv_handler == connection._recv_packet:
            whole: int = _LENGTH + connection._pktlen + _TAG - connection._recv_blocksize
            return whole - has
        return connection._recv_blocksize - has if has else 0

    def _take(self) -> int:
        """Hand the data of all packets that come next and hold some to their channels.

        Gives how far what follows is asyncssh's, 0 where that is not known yet.
        """
        connection, view, at, end = self._connection, self._view, self._begin, self._end
        cipher = connection._recv_encryption._cipher
        if cipher is not self._cipher:
            self._cipher, self._gcm = cipher, AESGCM(cipher._key)
        decrypt = self._gcm.decrypt
        fixed, number = _NONCE.unpack(cipher._iv)
        most = min(connection._max_recv_pktlen, ROOM - _LENGTH - _TAG)
        found: dict[int, _Found] = {}
        packets = to = 0
        while at + _LENGTH <= end:
            (length,) = _NUMBER.unpack_from(view, at)
            if length > most:
                to = end  # it will not have that
                break
            begin, next_ = at + _LENGTH, at + _LENGTH + length + _TAG
            if next_ > end:
                break
            try:
                plain = decrypt(_NONCE.pack(fixed, number), view[begin:next_], view[at:begin])
            except InvalidTag:
                plain = b""
            if not self._put_by(plain, found):
                to = next_  # few are: it may decrypt them once more
                break
            at, number, packets = next_, (number + 1) & _MOST_NUMBER, packets + 1
        if packets:
            self._begin = at
            cipher._iv = _NONCE.pack(fixed, number)
            connection._recv_seq = (connection._recv_seq + packets) & 0xFFFFFFFF
            self._deliver(found)
        return to

    def _put_by(self, plain: bytes, found: "dict[int, _Found]") -> bool:
        """Add a packet's data to what was found for its channel; False where it is none, or would be refused."""
        if len(plain) < _HEAD.size:
            return False
        padding, kind, number, length = _HEAD.unpack_from(plain)
        to = _HEAD.size + length
        if kind != MSG_CHANNEL_DATA or to != len(plain) - padding:
            return False
        one = found.get(number)
        if one is None:
            channel = self._connection._channels.get(number)
            if channel is None or channel._recv_state != "open":
                return False
            one = found[number] = _Found(channel, channel._recv_window, [])
        if length > one.window:
            return False
        one.window -= length
        one.parts.append(memoryview(plain)[_HEAD.size : to])
        return True

    def _deliver(self, found: "dict[int, _Found]") -> None:
        """Let the channels have what was found for them."""
        connection = self._connection
        if (now := connection._loop.time()) >= self._told_until:
            connection._reset_keepalive_timer()
            self._told_until = now + _AGAIN
        for one in found.values():
            if connection._transport is None:
                return
            try:
                for piece in one.pieces():
                    one.channel._accept_data(piece)
            except Exception:
                connection.internal_error()


@dataclass(slots=True)
class _Found:
    """What came for one channel."""

    channel: Any
    window: int  # bytes that it still takes
    parts: list[memoryview]

    def pieces(self) -> Iterable[bytes]:
        """All of it. asyncssh's own readers get it as it came: whatever they are asked for, they copy all the rest."""
        if isinstance(self.channel._session, SSHStreamSession):
            return map(bytes, self.parts)
        return (b"".join(self.parts),)
