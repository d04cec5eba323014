"""Answers that are lies from first to last, and the words of the line that each must end step 2 with.

All are told by a server that claims to hold `GOOD` in `FOLDER`.
"""

import os

import zstandard

from tests.adversary import END, TOP, Play, Talk, Thing, header, honest, member, padded, pax

FOLDER = b"/srv/app"
GOOD = [Thing(b"a", content=b"first"), Thing(b"b", content=b"second" * 1000)]


async def asked(talk: Talk) -> None:
    """tar waits for the first names: who answers before is refused for that alone."""
    if "-T" in talk.script and "tar" in talk.script:
        await talk.read()


def playing(*parts: bytes, status: int = 0, then: str = "") -> Play:
    """A command that says `parts` and ends, or (`then`) hangs or cuts the connection."""

    async def play(talk: Talk) -> None:
        await asked(talk)
        for part in parts:
            await talk.write(part)
        if then == "hang":
            await talk.hang()
        if then == "cut":
            talk.cut()
        talk.exit(status)

    return play


def endless(*begin: bytes, piece: bytes = bytes(1 << 16)) -> Play:
    async def play(talk: Talk) -> None:
        await asked(talk)
        for part in begin:
            await talk.write(part)
        while True:
            await talk.write(piece)

    return play


A = member(b"./a", GOOD[0].content)
HUGE = 1 << 62
BOMB = zstandard.ZstdCompressor(level=3).compress(bytes(64 << 20))

# Where one file is not believed, or a stream is cut off, the rest is asked for again: it says the same again.
LIES: dict[str, tuple[dict[str, Play], str]] = {
    "a member never asked for": ({"tar": playing(member(b"/etc/passwd", b"x"), END)}, "was not asked for"),
    "the same member twice": ({"tar": playing(A, A, END)}, "was not asked for"),
    "the wrong order": ({"tar": playing(member(b"./b", b"x"), A, END)}, "was not asked for"),
    "a member that leads outside": ({"tar": playing(member(b"./../../a", b"x"), END)}, "was not asked for"),
    "a file of 2^62 bytes": ({"tar": endless(header(b"./a", HUGE))}, "was not asked for"),
    "a size of 2^63": ({"tar": endless(header(b"./a", 1 << 63))}, "no number where one belongs"),
    "a negative size": ({"tar": endless(header(b"./a", b"\xff" * 12))}, "no number where one belongs"),
    "a size with a sign": ({"tar": endless(header(b"./a", b"-0000000001\0"))}, "no number where one belongs"),
    "a pax header of gigabytes": (
        {"tar": endless(header(b"./a", 8 << 30, b"x"))},
        "sent a header of 8,589,934,592 bytes",
    ),
    "pax headers without end": ({"tar": endless(piece=pax({b"path": b"./a"}) * 99)}, "sent headers without end"),
    "global headers without end": ({"tar": endless(piece=pax({b"path": b"./a"}, b"g") * 99)}, "headers without end"),
    "a name of gigabytes": ({"tar": endless(header(b"./a", 8 << 30, b"L"))}, "sent a header of"),
    "a hole of 2^62 bytes": (
        {
            "tar": playing(
                pax({b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": b"./a",
                     b"GNU.sparse.realsize": b"%d" % HUGE}),
                header(b"x", 512), padded(b"0\n"), END,
            )
        },
        "was not asked for",
    ),
    "zeros after the end": ({"tar": endless(A, END)}, "goes on after its end marker"),
    "data after the end": ({"tar": endless(A, END, piece=b"more" * 9999)}, "goes on after its end marker"),
    "nothing at all": ({"tar": playing()}, "ended its stream too early"),
    "half a header": ({"tar": playing(A, A[:100])}, "was not asked for"),
    "garbage for a stream": ({"tar": endless(piece=os.urandom(1 << 16))}, "damaged"),
    "text for a stream": ({"tar": playing(b"Last login: yesterday\n" * 1000)}, "damaged"),
    "a bomb behind the end": (
        {"probe": honest, "tar": endless(zstandard.compress(A + END), piece=BOMB)},
        "stream goes on after its end",
    ),
    "a bomb in a header": (
        {"probe": honest, "tar": endless(zstandard.compress(header(b"./a", 8 << 30, b"x")), piece=BOMB)},
        "sent a header of",
    ),
    "a zstd window of gigabytes": (
        {"probe": honest, "tar": playing(b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\0\0x" * 100)},
        "zstd stream is damaged",
    ),
    "garbage for zstd": ({"probe": honest, "tar": endless(piece=os.urandom(1 << 16))}, "zstd stream is damaged"),
    "a listing without end of records": ({"find": endless(piece=b"x" * 65536)}, "a record without end"),
    "garbage for a listing": ({"find": endless(piece=os.urandom(65536))}, "sent a record"),
    "garbage for a packed listing": (
        {"probe": honest, "find": endless(piece=os.urandom(1 << 16))},
        "zstd stream is damaged",
    ),
    "a packed listing cut short": (
        {"probe": honest, "find": playing(zstandard.compress(TOP.record(b""))[:-3])},
        "zstd stream was cut off",
    ),
    "a packed listing that goes on": (
        {"probe": honest, "find": endless(zstandard.compress(TOP.record(b"")))},
        "goes on after its end",
    ),
    "a bomb for a listing": (
        {"probe": honest, "find": endless(piece=zstandard.compress(b"x" * (64 << 20)))},
        "a record without end",
    ),
    "a listing cut short": ({"find": playing(TOP.record(b"")[:-3])}, "cut off in the middle"),
    "a find that fails": ({"find": playing(status=127)}, "find exited with 127"),
    "a mode that is none": ({"find": playing(TOP.record(b""), b"f 99 0 0\0\0\0\0\0")}, "cannot be read"),
    "a clock of 5000 digits": ({"look": playing(b"9" * 5000 + b"\n" + FOLDER + b"\0")}, "cannot be understood"),
    "a clock of 2^64": ({"look": playing(b"%d\n" % (1 << 64) + FOLDER + b"\0")}, "cannot be understood"),
    "a clock of words": ({"look": playing(b"yesterday\n" + FOLDER + b"\0")}, "cannot be understood"),
    "more folders than asked for": ({"look": playing(b"1\n" + b"x\0" * 10)}, "cannot be understood"),
    "an endless look": ({"look": endless(piece=b"9" * 65536)}, "said more than"),
    "a second look at others": ({"again": playing(b"f 5 1 1\0/etc/passwd\0")}, "was not asked for"),
    "a second look without end": ({"again": endless(piece=b"x" * 65536)}, "cannot be understood"),
    "a second look that fails": ({"again": playing(status=9)}, "its command exited with 9"),
    "a probe without end": ({"probe": endless(piece=b"find GNU\n" * 9000)}, "SFTP cannot be opened"),
    "garbage for a probe": ({"probe": playing(os.urandom(1 << 16))}, "SFTP cannot be opened"),
}  # fmt: skip
