"""Step 2 over SFTP against servers that mean no good."""

import stat
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.files import played
from tests.files.conftest import listed
from tests.files.played import FOLDER, Node, PlayedSftp
from tests.files.sftp.conftest import Against
from tests.files.sftp.trees import APP, application, content, files_of, reasons
from tuibackup.errors import VaultError
from tuibackup.files.contract import GREW
from tuibackup.files.sftp import fetch, inventory
from tuibackup.remote import sftp


@pytest.mark.parametrize(
    "name", [b"..", b".", b"", b"a/b", b"../../etc/passwd", b"/etc/passwd", b"nul\0", b"n" * 5000]
)
async def test_names_that_lead_elsewhere(against: Against, name: bytes) -> None:
    tree = application(3)
    server = PlayedSftp(tree)
    sent = False

    def listing(path: bytes) -> Any:
        nonlocal sent
        if path != APP or sent:
            return NotImplemented
        sent = True
        return played.names((name, Node(content=b"evil")), (b"good", Node()))

    server.hooks = {played.READDIR: listing}
    async with against.bench(server) as bench:
        _, incoming = await bench.fetch(bench.server(Path("/srv/app")))
    assert listed(incoming) == {APP, APP + b"/sub"} | {APP + b"/sub/file%03d" % number for number in range(3)}
    assert bool(bench.told.findings) is True
    assert not (against.place / "etc").exists()


@pytest.mark.parametrize("target", [b"", b"nul\0", b"/etc/passwd", b"../" * 30])
async def test_links_lead_nowhere_here(against: Against, target: bytes) -> None:
    tree = application(3)
    tree[APP + b"/link"] = Node(stat.S_IFLNK | 0o777, content=target)
    async with against.bench(PlayedSftp(tree)) as bench:
        _, incoming = await bench.fetch(bench.server(Path("/srv/app")))
    kept = APP + b"/link" in listed(incoming)
    assert kept is (b"\0" not in target and target != b"")


@pytest.mark.long
async def test_a_listing_without_end(against: Against, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MOST", 30_000)
    server = PlayedSftp(application(3))
    count = 0

    def listing(path: bytes) -> Any:
        nonlocal count
        count += 1
        return played.names(*((b"%d-%d" % (count, number), Node()) for number in range(100)))

    server.hooks = {played.READDIR: listing}
    assert await against.fails(server) == "siakad: lists more than 30000 names in one folder"


@pytest.mark.parametrize("name", [b".", b"..", b"a/b", b"same"])
async def test_a_listing_without_end_that_holds_nothing(
    against: Against, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    monkeypatch.setattr(inventory, "MOST", 5_000)
    server = PlayedSftp(application(3))
    server.hooks = {played.READDIR: lambda path: played.names(*[(name, Node())] * 100)}
    assert await against.fails(server) == "siakad: lists more than 5000 names in one folder"


async def test_folders_in_folders_without_end(against: Against) -> None:
    """Paths have a length at which a server's kernel takes them no more, whatever the server says."""
    server = PlayedSftp({APP: FOLDER})
    server.hooks = {
        played.OPENDIR: lambda path: (played.HANDLE, played.string(b"x")),
        played.READDIR: lambda path: NotImplemented,
    }
    position: dict[bytes, bool] = {}

    def answer(kind: int, body: bytes, state: dict[bytes, Any]) -> Any:
        subject = body[4 : 4 + struct.unpack_from(">I", body)[0]]
        if kind == played.OPENDIR:
            number = b"%d" % len(position)
            position[number] = True
            return played.HANDLE, played.string(number)
        if kind == played.READDIR:
            fresh, position[subject] = position.get(subject, False), False
            return played.names((b"d" * 100, FOLDER)) if fresh else played.status(played.EOF)
        if kind == played.CLOSE:
            return played.status(played.OK)
        return PlayedSftp.answer(server, kind, body, state)

    server.answer = answer  # type: ignore[method-assign]
    async with against.bench(server) as bench:
        await bench.fetch(bench.server(Path("/srv/app")))
    assert any("too long" in finding.reason for finding in bench.told.findings)


async def test_more_folders_beside_each_other_than_fit(
    against: Against, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "_WAITING", 500)
    tree = application(1)
    tree |= {APP + b"/%d" % number: FOLDER for number in range(600)}
    assert "has more than 500 folders side by side" in await against.fails(PlayedSftp(tree))


async def test_a_size_that_no_disk_holds(against: Against) -> None:
    tree = application(3)
    tree[APP + b"/small"] = Node(content=b"x", size=1 << 45)
    async with against.bench(PlayedSftp(tree)) as bench:
        with pytest.raises(VaultError, match=r"siakad: needs about 32 TiB in the vault"):
            await bench.fetch(bench.server(Path("/srv/app")))


async def test_sizes_that_lie(against: Against) -> None:
    tree = application(3)
    tree[APP + b"/small"] = Node(content=b"x", size=1 << 30)
    bench, _, target = await against.restored(PlayedSftp(tree))
    assert reasons(bench) == {"small": fetch.SHRANK}
    assert content(target) == files_of(application(3))


async def test_a_size_that_explodes_after_the_listing(against: Against) -> None:
    tree = application(3)
    server = PlayedSftp(tree)
    server.hooks = {
        played.LSTAT: lambda path: (played.ATTRS, Node(size=1 << 50).attributes()),
    }
    async with against.bench(server) as bench:
        result, _ = await bench.fetch(bench.server(Path("/srv/app")))
    assert {one.reason for one in result.findings[:3]} == {GREW.format(before="100 B", now="1.0 PiB")}
    assert not result.whole


HUGE = struct.pack(">I", 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (played.READ, lambda *_: (played.DATA, played.string(bytes(1 << 20)))),
        (played.READ, lambda *_: (played.DATA, HUGE)),
        (played.READ, lambda *_: (played.ATTRS, Node().attributes())),
        (played.READ, lambda *_: played.status(played.OK)),
        (played.READ, lambda *_: b"\xff" * 100),
        (played.READ, lambda *_: struct.pack(">IBI", 9, played.DATA, 0xFFFFFFF0) + played.string(b"")),
        (played.OPEN, lambda *_: (played.HANDLE, played.string(b"h" * 1000))),
        (played.LSTAT, lambda *_: (played.ATTRS, b"\xff\xff\xff\xff")),
        (played.LSTAT, lambda *_: (played.ATTRS, struct.pack(">II", 1 << 31, 0xFFFFFFFF))),
        (played.OPENDIR, lambda *_: (played.HANDLE, b"")),
        (played.READDIR, lambda *_: (played.NAME, HUGE)),
        (played.READDIR, lambda *_: (played.NAME, struct.pack(">I", 1) + string_cut())),
        (played.READDIR, lambda *_: struct.pack(">I", 0x7FFFFFFF) + bytes(100)),
        (played.REALPATH, lambda *_: played.names()),
        (played.STAT, lambda *_: (played.STATUS, b"")),
    ],
)
async def test_nonsense_ends_the_step_in_one_line(
    against: Against, kind: int, said: Callable[..., Any]
) -> None:
    server = PlayedSftp(application(3), hooks={kind: said})
    assert await against.fails(server) == "siakad: SFTP: the server's answer cannot be understood"


def string_cut() -> bytes:
    return struct.pack(">I", 100) + b"short"


async def test_another_version_or_no_sftp_at_all(against: Against) -> None:
    server = PlayedSftp(application(3), version=struct.pack(">I", 6))
    assert (
        "and SFTP cannot be opened: the server's answer cannot be understood at once"
        in await against.fails(server)
    )


@pytest.mark.parametrize(
    "kind", [played.STAT, played.OPENDIR, played.READDIR, played.OPEN, played.READ, played.FSTAT]
)
async def test_a_server_that_never_answers(
    against: Against, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    monkeypatch.setattr(sftp, "SILENCE", 0.4)
    server = PlayedSftp(application(3), hooks={kind: lambda *_: None})
    assert await against.fails(server) == "siakad: SFTP: the server sent nothing for 0:00"


@pytest.mark.long
async def test_memory_stays_bounded_whatever_comes(against: Against, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names without end, in answers as long as are taken."""
    monkeypatch.setattr(inventory, "MOST", 24_000)
    server = PlayedSftp(application(3))
    listing = played.names(*((b"a/%d" % number, Node()) for number in range(3_000)))
    server.hooks = {played.READDIR: lambda path: listing}
    tracemalloc.start()
    try:
        await against.fails(server)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20
