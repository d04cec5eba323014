"""An index made from the older one must be what it would be, had the inventory been read as a whole."""

import io
import os
import random
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.files.conftest import Bench
from tests.vault import trees
from tuibackup.files.shell import inventory
from tuibackup.vault.archive.frames import content
from tuibackup.vault.index import renewal
from tuibackup.vault.index.read import Index, IndexWriter
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.restore.files import restore_files
from tuibackup.vault.verify import verify

Renewed = Callable[[], int]


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is so new that a change in the same tick could be missed: the server's clock is ahead."""
    ask = inventory._ask_clock_and_places

    async def ahead(*words: Any) -> Any:
        started, resolved = await ask(*words)
        return started + 10_000_000_000, resolved

    monkeypatch.setattr(inventory, "_ask_clock_and_places", ahead)


@pytest.fixture
def renewed(monkeypatch: pytest.MonkeyPatch) -> Renewed:
    """How many indexes were made from older ones so far."""
    count = 0
    finish = IndexWriter.finish_renewal

    def counted(writer: IndexWriter) -> None:
        nonlocal count
        finish(writer)
        count += 1

    monkeypatch.setattr(IndexWriter, "finish_renewal", counted)
    return lambda: count


def everything(snapshot: Snapshot, name: str) -> dict[bytes, Any]:
    """All that an index says by path; its own archives are called `name`."""
    with Index(snapshot.path / "index.sqlite") as index:
        archives = {one.id: one.snapshot or name for one in index.archives}
        paths = index.paths()
        return {
            found.path: (
                found.entry,
                paths(found.carrier) if found.carrier else None,
                archives.get(found.archive or 0),
                found.member and found.member.sha256,
                index.xattrs(found.id),
            )
            for found in index.walk()
        }


def lists(snapshot: Snapshot) -> Any:
    """What restore.sh reads, whatever its order among equals."""
    folder = snapshot.path / "restore"
    archives = {}
    for line in (folder / "archives").read_text().splitlines():
        number, count, archive = line.split(" ", 2)
        names = b"".join(content(folder / f"{number}.names.zst")).split(b"\0")
        archives[archive] = int(count), sorted(names)
    tars = []
    for name in ("links.tar.zst", "folders.tar.zst"):
        with tarfile.open(fileobj=io.BytesIO(b"".join(content(folder / name)))) as tar:
            tars.append(
                sorted((one.name, one.linkname, one.type, one.mode, one.mtime, one.uid) for one in tar)
            )
    return archives, tars


def problems(snapshot: Snapshot) -> set[Any]:
    with Index(snapshot.path / "index.sqlite") as index:
        return set(index.problems())


def plant(top: Path, dice: random.Random) -> None:
    for number in range(60):
        folder = top / f"f{number % 7}" / f"g{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file{number}").write_bytes(dice.randbytes(dice.randrange(2000)))
    (top / "link").symlink_to("f1/g1")


def edit(top: Path, dice: random.Random) -> None:
    """A few changes of every kind that does not change the whole tree."""
    found = sorted(path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
    folders = sorted(path for path in top.rglob("*") if path.is_dir() and not path.is_symlink())
    for _ in range(dice.randrange(1, 6)):
        one = dice.choice(found)
        match dice.randrange(9):
            case 0:
                one.write_bytes(dice.randbytes(300))
            case 1:
                one.unlink()
            case 2:
                (dice.choice(folders) / f"new{dice.random()}").write_text("new")
            case 3:
                new = dice.choice(folders) / f"folder{dice.random()}" / "below"
                new.mkdir(parents=True)
                (new / "file").write_text("deep")
            case 4:
                (dice.choice(folders) / f"link{dice.random()}").symlink_to(str(dice.random()))
            case 5:
                one.chmod(dice.choice([0o600, 0o640, 0o755]))
            case 6:
                one.rename(one.with_name(f"moved{dice.random()}"))
            case 7:
                shutil.rmtree(dice.choice(folders[3:]), ignore_errors=True)
                folders = [folder for folder in folders if folder.exists()]
            case 8:
                if os.geteuid() == 0:
                    os.chown(one, trees.NOBODY, 0)
        found = [path for path in found if path.exists()]
        folders = [folder for folder in folders if folder.exists()]
        if len(found) < 5:
            return


@pytest.mark.parametrize(
    ("seed", "rounds"), [(0, 2), *(pytest.param(seed, 4, marks=pytest.mark.long) for seed in range(4))]
)
async def test_a_renewed_index_is_the_same_as_one_made_anew(
    seed: int,
    rounds: int,
    bench: Bench,
    place: Path,
    settled: None,
    renewed: Renewed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dice = random.Random(seed)
    top = place / "tree"
    plant(top, dice)
    server = bench.server(top)
    _, before = await bench.snapshot(server)
    for _round in range(rounds):
        edit(top, dice)
        count = renewed()
        fast, first = await bench.snapshot(server, previous=before)
        assert renewed() == count + 1, "the older index was not used"
        with monkeypatch.context() as context:
            context.setattr(IndexWriter, "known", lambda _: None)
            slow, second = await bench.snapshot(server, previous=before)
        assert everything(first, "here") == everything(second, "here")
        assert (fast.changed, fast.files, fast.bytes) == (slow.changed, slow.files, slow.bytes)
        assert [one.whole for one in fast.folders] == [one.whole for one in slow.folders]
        for one in (first, second):
            assert verify(one).problems == ()
        assert lists(first) == lists(second)
        before = first
    target = place / "restored"
    assert restore_files(before, [], target).problems == ()
    assert trees.differences(top, target / str(top).lstrip("/")) == []


async def test_nothing_is_fetched_when_nothing_changed(
    bench: Bench, tricky: Path, settled: None, renewed: Renewed
) -> None:
    server = bench.server(tricky)
    _, before = await bench.snapshot(server)
    result, after = await bench.snapshot(server, previous=before)
    assert (renewed(), result.changed, result.parent) == (1, 0, before.name)
    assert everything(after, "") == everything(before, before.name)
    assert verify(after).problems == ()


async def test_what_changed_in_the_same_tick_is_fetched_again(
    bench: Bench, place: Path, renewed: Renewed
) -> None:
    top = place / "tree"
    plant(top, random.Random(0))
    later = time.time() + 3600  # however long the first inventory takes to begin
    for path in top.rglob("*"):
        os.utime(path, (later, later), follow_symlinks=False)
    server = bench.server(top)
    _, before = await bench.snapshot(server)
    result, _ = await bench.snapshot(server, previous=before)
    assert (renewed(), result.changed) == (1, result.files)


async def test_hard_links_and_other_kinds_are_left_to_the_whole_inventory(
    bench: Bench, place: Path, settled: None, renewed: Renewed
) -> None:
    top = place / "tree"
    plant(top, random.Random(0))
    server = bench.server(top)
    _, before = await bench.snapshot(server)
    os.link(top / "f0/g0/file0", top / "second name")
    _, before = await bench.snapshot(server, previous=before)
    (top / "link").unlink()
    (top / "link").write_text("a file now")
    _, after = await bench.snapshot(server, previous=before)
    assert renewed() == 0
    assert verify(after).problems == ()
    assert problems(after) == set()


async def test_other_excludes_are_another_inventory(
    bench: Bench, place: Path, settled: None, renewed: Renewed
) -> None:
    top = place / "tree"
    plant(top, random.Random(0))
    _, before = await bench.snapshot(bench.server(top))
    result, _ = await bench.snapshot(bench.server(top, exclude=("file1",)), previous=before)
    assert (renewed(), result.files) == (0, 59)


async def test_a_damaged_listing_costs_time_only(
    bench: Bench, place: Path, settled: None, renewed: Renewed
) -> None:
    top = place / "tree"
    plant(top, random.Random(0))
    server = bench.server(top)
    _, before = await bench.snapshot(server)
    kept = before.path / "listing-1.zst"
    kept.chmod(0o600)
    kept.write_bytes(b"nonsense")
    result, after = await bench.snapshot(server, previous=before)
    assert (renewed(), result.changed) == (0, 0)
    assert verify(after).problems == ()


async def test_what_was_missing_is_looked_for_again(
    humble: Bench, place: Path, settled: None, renewed: Renewed
) -> None:
    """The listing does not tell that a file could not be read: the index does."""
    top = place / "tree"
    plant(top, random.Random(0))
    lost = top / "f0/g0/file0"
    lost.chmod(0)
    server = humble.server(top)
    first, before = await humble.snapshot(server)
    again, before = await humble.snapshot(server, previous=before)
    assert renewed() == 1
    assert [len(one.findings) for one in (first, again)] == [1, 1]
    lost.chmod(0o644)
    result, after = await humble.snapshot(server, previous=before)
    assert (result.changed, result.findings) == (1, ())
    assert str(lost).encode() in everything(after, "")


async def test_too_many_doubtful_names_are_too_many(
    humble: Bench, place: Path, settled: None, renewed: Renewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "MOST_DOUBTFUL", 1)
    top = place / "tree"
    plant(top, random.Random(0))
    for name in ("f0/g0/file0", "f1/g1/file1"):
        (top / name).chmod(0)
    server = humble.server(top)
    _, before = await humble.snapshot(server)
    result, _ = await humble.snapshot(server, previous=before)
    assert (renewed(), len(result.findings)) == (0, 2)


async def test_a_name_too_long_for_the_list_of_problems_is_found_every_time(
    bench: Bench, place: Path, settled: None, renewed: Renewed
) -> None:
    top = place / "tree"
    plant(top, random.Random(0))
    here = os.open(top, os.O_RDONLY)
    for _ in range(18):
        os.mkdir("n" * 250, dir_fd=here)
        below = os.open("n" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    server = bench.server(top)
    first, before = await bench.snapshot(server)
    again, _ = await bench.snapshot(server, previous=before)
    assert len(first.findings) > 1
    assert again.findings == first.findings
    assert renewed() == 0


async def test_what_was_stored_with_a_problem_is_fetched_again(
    bench: Bench, place: Path, settled: None, renewed: Renewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end was filled with zeros, say: nobody would hear of it again, for it looks as it did."""
    top = place / "tree"
    plant(top, random.Random(0))
    server = bench.server(top)
    finish = IndexWriter.finish

    def with_problem(writer: IndexWriter) -> Any:
        writer.add_problem(1, b"f0/g0/file0", "its end is filled with zeros")
        return finish(writer)

    for times in (0, 1):
        with monkeypatch.context() as patch:
            patch.setattr(IndexWriter, "finish", with_problem)
            _, before = await bench.snapshot(server)
        if not times:
            (before.path / "listing-1.zst").unlink()
        result, after = await bench.snapshot(server, previous=before)
        assert (renewed(), result.changed) == (times, 1)
        if times:
            assert verify(after).problems == ()
