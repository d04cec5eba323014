"""The rows of an answer as MySQL's protocol carries them, read in large pieces and taken apart.

aiomysql reads each row with two small reads and turns every value into a Python object, which takes four times as
long. Here a row stays the bytes of its packet until its columns are asked for.
"""

import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from pymysql.err import MySQLError, raise_mysql_exception

ROW_LIMIT = 512 << 20  # bytes of one row: in hex it is a statement of 1 GiB, the most that any server takes
_CHUNK = 1 << 20
_ANSWER_LIMIT = 64 << 20  # bytes of one answer of several
_HEAD = struct.Struct(
    "<IB"
).unpack_from  # three bytes of length, one of sequence, then the first byte of the content
_LENGTH = 0xFFFFFF
_FULL = _LENGTH  # a packet of this length goes on in the next one
_END, _ERROR, _NULL = 0xFE, 0xFF, 0xFB
_OK, _FILE = (
    0x00,
    0xFB,
)  # the first byte of an answer without rows; of one that asks for a file of this machine
_END_LENGTH = 9  # an end packet is shorter; a row that begins with 0xFE is longer than 16 MiB


class EndlessAnswerError(Exception):
    """The server sends more than the limit for one answer or row, or something that nobody asked for."""


async def row_packets(
    read: Callable[[int], Awaitable[bytes]], behind: Callable[[bytes], None], *, sole: bool = False
) -> AsyncGenerator[list[bytes], None]:
    """The row packets up to the end of the answer, in batches. Bytes that were read after that end go to `behind`.

    `sole`: there is one column; its value is given instead of the packet, which saves taking each apart again.
    Raises the server's error as aiomysql's, EndlessAnswerError for a row that is too large.
    """
    short = 5 if sole else 4  # bytes before a value of less than 251 bytes, or before the packet
    data = b""
    begun: list[bytes] = []  # packets of a row that goes on
    while True:
        rows: list[bytes] = []
        at, end, wanted = 0, len(data), 1
        while at + 4 < end:
            head, kind = _HEAD(data, at)
            stop = at + 4 + (head & _LENGTH)
            if stop > end:
                wanted = stop - end
                break
            if kind < _END and not begun and stop - at < _FULL:  # nearly all
                rows.append(data[at + (short if kind < _NULL else 4 + prefix(kind) if sole else 4) : stop])
                at = stop
                continue
            packet = data[at + 4 : stop]
            at = stop
            if begun or len(packet) == _FULL:
                begun.append(packet)
                if sum(map(len, begun)) > ROW_LIMIT:
                    raise EndlessAnswerError
                if len(packet) < _FULL:
                    whole = b"".join(begun)
                    rows.append(whole[prefix(whole[0]) :] if sole else whole)
                    begun.clear()
            elif kind == _END and len(packet) < _END_LENGTH:
                behind(data[at:])
                if rows:
                    yield rows
                return
            elif kind == _ERROR:
                behind(data[at:])
                if rows:  # those before a damaged one
                    yield rows
                raise_mysql_exception(packet)
            else:
                rows.append(packet[prefix(kind) :] if sole else packet)
        if rows:
            yield rows
        pieces = [data[at:]]
        while wanted > 0:
            pieces.append(await read(max(wanted, _CHUNK)))
            wanted -= len(pieces[-1])
        data = b"".join(pieces)


async def answers(
    read: Callable[[int], Awaitable[bytes]], count: int
) -> AsyncGenerator[list[bytes] | MySQLError, None]:
    """The answers to `count` statements that were sent one behind the other: row packets, or the server's error.

    Raises EndlessAnswerError if an answer is too large, or asks for a file of this machine.
    """
    async with aclosing(_packets(read)) as packets:
        for _ in range(count):
            first = await anext(packets)
            if first[0] == _OK:
                yield []
            elif first[0] == _ERROR:
                yield _error(first)
            elif first[0] == _FILE:
                raise EndlessAnswerError
            else:
                for _ in range(first[0] + 1):  # the columns and their end
                    await anext(packets)
                yield await _rows(packets)


async def _rows(packets: AsyncGenerator[bytes, None]) -> list[bytes] | MySQLError:
    rows: list[bytes] = []
    size = 0
    async for row in packets:
        if row[0] == _ERROR:
            return _error(row)
        if row[0] == _END and len(row) < _END_LENGTH:
            break
        size += len(row)
        if size > _ANSWER_LIMIT:
            raise EndlessAnswerError
        rows.append(row)
    return rows


def _error(packet: bytes) -> MySQLError:
    try:
        raise_mysql_exception(packet)
    except MySQLError as error:
        return error


async def _packets(read: Callable[[int], Awaitable[bytes]]) -> AsyncGenerator[bytes, None]:
    """What the server sends, packet by packet; bytes after the last packet that is taken are lost."""
    data = b""
    at = 0
    while True:
        while len(data) - at < 4 or len(data) - at - 4 < int.from_bytes(data[at : at + 3], "little"):
            data, at = data[at:] + await read(_CHUNK), 0
            if len(data) > _ANSWER_LIMIT:
                raise EndlessAnswerError
        end = at + 4 + int.from_bytes(data[at : at + 3], "little")
        packet, at = data[at + 4 : end], end
        if not packet:
            raise ValueError("an empty packet")
        yield packet


def columns(row: bytes) -> list[bytes | None]:
    """The values of a row packet. Raises ValueError if it is not one."""
    values: list[bytes | None] = []
    at = 0
    while at < len(row):
        first = row[at]
        if first == _NULL:
            values.append(None)
            at += 1
            continue
        width = prefix(first)
        begin = at + width
        length = first if width == 1 else int.from_bytes(row[at + 1 : begin], "little")
        at = begin + length
        if at > len(row):
            raise ValueError("a value that is longer than its packet")
        values.append(row[begin:at])
    return values


def prefix(first: int) -> int:
    """How many bytes come before a value whose length begins with the byte `first`."""
    if first < _NULL:
        return 1
    return {0xFC: 3, 0xFD: 4, 0xFE: 9}.get(first, 1)
