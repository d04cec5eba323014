"""The way of a channel's data from a connection's bytes to its reader, without the copies that asyncssh makes of it.

asyncssh (2.24.1, which is pinned) cuts each packet off the front of what came and copies all the rest for it, eight
times over where packets of 32 KiB come 256 KiB at a time, and each packet's data several times more. Here packets are
found where they lie, and data that is encrypted with AES-GCM is decrypted from there. Everything else is handed to
asyncssh packet by packet as it came: another cipher, every other kind of packet, and what is not right in any way, so
that it says what is wrong.
"""

from typing import Any

from asyncssh.constants import MSG_CHANNEL_DATA
from asyncssh.encryption import GCMEncryption
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LENGTH = 4  # bytes in front of a packet, not encrypted: how long it is …
_TAG = 16  # … without these at its end
_HEAD = 10  # bytes of a packet in front of a channel's data: padding's length, kind, channel, length


class Receiver:
    """Takes what one of asyncssh's connections receives."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._rest = b""  # the beginning of a packet
        self._cipher: Any = None
        self._gcm: AESGCM

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        connection = self._connection
        if self._rest:
            data, self._rest = self._rest + data, b""
        view = memoryview(data)
        at = 0
        while at < len(data):
            if not self._in_packets():
                connection.data_received(data[at:])
                return
            end = at + self._begun()
            if end == at:
                length = int.from_bytes(view[at : at + _LENGTH], "big")
                end = at + _LENGTH + length + _TAG
                if length > connection._max_recv_pktlen:
                    end = len(data)  # it will not have that
                elif len(data) < max(end, at + _LENGTH):
                    self._rest = data[at:]
                    return
                elif self._take(view[at:end]):
                    at = end
                    continue
            connection.data_received(data[at:end])
            at = end

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

    def _take(self, packet: memoryview) -> bool:
        """Hand a packet's data to its channel; False where it is none, or asyncssh would refuse it."""
        connection = self._connection
        cipher = connection._recv_encryption._cipher
        if cipher is not self._cipher:
            self._cipher, self._gcm = cipher, AESGCM(cipher._key)
        try:
            plain = self._gcm.decrypt(cipher._iv, packet[_LENGTH:], packet[:_LENGTH])
        except InvalidTag:
            return False
        if len(plain) < _HEAD or plain[1] != MSG_CHANNEL_DATA:
            return False  # few are: it may decrypt them once more
        channel = connection._channels.get(int.from_bytes(plain[2:6], "big"))
        length = int.from_bytes(plain[6:_HEAD], "big")
        if (
            channel is None
            or channel._recv_state != "open"
            or channel._recv_window < length
            or _HEAD + length != len(plain) - plain[0]
        ):
            return False
        cipher._update_iv()
        connection._recv_seq = connection._recv_seq + 1 & 0xFFFFFFFF
        connection._reset_keepalive_timer()
        try:
            channel._accept_data(plain[_HEAD : _HEAD + length])
        except Exception:
            connection.internal_error()
        return True
