"""The commands of docs/recovery.md, run as they stand there."""

import shutil
from pathlib import Path

import pytest

from tests.vault import trees
from tests.vault.recoverypage import run
from tests.vault.taking import take, take_dumps
from tuibackup.vault.layout import Vault


def test_files_come_back_by_the_page(vault: Vault, tricky: Path, place: Path) -> None:
    snapshot = take(vault, tricky).path
    assert b"FAILED" not in run("Is it whole?", SNAPSHOT=snapshot).stdout
    for title in ("Files: everything", "Files: without restore.sh"):
        to = place / title
        run(title, SNAPSHOT=snapshot, DIR=to)
        restored = to / str(tricky)[1:]
        assert (restored / "deep/large.bin").read_bytes() == (tricky / "deep/large.bin").read_bytes()
        different = [
            line
            for line in trees.differences(tricky, restored)
            if "attributes" not in line.partition("'")[2][:10]
        ]
        assert different == []


def test_one_file_comes_back_by_the_page(vault: Vault, tricky: Path, place: Path) -> None:
    if not shutil.which("sqlite3"):
        pytest.skip("no sqlite3: apt install sqlite3")
    snapshot = take(vault, tricky).path
    listed = run("Files: some of them", 0, SNAPSHOT=snapshot).stdout
    assert f"{tricky}/deep/large.bin|f|".encode() in listed
    assert b"deep/large.bin" in run("Files: some of them", 1, SNAPSHOT=snapshot).stdout
    name = str(tricky / "deep/large.bin")[1:]
    for number in (2, 3):
        out = place / f"out{number}"
        archive = next(snapshot.glob("*.tar.zst")).name
        run("Files: some of them", number, SNAPSHOT=snapshot, ARCHIVE=archive, NAME=name, OUT=out)
        assert out.read_bytes() == (tricky / "deep/large.bin").read_bytes()


def test_databases_come_back_by_the_page(vault: Vault, place: Path) -> None:
    snapshot = take_dumps(vault, {"siakad": b"SELECT 1;\n", "simpeg": b"SELECT 2;\n"}).path
    done = run("Databases", SNAPSHOT=snapshot, DATABASE="simpeg", OUT=place / "out")
    assert done.stdout == b"siakad\nsimpeg\n"
    assert (place / "out").read_bytes() == b"SELECT 2;\n"
