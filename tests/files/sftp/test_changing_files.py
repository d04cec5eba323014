"""Step 2 over SFTP against a server that a test plays: files that change under us."""

import stat
import time
from typing import Any

import pytest

from tests.files import played
from tests.files.played import OLD, Node, PlayedSftp
from tests.files.sftp.conftest import Against
from tests.files.sftp.trees import APP, BALLAST, application, content, files_of, reasons
from tuibackup.files import second_try
from tuibackup.files.contract import NO_FILE
from tuibackup.files.sftp import answers, fetch
from tuibackup.files.shell import complaints
from tuibackup.sop import Outcome


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
