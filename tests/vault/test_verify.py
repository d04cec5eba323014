"""Verifying: whatever is not as it was written is found and named."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vault.taking import take, take_dumps
from tuibackup.errors import VaultError
from tuibackup.progress import Progress
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.sums import read_sums
from tuibackup.vault.verify import verify

TRAILER = b"\n-- Dump completed on 2026-11-22  1:35:20\n"


def opened(snapshot: Snapshot) -> Path:
    """The snapshot's folder, made writable for damage."""
    for below, _, files in os.walk(snapshot.path):
        os.chmod(below, 0o700)
        for name in files:
            os.chmod(os.path.join(below, name), 0o600)
    return snapshot.path


def test_a_good_snapshot_is_whole(vault: Vault, tricky: Path) -> None:
    seen: list[Progress] = []
    snapshot = take(vault, tricky)
    verdict = verify(snapshot, seen.append)
    assert (verdict.ok, verdict.problems) == (True, ())
    assert verdict.files > 30
    assert verdict.bytes == seen[-1].bytes_total == seen[-1].bytes


def test_a_good_dump_is_whole_and_must_have_its_last_line(vault: Vault) -> None:
    good = take_dumps(vault, {"a": b"CREATE TABLE x;" * 100_000 + TRAILER, "b": TRAILER}, run="1")
    assert verify(good).problems == ()
    cut = take_dumps(vault, {"a": b"CREATE TABLE x;" * 100_000, "b": b""}, run="2")
    assert len(verify(cut).problems) == 2
    row = take_dumps(vault, {"a": b"INSERT INTO notes VALUES ('" + TRAILER + b"');\n"}, run="3")
    assert len(verify(row).problems) == 1, "the last line of a text in a row is not the dump's"


def test_any_damage_to_any_file_is_found_and_named(vault: Vault, tricky: Path) -> None:
    folder = opened(take(vault, tricky))
    snapshot = next(vault.snapshots())
    for below, _, files in os.walk(folder):
        for name in files:
            file = Path(below, name)
            good = file.read_bytes()
            damages: list[Callable[[], object]] = [
                lambda file=file, good=good: file.write_bytes(good[:-1]),
                lambda file=file, good=good: file.write_bytes(good + b"x"),
                lambda file=file, good=good: file.write_bytes(
                    good[: len(good) // 2] + bytes([good[len(good) // 2] ^ 1]) + good[len(good) // 2 + 1 :]
                ),
                lambda file=file: file.write_bytes(b""),
                lambda file=file: file.unlink(),
            ]
            for damage in damages:
                damage()
                verdict = verify(Snapshot(snapshot.path, snapshot.server, snapshot.clock, snapshot.name))
                assert not verdict.ok, name
                assert any(name in problem for problem in verdict.problems), (name, verdict.problems)
                file.write_bytes(good)
    assert verify(snapshot).ok


def test_a_stranger_in_the_snapshot_is_found(vault: Vault, tricky: Path) -> None:
    snapshot = take(vault, tricky)
    (opened(snapshot) / "restore/extra").write_text("x")
    assert [problem.rpartition("/")[2] for problem in verify(snapshot).problems] == [
        "extra: is not in SHA256SUMS"
    ]


def test_an_archive_whose_sum_was_made_to_fit_is_still_found(vault: Vault, place: Path) -> None:
    """Somebody who changes an archive and SHA256SUMS must also change the index, and its sum."""
    source = place / "source"
    source.mkdir()
    (source / "file").write_bytes(b"original" * 1000)
    one = take(vault, source, run="1")
    mtime = (source / "file").stat().st_mtime_ns
    (source / "file").write_bytes(b"tampered" * 1000)
    os.utime(source / "file", ns=(mtime, mtime))
    other = take(vault, source, run="2")
    folder = opened(one)
    archive = next(folder.glob("*.tar.zst"))
    sums = {line.name: line.sha256.hex() for line in read_sums(folder)}
    new = {line.name: line.sha256.hex() for line in read_sums(other.path)}
    shutil.copy(other.path / archive.name, archive)
    text = (folder / "SHA256SUMS").read_text().replace(sums[archive.name], new[archive.name])
    (folder / "SHA256SUMS").write_text(text)
    assert [problem for problem in verify(one).problems if "/file has another hash" in problem]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "0" * 64 + "  /etc/passwd",
        "0" * 64 + "  ../../x",
        "0" * 64 + "  ../x/y",
        "0" * 64 + "  a b",
    ],
)
def test_sums_that_lead_elsewhere_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "SHA256SUMS").write_text(line + "\n")
    with pytest.raises(VaultError, match="damaged"):
        read_sums(tmp_path)


def test_a_snapshot_in_anothers_place_is_found(vault: Vault, place: Path) -> None:
    (place / "source").mkdir()
    one = take(vault, place / "source", run="1")
    opened(one).rename(one.path.parent / "2026-12-01T000000Z")
    moved = vault.find("siakad/files/2026-12-01T000000Z")
    assert any("another snapshot's" in problem for problem in verify(moved).problems)
