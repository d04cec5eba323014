"""Step 2 over SFTP against a server that a test plays: files that change under us, and servers that mean no good."""

import getpass
import os
import stat
import struct
import time
import tracemalloc
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.files import played
from tests.files.conftest import Bench, listed
from tests.files.played import FOLDER, OLD, Node, PlayedSftp
from tuibackup.errors import DownloadError, RemoteCommandError, TuibackupError, VaultError
from tuibackup.files import second_try
from tuibackup.files.contract import GREW, NO_FILE, OTHER_FILESYSTEM
from tuibackup.files.sftp import answers, fetch, inventory
from tuibackup.files.shell import complaints
from tuibackup.remote import sftp
from tuibackup.sop import Clock, Outcome
from tuibackup.vault.index.read import Index
from tuibackup.vault.index.rows import Rows
from tuibackup.vault.layout import Vault

APP = b"/srv/app"


def application(files: int = 20) -> dict[bytes, Node]:
    tree = {APP: FOLDER, APP + b"/sub": FOLDER}
    tree |= {APP + b"/sub/file%03d" % number: Node(content=b"%d" % number * 100) for number in range(files)}
    return tree


BALLAST = {APP + b"/ballast": Node(content=bytes(1000) * 6_000)}  # so that the rest is less than half


def reasons(bench: Bench) -> dict[str, str]:
    """Of files, whatever is said of the folder as a whole."""
    return {name: reason for name, reason in bench.told.reasons.items() if name != "app"}


class Against:
    """Downloads from a played server into a vault."""

    def __init__(self, place: Path, vault: Vault) -> None:
        self.place = place
        self.vault = vault

    @asynccontextmanager
    async def bench(self, server: PlayedSftp) -> Any:
        async with server.served(self.place):
            yield Bench(self.place, self.vault, server)  # type: ignore[arg-type]

    async def restored(self, server: PlayedSftp, **settings: Any) -> tuple[Bench, Any, Path]:
        async with self.bench(server) as bench:
            result, target = await bench.restored(bench.server(Path("/srv/app"), **settings))
            return bench, result, target / "srv/app"

    async def fails(self, server: PlayedSftp) -> str:
        async with self.bench(server) as bench:
            with pytest.raises(TuibackupError) as caught:
                await bench.fetch(bench.server(Path("/srv/app")))
            assert isinstance(caught.value, DownloadError | RemoteCommandError)
            return str(caught.value)


@pytest.fixture
def against(place: Path, vault: Vault) -> Against:
    return Against(place, vault)


def content(target: Path) -> dict[bytes, bytes]:
    found = {}
    for folder, _, files in os.walk(os.fsencode(target)):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                found[APP + os.path.join(folder, name).removeprefix(os.fsencode(target))] = file.read()
    return found


def files_of(tree: dict[bytes, Node]) -> dict[bytes, bytes]:
    return {path: node.content for path, node in tree.items() if stat.S_ISREG(node.mode)}


async def test_an_honest_tree(against: Against) -> None:
    tree = application(250)
    tree[APP + b"/large"] = Node(content=os.urandom(3_000_000))
    tree[APP + b"/empty"] = Node()
    bench, result, target = await against.restored(PlayedSftp(tree))
    assert bench.told.findings == []
    assert (result.outcome, result.whole) == (Outcome.DONE, True)
    assert content(target) == files_of(tree)
    assert {int(path.stat().st_mtime) for path in target.rglob("*")} == {OLD}


async def test_answers_in_any_order(against: Against) -> None:
    tree = application(400)
    tree[APP + b"/large"] = Node(content=os.urandom(3_000_000))
    bench, _, target = await against.restored(PlayedSftp(tree, longest_read=20_000, shuffled=True))
    assert bench.told.findings == []
    assert content(target) == files_of(tree)


async def test_the_last_names_after_the_end_of_the_listing(against: Against) -> None:
    """As a server may answer that works on several requests at once."""
    tree = application(3)
    server = PlayedSftp(tree)
    asked = 0

    def listing(path: bytes) -> Any:
        nonlocal asked
        if path != APP + b"/sub":
            return NotImplemented
        asked += 1
        return played.status(played.EOF) if asked == 1 else NotImplemented

    server.hooks = {played.READDIR: listing}
    _, _, target = await against.restored(server)
    assert content(target) == files_of(tree)


@pytest.mark.parametrize("longest", [1000, 40_000])
async def test_a_server_that_gives_less_at_a_time_than_was_asked_for(against: Against, longest: int) -> None:
    tree = application(3)
    tree[APP + b"/large"] = Node(content=os.urandom(1_500_000))
    bench, _, target = await against.restored(PlayedSftp(tree, longest_read=longest))
    assert bench.told.findings == []
    assert content(target) == files_of(tree)


@pytest.mark.parametrize("ahead", [True, False])
async def test_another_file_system_is_not_entered(
    against: Against, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    if not ahead:
        monkeypatch.setattr(inventory, "_AHEAD", 0)
    tree = application(3)
    tree |= {APP + b"/mounted": FOLDER, APP + b"/mounted/there": Node(content=b"x")}
    server = PlayedSftp(tree, filesystems={APP: 7, APP + b"/mounted": 8})
    async with against.bench(server) as bench:
        result, incoming = await bench.fetch(bench.server(Path("/srv/app")))
    assert bench.told.reasons == {"mounted": OTHER_FILESYSTEM}
    assert result.outcome is Outcome.WARNINGS
    assert APP + b"/mounted" in listed(incoming)
    assert APP + b"/mounted/there" not in listed(incoming)


@pytest.mark.parametrize("ahead", [0, 3, 1_000])
async def test_folders_of_all_sizes_come_depth_first(
    against: Against, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """However much is listed ahead: the index would have to keep all folders in memory otherwise."""
    monkeypatch.setattr(inventory, "_AHEAD_NAMES", ahead)

    def remembered(*_: object) -> None:
        raise AssertionError("not depth first")

    monkeypatch.setattr(Rows, "_remembered", remembered)
    tree = {APP: FOLDER}
    for one in range(7):
        tree[APP + b"/%d" % one] = FOLDER
        for two in range(one * 20):
            tree[APP + b"/%d/file%d" % (one, two)] = Node()
            if two % 20 == 0:
                tree[APP + b"/%d/%d" % (one, two)] = FOLDER
                tree[APP + b"/%d/%d/link" % (one, two)] = Node(stat.S_IFLNK | 0o777, content=b"x")
                tree[APP + b"/%d/%d/deep" % (one, two)] = FOLDER
                tree[APP + b"/%d/%d/deep/file" % (one, two)] = Node(content=b"deep")
    async with against.bench(PlayedSftp(tree)) as bench:
        _, incoming = await bench.fetch(bench.server(Path("/srv/app")))
    assert bench.told.findings == []
    assert listed(incoming) == set(tree)


async def test_attributes_that_are_left_out_are_asked_for(against: Against) -> None:
    tree = application(3)
    server = PlayedSftp(tree)
    untold = APP + b"/sub/file001"
    nothing = struct.pack(">I", 0)

    def listing(path: bytes) -> Any:
        if path != APP + b"/sub":
            return NotImplemented
        if (played.READDIR, path) in server.asked[:-1]:
            return played.status(played.EOF)
        names = [path.rpartition(b"/")[2] for path in tree if path.startswith(APP + b"/sub/")]
        entries = b"".join(played.string(name) + played.string(b"") + nothing for name in names)
        return played.NAME, struct.pack(">I", len(names)) + entries

    def look(path: bytes) -> Any:
        return (played.ATTRS, nothing) if path == untold else NotImplemented

    server.hooks = {played.READDIR: listing, played.LSTAT: look}
    async with against.bench(server) as bench:
        _, incoming = await bench.fetch(bench.server(Path("/srv/app")))
    assert bench.told.reasons["file001"] == inventory.UNTOLD
    assert set(tree) - {untold} == listed(incoming)


@pytest.mark.parametrize(
    "tools",
    [{"shell": False}, {"tar": None}, {"tar": "bsdtar"}, {"find": "bsd"}, {"find": "busybox", "stat": None}],
)
async def test_servers_whose_tools_are_none_of_ours_are_read_over_sftp(
    bench: Bench, place: Path, tools: dict[str, Any]
) -> None:
    """A real server, of which the probe found something else."""
    (place / "source").mkdir()
    (place / "source/file").write_text("content")
    result, target = await bench.restored(bench.server(place / "source"), tools=tools)
    assert "hard links" in result.limits
    snapshot = bench.vault.latest("siakad", Clock.FILES)
    assert snapshot is not None
    with Index(snapshot.path / "index.sqlite") as index:
        assert {entry.entry.user for entry in index.walk()} == {os.fsencode(getpass.getuser())}
    assert (target / str(place)[1:] / "source/file").read_text() == "content"


@dataclass
class AsyncsshServer:
    """asyncssh's SFTP server, which answers as it comes, over this machine's own files."""

    client_key: Path
    port: int
    known_hosts_lines: list[str]
    host: str = "127.0.0.1"
    user: str = "played"


async def test_another_implementation_of_sftp(place: Path, vault: Vault) -> None:
    source = place / "source"
    for number in range(300):
        folder = source / f"{number % 7}/{number % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file{number}").write_bytes(b"x" * number)
    (source / "large").write_bytes(os.urandom(3_000_000))
    os.mkfifo(source / "fifo")
    (source / "link").symlink_to("nowhere")
    (source / os.fsdecode(b"odd \xff\n")).write_text("odd")
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    client_key.write_private_key(place / "key")
    client_key.write_public_key(place / "allowed")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(place / "allowed"),
        sftp_factory=True,
        allow_scp=False,
    )
    async with server:
        known = f"[127.0.0.1]:{server.get_port()} {host_key.export_public_key().decode().strip()}"
        bench = Bench(place, vault, AsyncsshServer(place / "key", server.get_port(), [known]))  # type: ignore[arg-type]
        result, target = await bench.restored(bench.server(source))
    assert bench.told.findings == []
    assert result.files == 302
    copy = target / str(source)[1:]
    assert {path.relative_to(copy) for path in copy.rglob("*")} == {
        path.relative_to(source) for path in source.rglob("*")
    }
    for path in source.rglob("*"):
        if path.is_file():
            assert (copy / path.relative_to(source)).read_bytes() == path.read_bytes()


# files that are not what they were


@pytest.mark.parametrize("size", [2_000, 2_000_000])
async def test_what_becomes_of_a_file_between_list_and_opening(against: Against, size: int) -> None:
    """It vanishes, becomes a link, a FIFO, or unreadable: listed, never opened, the rest is whole."""
    tree = application(5)
    gone, link, fifo, closed = (APP + b"/" + name for name in (b"gone", b"link", b"fifo", b"closed"))
    for path in (gone, link, fifo, closed):
        tree[path] = Node(content=bytes(size))
    server = PlayedSftp(tree)

    def look(path: bytes) -> Any:
        # the fetch has begun
        if path == link:
            return played.ATTRS, Node(stat.S_IFLNK | 0o777).attributes()
        if path == fifo:
            return played.ATTRS, Node(stat.S_IFIFO | 0o600).attributes()
        return played.status(played.NO_SUCH_FILE) if path == gone else NotImplemented

    def opening(path: bytes) -> Any:
        return played.status(played.DENIED) if path == closed else NotImplemented

    server.hooks = {played.LSTAT: look, played.OPEN: opening}
    bench, result, target = await against.restored(server)
    assert reasons(bench) == {
        "gone": complaints.VANISHED,
        "link": NO_FILE,
        "fifo": NO_FILE,
        "closed": answers.UNREADABLE,
    }
    assert result.outcome is Outcome.WARNINGS
    assert not {(played.OPEN, path) for path in (gone, link, fifo)} & set(server.asked)
    assert content(target) == files_of(application(5))


@pytest.mark.parametrize("size", [2_000, 2_000_000])
@pytest.mark.parametrize("now", [500, 3_000, 2_500_000])
async def test_a_file_that_changes_once_while_it_is_read_is_fetched_again(
    against: Against, size: int, now: int
) -> None:
    tree = application(5) | BALLAST
    busy = APP + b"/busy"
    tree[busy] = Node(content=b"1" * size)
    server = PlayedSftp(tree)

    def reading(path: bytes, offset: int, length: int) -> Any:
        if path == busy and tree[busy].mtime == OLD:
            server.replace(busy, content=b"2" * now, mtime=OLD + 5)
        return NotImplemented

    server.hooks = {played.READ: reading}
    bench, result, target = await against.restored(server)
    assert bench.told.findings == []
    assert result.outcome is Outcome.DONE
    assert content(target) == files_of(tree)


@pytest.mark.parametrize("size", [2_000, 2_000_000])
async def test_a_change_that_leaves_size_and_second_as_they_were_is_not_stored_half(
    against: Against, size: int
) -> None:
    """Nothing that SFTP tells would show it: what was stored was torn, and green."""
    busy = APP + b"/busy"
    tree = application(5) | {busy: Node(content=b"1" * size, mtime=int(time.time()))}
    server = PlayedSftp(tree)

    def reading(path: bytes, offset: int, length: int) -> Any:
        if path != busy or tree[busy].content[:1] == b"2":
            return NotImplemented
        half = tree[busy].content[offset : offset + length]
        server.replace(busy, content=b"2" * size)  # in the same second
        return played.DATA, played.string(half)

    server.hooks = {played.READ: reading}
    bench, result, target = await against.restored(server)
    assert bench.told.findings == []
    assert result.outcome is Outcome.DONE
    assert (target / "busy").read_bytes() == b"2" * size


@pytest.mark.parametrize("size", [2_000, 2_000_000])
async def test_a_file_that_never_rests_is_stored_and_listed(against: Against, size: int) -> None:
    tree = application(5) | BALLAST
    busy = APP + b"/busy"
    tree[busy] = Node(content=b"1" * size)
    server = PlayedSftp(tree)

    def reading(path: bytes, offset: int, length: int) -> Any:
        if path == busy:
            server.replace(busy, mtime=tree[busy].mtime + 1)
        return NotImplemented

    server.hooks = {played.READ: reading}
    bench, result, target = await against.restored(server)
    assert reasons(bench) == {"busy": second_try.CHANGED}
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    assert content(target) == files_of(tree)


async def test_a_large_file_that_shrinks_each_time_is_listed(against: Against) -> None:
    """It is never filled up with what was not there."""
    tree = application(5)
    busy = APP + b"/busy"
    tree[busy] = Node(content=bytes(3_000_000), size=4_000_000)
    bench, result, target = await against.restored(PlayedSftp(tree))
    assert reasons(bench) == {"busy": fetch.SHRANK}
    assert result.outcome is Outcome.WARNINGS
    assert content(target) == files_of(application(5))


@pytest.mark.parametrize("size", [2_000, 2_000_000])
async def test_a_file_that_cannot_be_read_to_its_end_is_listed(
    against: Against, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(fetch, "_HELD", 200_000)  # each that fails gives back what it held
    tree = application(5)
    broken = [APP + b"/broken%d" % number for number in range(20)]
    for path in broken:
        tree[path] = Node(content=bytes(size) if size < 9000 else b"", size=size)
    server = PlayedSftp(tree)

    def reading(path: bytes, offset: int, length: int) -> Any:
        if path not in broken:
            return NotImplemented
        if offset + length < size:
            return played.DATA, played.string(bytes(length))
        return played.status(played.FAILURE)

    server.hooks = {played.READ: reading}
    bench, _, target = await against.restored(server)
    assert reasons(bench) == {path.decode().rpartition("/")[2]: "cannot be read: so it is" for path in broken}
    assert content(target) == files_of(application(5))


# what a server may not do


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
    assert {one.reason for one in result.findings[:3]} == {GREW.format("100 B", "1.0 PiB")}
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


async def test_limits_are_in_the_snapshot(against: Against) -> None:
    _, result, _ = await against.restored(PlayedSftp(application(3)))
    assert "hard links" in result.limits
    snapshot = against.vault.latest("siakad", Clock.FILES)
    assert snapshot is not None
    with Index(snapshot.path / "index.sqlite") as index:
        assert {entry.entry.ctime_ns for entry in index.walk()} == {0}
