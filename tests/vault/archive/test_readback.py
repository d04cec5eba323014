"""Archives are read back from the disk while they are written; only what was surely read counts."""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.vault.archive.entries import entry, small_frames
from tests.vault.taking import inventory, summary
from tuibackup.errors import VaultError
from tuibackup.sop import Clock
from tuibackup.vault.archive import readback
from tuibackup.vault.archive.archive import ArchiveWriter
from tuibackup.vault.archive.read import ArchiveReader
from tuibackup.vault.archive.readback import Frame, ReadBack
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.layout import Vault
from tuibackup.vault.output import Mark

SIZE = 60_000


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readback, "STEP", 64 << 10)


def add(archive: ArchiveWriter, count: int) -> None:
    """That many files of their own frames, each read back before the next is written."""
    for number in range(count):
        archive.add(b"x/%d" % number, entry(SIZE), os.urandom(SIZE))
        archive._reader._wait()


def test_what_was_read_back_is_a_prefix_of_what_lies_there(place: Path) -> None:
    with small_frames(), ArchiveWriter(place / "a.tar.zst") as archive:
        add(archive, 20)
        done = archive.close()
    begun = done.read_back
    assert begun is not None
    assert done.stored_bytes // 2 < begun.bytes < done.stored_bytes
    prefix = (place / "a.tar.zst").read_bytes()[: begun.bytes]
    assert begun.sha256.digest() == hashlib.sha256(prefix).digest()


def test_a_small_archive_is_left_to_the_end(place: Path) -> None:
    with ArchiveWriter(place / "a.tar.zst") as archive:
        archive.add(b"x", entry(100), bytes(100))
        assert archive.close().read_back is None


@pytest.mark.parametrize("count", [1, 12])
def test_a_long_file_that_is_taken_out_again(place: Path, count: int) -> None:
    with small_frames(), ArchiveWriter(place / "a.tar.zst") as archive:
        add(archive, 6)
        archive.begin(b"x/long", entry(100 * SIZE))
        for _ in range(count):
            archive.write(os.urandom(SIZE))
            archive._reader._wait()
        archive.abort_member()
        add(archive, 6)
        done = archive.close()
    data = done.path.read_bytes()
    if done.read_back is not None:  # else it is read as a whole once more
        assert done.read_back.sha256.digest() == hashlib.sha256(data[: done.read_back.bytes]).digest()
    with ArchiveReader(done.path) as reader:
        assert len(list(reader.members())) == 12


def test_another_content_of_the_same_length_is_wrong(place: Path) -> None:
    written = os.urandom(8192)
    (place / "a").write_bytes(written[:-1] + b"!")
    frame = readback.Frame(written, Mark(len(written), hashlib.sha256(written)))
    with pytest.raises(ValueError, match=r"/a$"):
        readback.read_back(place / "a", readback.NOTHING, [frame])


def test_a_writer_that_is_faster_than_the_disk_waits_for_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept until it is read back is never more than two steps, with the frames at their ends."""
    kept = []
    slowly = readback.read_back

    def read_back(path: Path, done: ReadBack, frames: Sequence[Frame]) -> ReadBack:
        time.sleep(0.01)
        return slowly(path, done, frames)

    monkeypatch.setattr(readback, "read_back", read_back)
    with small_frames(), ArchiveWriter(place / "a.tar.zst") as archive:
        for number in range(40):
            archive.add(b"x/%d" % number, entry(SIZE), os.urandom(SIZE))
            kept.append(sum(len(frame.packed) for frame in archive._reader._frames))
        assert archive.close().read_back is not None
    assert max(kept) < 2 * readback.STEP + 3 * SIZE


@pytest.mark.parametrize("where", ["early", "late"])
def test_damage_before_or_after_it_was_read_back_is_found(vault: Vault, place: Path, where: str) -> None:
    """`early`: the disk gives back something else while the archive is still written; `late`: in what is left."""
    source = place / "source"
    source.mkdir()
    for number in range(20):
        (source / f"{number:02}").write_bytes(bytes(SIZE))
    incoming = Incoming.create(vault, "siakad", "run1", Clock.FILES)
    index = incoming.index()
    root = index.add_root(b"/x", b"/x")
    index.add(root, inventory(os.fsencode(source)))
    with small_frames(), incoming.archive(b"/x") as archive:
        number = index.add_archive(archive.path.name)
        for wanted in index.wanted():
            index.stored(wanted.id, number, *archive.add(wanted.name, wanted.entry, os.urandom(SIZE)))
            if where == "early" and archive.members == 1:
                archive._frames.settle()
                damage(archive.path, 1000)
            archive._reader._wait()
        done = archive.close()
        incoming.wrote(done)
    index.finish()
    assert (done.read_back is None) == (where == "early")
    if done.read_back is not None:
        damage(archive.path, done.read_back.bytes + 5)
    with pytest.raises(VaultError, match="reads back wrong"):
        incoming.publish(summary("siakad", "run1", Clock.FILES))
    assert list(vault.snapshots()) == []


def damage(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
