"""Rows come out of the stream as they went in, however it is cut; what makes no sense is said, not believed."""

import asyncio
import contextlib
import struct
from unittest.mock import patch

import aiomysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.database.connect import packets
from tuibackup.database.connect.packets import EndlessAnswerError, columns, row_packets

VALUES = st.one_of(
    st.none(), st.binary(max_size=40), st.integers(0, 70_000).map(lambda count: b"\xfe\xff\0" * (count // 3))
)
END = b"\xfe\0\0\2\0"


def packet(payload: bytes) -> bytes:
    """One packet, or as many as it takes: a full one goes on in the next."""
    made = b""
    while len(payload) >= packets._FULL:
        made += struct.pack("<I", packets._FULL)[:3] + b"\1" + payload[: packets._FULL]
        payload = payload[packets._FULL :]
    return made + struct.pack("<I", len(payload))[:3] + b"\1" + payload


def value(data: bytes | None) -> bytes:
    if data is None:
        return b"\xfb"
    if len(data) < 251:
        return bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return b"\xfc" + struct.pack("<H", len(data)) + data
    return b"\xfd" + struct.pack("<I", len(data))[:3] + data


def read_all(stream: bytes, cuts: list[int], *, sole: bool = False) -> list[bytes]:
    """The row packets of `stream`, which comes in pieces of the lengths `cuts`, then as large as is asked for."""
    left, sizes = bytearray(stream), list(cuts)

    async def read(count: int) -> bytes:
        if not left:
            raise asyncio.IncompleteReadError(b"", None)
        size = min(count, sizes.pop(0) if sizes else count)
        piece = bytes(left[:size])
        del left[:size]
        return piece

    async def rows() -> list[bytes]:
        return [row async for batch in row_packets(read, left.extend, sole=sole) for row in batch]

    return asyncio.run(rows())


@given(
    rows=st.lists(st.lists(VALUES, min_size=1, max_size=4), max_size=12), cuts=st.lists(st.integers(1, 90))
)
def test_rows_come_out_as_they_went_in(rows: list[list[bytes | None]], cuts: list[int]) -> None:
    stream = b"".join(packet(b"".join(map(value, row))) for row in rows) + packet(END)
    assert [columns(row) for row in read_all(stream, cuts)] == rows


@given(
    row=st.binary(min_size=1, max_size=400).filter(lambda row: row[0] < 0xFB),
    cuts=st.lists(st.integers(1, 9)),
)
def test_a_row_of_many_packets_is_one(row: bytes, cuts: list[int]) -> None:
    with patch.object(packets, "_FULL", 50):
        assert read_all(packet(row) + packet(END), cuts) == [row]


def test_a_row_without_end_is_refused() -> None:
    endless = (b"\x32\0\0\1" + b"x" * 50) * 10
    with (
        patch.object(packets, "_FULL", 50),
        patch.object(packets, "ROW_LIMIT", 300),
        pytest.raises(EndlessAnswerError),
    ):
        read_all(endless, [])


def test_an_error_among_the_rows_is_the_servers() -> None:
    error = b"\xff" + struct.pack("<H", 1412) + b"#HY000" + b"Table definition has changed"
    with pytest.raises(aiomysql.MySQLError, match="has changed"):
        read_all(packet(b"\x01a") + packet(error), [])


def test_a_stream_that_ends_early_is_no_whole_answer() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        read_all(packet(b"\x01a"), [])


@given(st.binary(max_size=30))
def test_nonsense_is_an_error_or_some_values(row: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert all(found is None or isinstance(found, bytes) for found in columns(row))
