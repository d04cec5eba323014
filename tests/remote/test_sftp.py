"""The parser of SFTP answers takes anything: an answer, or a refusal in one line, and never more than was asked for."""

import asyncio
import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tuibackup.errors import RemoteCommandError
from tuibackup.remote import sftp
from tuibackup.remote.sftp import Sftp, SftpError


class Silent:
    """A stream that brings `data` in pieces and then ends."""

    stderr = b""

    def __init__(self, data: bytes, pieces: int) -> None:
        size = max(1, len(data) // pieces)
        self._parts = [data[at : at + size] for at in range(0, len(data), size)]

    async def read(self, within: float | None = None) -> bytes:
        return self._parts.pop(0) if self._parts else b""


async def answered(data: bytes, pieces: int, ask: str) -> Any:
    client = Sftp(Silent(data, pieces), "siakad")  # type: ignore[arg-type]
    client._begun = True
    future = client.read(b"h", 0, 10) if ask == "read" else getattr(client, ask)(b"x")
    await client._receive()
    try:
        return await future
    except SftpError as error:
        return error
    except RemoteCommandError as error:
        return None if str(error) in REFUSED else error


REFUSED = ("siakad: SFTP: the server's answer cannot be understood", "siakad: SFTP: the server ended it")
KINDS = st.sampled_from([101, 102, 103, 104, 105, 201, 0, 255])
ASKS = st.sampled_from(["lstat", "open", "readdir", "readlink", "read", "filesystem"])
FIELDS = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.binary(max_size=30).map(lambda text: struct.pack(">I", len(text)) + text),
        st.integers(0, 40).map(lambda number: struct.pack(">I", number)),
        st.sampled_from([b"\xff" * 4, b"\x80\0\0\0", b"\0" * 8]),
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(KINDS, FIELDS, ASKS, st.integers(1, 9), st.sampled_from([0, 0, 0, 1, -1, 1 << 20]))
def test_any_answer_is_taken_or_refused(kind: int, body: bytes, ask: str, pieces: int, lie: int) -> None:
    length = min(max(len(body) + 5 + lie, 0), 0xFFFFFFFF)
    found = asyncio.run(answered(struct.pack(">IBI", length, kind, 0) + body, pieces, ask))
    assert not isinstance(found, RemoteCommandError)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), ASKS, st.integers(1, 9))
def test_any_bytes_are_taken_or_refused(data: bytes, ask: str, pieces: int) -> None:
    assert not isinstance(asyncio.run(answered(data, pieces, ask)), RemoteCommandError)


@given(
    st.lists(
        st.tuples(
            st.binary(min_size=1, max_size=20),
            st.tuples(st.integers(0, 2**64 - 1), *[st.integers(0, 2**32 - 1)] * 5),
        ),
        max_size=5,
    ),
    st.integers(1, 9),
)
@settings(deadline=None)
def test_names_come_as_they_were_sent(entries: list[tuple[bytes, tuple[int, ...]]], pieces: int) -> None:
    body = struct.pack(">I", len(entries))
    for name, numbers in entries:
        attributes = struct.pack(">IQIIIII", 0xF, *numbers)
        body += struct.pack(">I", len(name)) + name + struct.pack(">I", 0) + attributes
    packet = struct.pack(">IBI", len(body) + 5, 104, 0) + body
    found = asyncio.run(answered(packet, pieces, "readdir"))
    assert [(one.name, one.attributes) for one in found] == [
        (name, sftp.Attributes(size, uid, gid, mode, mtime))
        for name, (size, uid, gid, mode, _, mtime) in entries
    ]


def test_an_answer_longer_than_was_asked_for_is_refused_before_it_is_here() -> None:
    head = struct.pack(">IBI", (64 << 10) + 1, 103, 0)
    assert asyncio.run(answered(head, 1, "read")) is None
