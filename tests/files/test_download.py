"""Step 2 against a real sshd: what is on the server comes back exactly, and what could not is listed."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.files.conftest import Bench, listed
from tests.files.sources import application, content, deep
from tests.vault import trees
from tuibackup.errors import VaultError
from tuibackup.files.contract import NO_FOLDER
from tuibackup.files.shell import complaints
from tuibackup.sop import Outcome
from tuibackup.vault.index.read import Index


async def test_a_tricky_tree_comes_back_exactly(bench: Bench, tricky: Path) -> None:
    result, target = await bench.restored(bench.server(tricky))
    assert bench.told.findings == []
    assert trees.differences(tricky, target / str(tricky).lstrip("/")) == []
    assert result.outcome is Outcome.DONE
    assert result.whole
    [folder] = result.folders
    assert folder.archives == (result.folders[0].archives[0],)
    assert result.bytes == folder.bytes > 0
    assert result.stored_bytes > 0


@pytest.mark.parametrize("tools", [{"zstd": False}, {"zstd": False, "gzip": False}, {"tar_version": "1.26"}])
async def test_servers_without_packers_or_attributes_are_read_too(
    bench: Bench, place: Path, tools: dict[str, object]
) -> None:
    source = application(place / "source")
    (source / "big").write_bytes(os.urandom(3_000_000))
    _, target = await bench.restored(bench.server(source), tools=tools)
    assert content(target / str(source).lstrip("/")) == content(source)


async def test_long_paths_are_fetched(bench: Bench, place: Path) -> None:
    source = place / "source"
    deep(source)
    result, target = await bench.restored(bench.server(source))
    assert bench.told.findings == []
    assert result.files == 2
    assert trees.differences(source, target / str(source).lstrip("/")) == []


async def test_several_folders_have_an_archive_each(bench: Bench, place: Path) -> None:
    one, two = application(place / "one"), application(place / "two", 3)
    result, target = await bench.restored(bench.server(one, two))
    assert [len(folder.archives) for folder in result.folders] == [1, 1]
    assert result.files == 23
    for source in (one, two):
        assert content(target / str(source).lstrip("/")) == content(source)


async def test_a_folder_that_is_a_symlink_is_followed_and_recorded(bench: Bench, place: Path) -> None:
    source = application(place / "releases/42")
    current = place / "current"
    current.symlink_to("releases/42")
    result, target = await bench.restored(bench.server(current))
    assert result.outcome is Outcome.DONE
    assert result.folders[0].resolved == str(source.resolve())
    assert content(target / str(current).lstrip("/")) == content(source)


async def test_excluded_names_are_not_read(bench: Bench, place: Path) -> None:
    source = application(place / "source", 3)
    (source / "app/cache/deep").mkdir(parents=True)
    (source / "app/cache/deep/x").write_text("x")
    (source / "error.log").write_text("x")
    result, incoming = await bench.fetch(bench.server(source, exclude=("**/cache/**", "*.log")))
    names = {path.removeprefix(os.fsencode(source)) for path in listed(incoming)}
    assert names == {b"", b"/app", b"/app/cache", *(b"/app/file%03d.php" % number for number in range(3))}
    with Index(incoming.path / "index.sqlite") as index:
        assert index.roots[0].excludes == ("**/cache/**", "*.log")
        assert index.roots[0].started_ns > 0
    assert result.outcome is Outcome.DONE


async def test_progress_ends_at_its_totals(bench: Bench, place: Path) -> None:
    source = application(place / "source", 500)
    await bench.fetch(bench.server(source))
    last = bench.told.steps[-1]
    assert (last.items, last.items_total) == (500, 500)
    assert last.bytes == last.bytes_total == sum(len(data) for data in content(source).values())
    assert len(bench.told.steps) < 20, "no more often than some times a second"


# what is not as it should be


async def test_a_missing_folder_is_never_green(bench: Bench, place: Path) -> None:
    source = application(place / "source")
    result, incoming = await bench.fetch(bench.server(source, place / "nowhere"))
    assert result.outcome is Outcome.WARNINGS
    assert not result.whole
    assert [folder.whole for folder in result.folders] == [True, False]
    assert [(finding.reason, finding.mark) for finding in result.findings] == [
        ("is missing on the server", True)
    ]
    assert result.findings == tuple(bench.told.findings)
    assert len(listed(incoming)) == 22, "the other folder is in the snapshot"


@pytest.mark.parametrize("kind", ["file", "dangling", "empty", "only excluded"])
async def test_folders_with_nothing_in_them_are_never_green(bench: Bench, place: Path, kind: str) -> None:
    source = place / "source"
    if kind == "file":
        source.write_text("no folder")
    elif kind == "dangling":
        source.symlink_to("nowhere")
    else:
        (source / "empty").mkdir(parents=True)
        if kind == "only excluded":
            (source / "a.log").write_text("x")
    result, _ = await bench.fetch(bench.server(source, exclude=("*.log",)))
    reason = NO_FOLDER if kind in ("file", "dangling") else "is empty"
    assert [(finding.reason, finding.mark) for finding in result.findings] == [(reason, True)]
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, False)


@pytest.mark.parametrize("lost", ["files", "bytes"])
async def test_a_folder_that_lost_half_is_never_green(bench: Bench, place: Path, lost: str) -> None:
    source = application(place / "source")
    (source / "big").write_bytes(os.urandom(100_000))
    server = bench.server(source)
    first, snapshot = await bench.snapshot(server)
    assert first.whole
    if lost == "files":
        for number in range(12):
            (source / "app" / f"file{number:03}.php").unlink()
    else:
        (source / "big").write_bytes(b"")
    result, _ = await bench.fetch(server, previous=snapshot)
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, False)
    [finding] = result.findings
    assert finding.mark
    assert "has lost half of what it held" in finding.reason


async def test_a_folder_that_grew_is_fine(bench: Bench, place: Path) -> None:
    source = application(place / "source")
    server = bench.server(source)
    _, snapshot = await bench.snapshot(server)
    (source / "more").write_text("more")
    result, _ = await bench.fetch(server, previous=snapshot)
    assert (result.outcome, result.whole) == (Outcome.DONE, True)


async def test_what_may_not_be_read_is_listed_with_the_way_out(humble: Bench, place: Path) -> None:
    source = application(place / "source")
    (source / "secret\n.php").write_text("x")
    (source / "secret\n.php").chmod(0)
    (source / "closed").mkdir()
    (source / "closed/inside").write_text("x")
    (source / "closed").chmod(0)
    result, incoming = await humble.fetch(humble.server(source))
    (source / "closed").chmod(0o700)
    assert humble.told.reasons == {"secret\\x0a.php": complaints.PERMISSION, "closed": complaints.PERMISSION}
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    names = {path.removeprefix(os.fsencode(source)) for path in listed(incoming)}
    assert b"/closed" in names
    assert b"/secret\n.php" not in names
    with Index(incoming.path / "index.sqlite") as index:
        assert {problem.reason for problem in index.problems()} == {complaints.PERMISSION}


async def test_a_folder_that_may_not_be_entered_is_never_green(humble: Bench, place: Path) -> None:
    source = application(place / "source")
    source.chmod(0)
    result, _ = await humble.fetch(humble.server(source))
    source.chmod(0o700)
    assert [(finding.reason, finding.mark) for finding in result.findings] == [(complaints.PERMISSION, True)]
    assert not result.whole


async def test_a_folder_of_which_most_could_not_be_read_is_never_green(humble: Bench, place: Path) -> None:
    source = application(place / "source")
    for number in range(12):
        (source / "app" / f"file{number:03}.php").chmod(0)
    result, _ = await humble.fetch(humble.server(source))
    assert not result.whole
    assert result.findings[-1].reason.startswith("more than half of it could not be read: 8 of 20 files")
    assert len(result.findings) == 13


async def test_special_files_are_recorded_and_never_opened(bench: Bench, place: Path) -> None:
    source = application(place / "source", 2)
    os.mkfifo(source / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        result, incoming = await bench.fetch(bench.server(source))
    assert {os.fsencode(source / "fifo"), os.fsencode(source / "socket")} <= listed(incoming)
    assert result.outcome is Outcome.DONE


async def test_another_file_system_in_the_folder_is_told(bench: Bench, mount_point: Path) -> None:
    result, incoming = await bench.fetch(bench.server(mount_point.parent))
    assert bench.told.reasons["uploads"].startswith("another file system is mounted here")
    assert os.fsencode(mount_point) in listed(incoming)
    assert os.fsencode(mount_point / "there") not in listed(incoming)
    assert result.outcome is Outcome.WARNINGS


# the room in the vault


async def test_too_little_room_is_said_before_anything_is_fetched(bench: Bench, place: Path) -> None:
    source = application(place / "source")
    with pytest.raises(VaultError, match=r"siakad: needs about .* in the vault; .* are to stay free"):
        await bench.fetch(bench.server(source), least_free=1 << 60)
    assert not any("fetching" in line for line in bench.told.lines)


async def test_holes_need_no_room(bench: Bench, place: Path) -> None:
    source = application(place / "source")
    (source / "sparse").touch()
    os.truncate(source / "sparse", 200 << 20)
    free = shutil.disk_usage(place).free
    result, _ = await bench.fetch(bench.server(source), least_free=free - (100 << 20))
    assert result.bytes > 200 << 20
    assert result.stored_bytes < 1 << 20
