"""Step 2 over SFTP: what is on the server comes back exactly, however the server words it."""

import getpass
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.files import played
from tests.files.conftest import Bench, listed
from tests.files.played import FOLDER, OLD, Node, PlayedSftp
from tests.files.sftp.conftest import Against
from tests.files.sftp.trees import APP, application, content, files_of
from tuibackup.files.contract import OTHER_FILESYSTEM
from tuibackup.files.sftp import inventory
from tuibackup.sop import Clock, Outcome
from tuibackup.vault.index.read import Index
from tuibackup.vault.index.rows import Rows
from tuibackup.vault.layout import Vault


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
@pytest.mark.long
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
@pytest.mark.long
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


async def test_limits_are_in_the_snapshot(against: Against) -> None:
    _, result, _ = await against.restored(PlayedSftp(application(3)))
    assert "hard links" in result.limits
    snapshot = against.vault.latest("siakad", Clock.FILES)
    assert snapshot is not None
    with Index(snapshot.path / "index.sqlite") as index:
        assert {entry.entry.ctime_ns for entry in index.walk()} == {0}
