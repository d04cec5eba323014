"""What must hold of every parser that reads a server's answers, for any bytes: an answer, or its own clear error.

`TARGETS` take bytes and raise nothing else; `SEEDS` are honest answers to begin with. tests/files/test_fuzz.py asks
hypothesis for some, `scripts/fuzz MINUTES` mutates for as long as wanted.
"""

import contextlib
import gzip as packing
import random
import sys
import time
from collections.abc import Callable, Iterable

import zstandard

from tests.adversary import END, TOP, Thing, member, pax
from tuibackup.files.shell import complaints
from tuibackup.files.shell.listing import Listing, ListingError
from tuibackup.files.shell.tarstream import StreamError, TarStream
from tuibackup.remote.unpack import UnpackError, unpacked
from tuibackup.text import printable
from tuibackup.vault.archive import acl, tarheader

PIECE = 700


def pieces(data: bytes) -> Callable[[], bytes]:
    """`data` as a connection brings it."""
    parts = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    return lambda: next(parts, b"")


def tar(data: bytes, packed: str = "") -> None:
    """Members have names, and content of exactly the size that they claim."""
    stream = TarStream(unpacked(pieces(data), packed))
    with contextlib.suppress(StreamError, UnpackError):
        while (found := stream.next()) is not None:
            assert found.name
            assert b"\0" not in found.name
            assert 0 <= found.size < 1 << 63
            if found.size < 1 << 22:
                assert sum(len(part) for part in stream.content()) == found.size


def zstd(data: bytes) -> None:
    tar(data, "zstd")


def gzip(data: bytes) -> None:
    tar(data, "gzip")


def listing(data: bytes) -> None:
    """Entries can be put into a tar header, whatever is in them."""
    parser = Listing()
    with contextlib.suppress(ListingError):
        for at in range(0, len(data), PIECE):
            for entry in parser.feed(data[at : at + PIECE]):
                assert b"\0" not in entry.path
                if 0 <= entry.size < 1 << 63 and 0 <= entry.uid < 1 << 63 and 0 <= entry.gid < 1 << 63:
                    assert len(tarheader.header(entry.path or b".", entry)) % 512 == 0
        parser.close()
    assert parser.allocated >= 0


def complaint(data: bytes) -> None:
    """Every line gives a sentence that a terminal can show, or nothing."""
    for line in data.splitlines():
        for said in (complaints.from_find(line), complaints.from_tar(line)):
            if said is not None:
                assert said.reason
                assert printable(said.reason) == said.reason


def access_list(data: bytes) -> None:
    with contextlib.suppress(ValueError, KeyError):
        acl.encode(data)


_THINGS = [
    Thing(b"d", b"d"),
    Thing(b"d/f", content=b"x" * 900),
    Thing(b"l", b"l", target=b"/etc"),
    Thing(b"n" * 255),
]
_SPARSE = {
    b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": b"./s", b"GNU.sparse.realsize": b"9000",
}  # fmt: skip
_TAR = b"".join(
    [
        member(b"./a", b"x" * 700, {b"SCHILY.xattr.user.a": b"1\n2", b"size": b"700"}),
        member(b"./" + b"n" * 200, b"y"),
        pax({b"path": b"./g"}, b"g"),
        member(b"s", b"2\n0\n3\n8000\n5\n".ljust(512, b"\0") + b"headtail", _SPARSE),
        END,
    ]
)
SEEDS: dict[str, list[bytes]] = {
    "tar": [_TAR],
    "zstd": [zstandard.compress(_TAR)],
    "gzip": [packing.compress(_TAR)],
    "listing": [b"".join(thing.record(thing.path) for thing in [TOP, *_THINGS])],
    "complaint": [
        (
            b"find: '/srv/a\\nb': Permission denied\ntar: ./a: File shrank by 5 bytes; padding with zeros\n"
            b"tar: ./x: Cannot open: No such file or directory\nsudo: a password is required\n"
        )
    ],
    "access_list": [b"user::rw-,user:www-data:r-x,group::r-x,mask::r--,other::r--", b"u:33:rwx\ng:x:r:5\n"],
}
TARGETS: dict[str, Callable[[bytes], None]] = {
    "tar": tar, "zstd": zstd, "gzip": gzip, "listing": listing, "complaint": complaint, "access_list": access_list,
}  # fmt: skip


def mutated(seed: bytes, chance: random.Random, others: Iterable[bytes]) -> bytes:
    """`seed` with a few changes that parsers are known to stumble over."""
    data = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(8)
        if kind == 0 and data:
            data[min(at, len(data) - 1)] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.choice([1, 4, 512, 2000])]
        elif kind == 2:
            data[at:at] = chance.choice(
                [b"\0", b"\xff", b"9" * 30, b"-1", b"1e9", b"\n", b" ", b"=", b"\xc2\xb2", b"_"]
            )
        elif kind == 3:
            data[at:at] = data[at : at + chance.choice([3, 100, 512, 1024])]
        elif kind == 4:
            data[at:] = data[at + chance.randrange(600) :]
        elif kind == 5:
            data[at : at + 8] = chance.choice(
                [bytes(8), b"\x80" + b"\xff" * 7, b"77777777", b"99999999", b"00000000"]
            )
        elif kind == 6:
            data[at:at] = chance.choice(list(others))[: chance.randrange(2000)]
        else:
            data[at : at + 4] = chance.randbytes(4)
        block = at // 512 * 512
        if chance.random() < 0.7 and len(data) >= block + 512 and data[block + 257 : block + 262] == b"ustar":
            data[block + 148 : block + 156] = b" " * 8  # so that it is not the checksum that refuses it
            data[block + 148 : block + 156] = b"%06o\0 " % sum(data[block : block + 512])
    return bytes(data)


def main() -> None:
    """Mutate for the given minutes; the seed of a failure is printed."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    until = time.monotonic() + 60 * minutes
    number = random.randrange(1 << 40)
    counts = dict.fromkeys(TARGETS, 0)
    slowest = 0.0
    while time.monotonic() < until:
        number += 1
        chance = random.Random(number)
        name = chance.choice(list(TARGETS))
        data = mutated(
            chance.choice(SEEDS[name]), chance, [seed for seeds in SEEDS.values() for seed in seeds]
        )
        began = time.monotonic()
        try:
            TARGETS[name](data)
        except BaseException:
            print(f"seed {number}, {name}: {data!r}")
            raise
        slowest = max(slowest, time.monotonic() - began)
        counts[name] += 1
    told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    print(f"{sum(counts.values()):,} inputs without a fault ({told}); the slowest took {slowest:.2f} s")


if __name__ == "__main__":
    main()
