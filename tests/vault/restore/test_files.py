"""A tree comes back as it was: by restore.sh with sh, tar and zstd alone, and by the program."""

import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vault import trees
from tests.vault.taking import take, take_dumps
from tuibackup.errors import UsageError, VaultError
from tuibackup.progress import Progress
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.restore.existing import Existing
from tuibackup.vault.restore.files import restore_dumps, restore_files

ROOT = os.geteuid() == 0
SHELLS = [["dash"], ["busybox", "sh"], ["bash"], ["sh"]]

Restore = Callable[[Snapshot, Path], None]


def with_script(
    snapshot: Snapshot, to: Path, *arguments: str, shell: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [*(shell or ["sh"]), str(snapshot.path / "restore.sh"), *arguments, str(to)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, errors="replace")


def below(to: Path, source: Path) -> Path:
    return to / str(source).lstrip("/")


def unpacked(file: Path) -> bytes | None:
    done = subprocess.run(["zstd", "-dc", file], capture_output=True)
    return None if done.returncode else done.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: " ".join(shell))
def test_restore_sh_gives_back_a_tricky_tree(
    vault: Vault, tricky: Path, place: Path, shell: list[str]
) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]}: apt install {shell[0]}")
    snapshot = take(vault, tricky)
    done = with_script(snapshot, place / "to", shell=shell)
    assert done.returncode == 0, done.stderr
    assert trees.differences(tricky, below(place / "to", tricky)) == []
    assert "warning" not in done.stderr.lower(), done.stderr


def test_the_program_gives_back_a_tricky_tree(vault: Vault, tricky: Path, place: Path) -> None:
    snapshot = take(vault, tricky)
    seen: list[Progress] = []
    restored = restore_files(snapshot, [], place / "to", on_progress=seen.append)
    assert restored.problems == ()
    assert trees.differences(tricky, below(place / "to", tricky)) == []
    assert seen[-1].items == seen[-1].items_total == restored.files
    sparse = below(place / "to", tricky) / "sparse"
    assert sparse.stat().st_blocks * 512 < 8 << 20, "the holes of a sparse file were filled"


@pytest.mark.skipif(not ROOT, reason="needs root to become an ordinary user")
@pytest.mark.long
def test_an_ordinary_user_restores_what_was_his(vault: Vault, tricky: Path, place: Path) -> None:
    trees.give(tricky, trees.NOBODY, trees.NOBODY)
    times = [(path, path.lstat().st_mtime_ns) for path in (tricky, tricky / "deep/er")]
    for path, mtime in times:
        os.utime(path, ns=(mtime, mtime))
    snapshot = take(vault, tricky)
    private = place / "of nobody"
    shutil.copytree(snapshot.path, private / snapshot.name)
    trees.give(private, trees.NOBODY, trees.NOBODY)
    copy = Snapshot(private / snapshot.name, snapshot.server, snapshot.clock, snapshot.name)
    script, program = private / "by script", private / "by program"

    def work() -> None:
        done = with_script(copy, script)
        assert (done.returncode, "done, but without extended attributes" in done.stderr) == (3, True), (
            done.stderr
        )
        assert restore_files(copy, [], program).problems == ()

    trees.as_nobody(work)
    assert trees.differences(tricky, below(program, tricky)) == []
    lost = trees.differences(tricky, below(script, tricky))
    assert len(lost) == 3
    assert all("user.note" in difference for difference in lost), lost


def test_several_folders_with_a_hard_link_between_them_come_back(vault: Vault, place: Path) -> None:
    one, two = place / "one", place / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "file").write_text("x")
    os.link(one / "file", two / "other")
    snapshot = take(vault, one, two)
    assert with_script(snapshot, place / "script").returncode == 0
    assert restore_files(snapshot, [], place / "program").problems == ()
    for to in (place / "script", place / "program"):
        assert below(to, one / "file").samefile(below(to, two / "other"))
    partly = restore_files(snapshot, [os.fsencode(two)], place / "partly")
    assert (partly.files, partly.problems) == (1, ())
    assert below(place / "partly", two / "other").read_text() == "x"
    assert not below(place / "partly", one).exists()


def test_some_paths_are_restored_without_the_rest(vault: Vault, tricky: Path, place: Path) -> None:
    snapshot = take(vault, tricky)
    wanted = [
        os.fsencode(tricky / "deep/er"),
        os.fsencode(tricky / "zz third"),
        os.fsencode(tricky / "absolute"),
    ]
    restored = restore_files(snapshot, wanted, place / "to")
    assert restored.problems == ()
    found = sorted(os.listdir(below(place / "to", tricky)))
    assert found == ["absolute", "deep", "zz third"]
    assert os.listdir(below(place / "to", tricky / "deep")) == ["er"]
    with pytest.raises(VaultError, match="not in this snapshot"):
        restore_files(snapshot, [b"/nowhere"], place / "to")


def test_existing_files_are_left_alone_unless_told(vault: Vault, place: Path) -> None:
    source = place / "source"
    (source / "folder").mkdir(parents=True)
    (source / "folder/file").write_text("from the backup")
    (source / "folder/link").symlink_to("file")
    snapshot = take(vault, source)
    mine = below(place / "to", source) / "folder"
    mine.mkdir(parents=True)
    mine.chmod(0o711)
    (mine / "file").write_text("mine")
    (mine / "link").write_text("mine too")
    left = restore_files(snapshot, [], place / "to")
    assert sorted(path.rsplit("/")[-1] for path, reason in left.problems if "exists" in reason) == [
        "file",
        "link",
    ]
    assert (mine / "file").read_text() == "mine"
    assert mine.stat().st_mode & 0o777 == 0o711
    assert restore_files(snapshot, [], place / "to", existing=Existing.ALWAYS).problems == ()
    assert trees.differences(source, below(place / "to", source)) == []


def test_a_symbolic_link_in_the_way_is_not_followed(vault: Vault, place: Path) -> None:
    source, outside = place / "source", place / "outside"
    (source / "folder").mkdir(parents=True)
    (source / "folder/file").write_text("x")
    outside.mkdir()
    snapshot = take(vault, source)
    below(place / "to", source).mkdir(parents=True)
    (below(place / "to", source) / "folder").symlink_to(outside)
    for existing in (Existing.NEVER, Existing.ALWAYS):
        restored = restore_files(snapshot, [], place / "to", existing=existing)
        assert restored.problems
        assert list(outside.iterdir()) == []


def test_an_index_that_was_tampered_with_leads_nowhere(vault: Vault, place: Path) -> None:
    source = place / "source"
    (source / "folder").mkdir(parents=True)
    (source / "folder/file").write_text("x")
    snapshot = take(vault, source)
    index = snapshot.path / "index.sqlite"
    snapshot.path.chmod(0o700)
    index.chmod(0o600)
    with sqlite3.connect(index) as db:
        db.execute(
            "UPDATE entry SET name = ? WHERE name = ?", (b"../" * 20 + str(place).encode() + b"/out", b"file")
        )
    restored = restore_files(snapshot, [], place / "to")
    assert [reason for _, reason in restored.problems] == ["is no possible path"]
    assert not (place / "out").exists()


def test_sockets_and_devices_are_listed_not_made(vault: Vault, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(source / "socket"))
    snapshot = take(vault, source)
    assert with_script(snapshot, place / "script").returncode == 0
    assert os.listdir(below(place / "script", source)) == []
    restored = restore_files(snapshot, [], place / "program")
    assert [reason for _, reason in restored.problems] == ["a socket: recorded, not restored"]


def test_restore_sh_refuses_a_folder_that_is_not_empty(vault: Vault, tricky: Path, place: Path) -> None:
    snapshot = take(vault, tricky)
    for name in (".hidden", "..odd", "plain", "-n"):
        to = place / f"to {name}"
        to.mkdir()
        (to / name).touch()
        done = with_script(snapshot, to)
        assert (done.returncode, "is not empty" in done.stderr) == (1, True)
        assert os.listdir(to) == [name]
    (place / "file").touch()
    assert with_script(snapshot, place / "file").returncode == 1


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["a", "b"], [""]])
def test_restore_sh_shows_its_usage(vault: Vault, tricky: Path, arguments: list[str]) -> None:
    snapshot = take(vault, tricky)
    done = subprocess.run(["sh", snapshot.path / "restore.sh", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_restore_sh_restores_into_odd_places(vault: Vault, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    (source / "file").write_text("x")
    snapshot = take(vault, source)
    for name in ("-dash", "with space", "co:lon", "new\nline", "back\\slash", "glob*"):
        command = ["sh", str(snapshot.path / "restore.sh"), f"./{name}" if name == "-dash" else name]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert below(place / name, source / "file").read_text() == "x"
    moved = place / "co:lon and space"
    shutil.copytree(snapshot.path, moved)
    done = subprocess.run(["sh", "restore.sh", "../again"], cwd=moved, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_restore_sh_stops_at_damage(vault: Vault, tricky: Path, place: Path) -> None:
    snapshot = take(vault, tricky)
    for file in sorted([*snapshot.path.glob("*.tar.zst"), *snapshot.path.glob("restore/*.zst")]):
        for number, place_of_damage in enumerate((0.3, 0.6, 1.0)):
            bad = place / f"bad {file.name} {number}"
            shutil.copytree(snapshot.path, bad)
            target = bad / file.relative_to(snapshot.path)
            target.chmod(0o600)
            data = bytearray(target.read_bytes())
            if place_of_damage == 1.0:
                del data[len(data) // 2 :]
            else:
                data[int(len(data) * place_of_damage)] ^= 0x10
            target.write_bytes(data)
            if unpacked(target) == unpacked(file):
                continue  # some bits of a compressed file mean nothing
            copy = Snapshot(bad, snapshot.server, snapshot.clock, snapshot.name)
            done = with_script(copy, place / f"to {file.name} {number}")
            assert done.returncode != 0, f"{file.name} damaged at {place_of_damage}: {done.stderr}"
            assert "not complete" in done.stderr
            check = subprocess.run(["sh", bad / "restore.sh", "--check"], capture_output=True, text=True)
            assert check.returncode != 0


def test_restore_sh_checks_the_sums(vault: Vault, tricky: Path) -> None:
    snapshot = take(vault, tricky)
    for shell in (["sh"], ["busybox", "sh"]):
        done = subprocess.run(
            [*shell, snapshot.path / "restore.sh", "--check"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(": OK") == len((snapshot.path / "SHA256SUMS").read_text().splitlines())


def test_a_damaged_file_is_listed_and_the_others_come_back(vault: Vault, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    for name in ("a", "b", "c"):
        (source / name).write_bytes(os.urandom(5 << 20))
    snapshot = take(vault, source)
    archive = next(snapshot.path.glob("*.tar.zst"))
    snapshot.path.chmod(0o700)
    archive.chmod(0o600)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    restored = restore_files(snapshot, [], place / "to")
    assert len(restored.problems) == 1
    assert "damaged" in restored.problems[0][1]
    assert len(os.listdir(below(place / "to", source))) == 2
    shutil.move(archive, place / "elsewhere")
    restored = restore_files(snapshot, [], place / "again")
    assert restored.damaged == 3
    assert all("the archive is missing" in reason for _path, reason in restored.problems)


@pytest.mark.long
def test_thousands_of_names_are_restored_in_linear_time(vault: Vault, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    for number in range(20_000):
        (source / f"{number:05}").touch()
    snapshot = take(vault, source)
    started = time.monotonic()
    assert with_script(snapshot, place / "to").returncode == 0
    assert time.monotonic() - started < 20
    assert len(os.listdir(below(place / "to", source))) == 20_000


def test_dumps_are_written_out_by_script_and_program(vault: Vault, place: Path) -> None:
    dumps = {
        "siakad": b"CREATE DATABASE siakad;\n" * 100_000,
        "odd 'name'; $(touch x)": b"SELECT 1;\n",
        "@EACH@": b"SELECT 2;\n",
        "": b"",
    }
    snapshot = take_dumps(vault, dumps)
    script = snapshot.path / "restore.sh"
    for shell in (["dash"], ["busybox", "sh"]):
        everything = subprocess.run([*shell, script], capture_output=True)
        assert everything.stdout == b"".join(dumps.values())
        for name, sql in dumps.items():
            if name:
                one = subprocess.run([*shell, script, name], capture_output=True)
                assert (one.returncode, one.stdout) == (0, sql)
        names = subprocess.run([*shell, script, "--list"], capture_output=True, text=True).stdout
        assert names == "".join(f"{name}\n" for name in dumps)
        unknown = subprocess.run([*shell, script, "simpeg"], capture_output=True, text=True)
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert subprocess.run([*shell, script, "--check"], capture_output=True).returncode == 0
    assert restore_dumps(snapshot, ["siakad"], place / "to").bytes == len(dumps["siakad"])
    assert (place / "to/siakad.sql").read_bytes() == dumps["siakad"]
    assert restore_dumps(snapshot, ["siakad"], place / "to").bytes == len(dumps["siakad"]), "it is there"
    (place / "to/siakad.sql").write_bytes(b"mine")
    with pytest.raises(VaultError, match="exists"):
        restore_dumps(snapshot, ["siakad"], place / "to")
    restore_dumps(snapshot, [], place / "to", existing=Existing.ALWAYS)
    with pytest.raises(UsageError, match="simpeg"):
        restore_dumps(snapshot, ["simpeg"], place / "to")


def test_a_damaged_dump_is_an_error_of_restore_sh(vault: Vault) -> None:
    snapshot = take_dumps(vault, {"siakad": os.urandom(100_000)})
    dump = snapshot.path / "siakad.sql.zst"
    dump.chmod(0o600)
    dump.write_bytes(dump.read_bytes()[:-1000])
    assert subprocess.run(["sh", snapshot.path / "restore.sh"], capture_output=True).returncode == 1


@pytest.mark.parametrize("kept", [0, 10, 40_000])
def test_a_dump_that_was_cut_off_is_never_restored_as_if_whole(vault: Vault, place: Path, kept: int) -> None:
    snapshot = take_dumps(vault, {"siakad": os.urandom(100_000), "arsip": b"SELECT 1;"})
    dump = snapshot.path / "siakad.sql.zst"
    dump.chmod(0o600)
    dump.write_bytes(dump.read_bytes()[:kept])
    restored = restore_dumps(snapshot, [], place / "to")
    assert (restored.files, restored.damaged) == (1, 1)
    assert "siakad.sql.zst is damaged" in restored.problems[0][1]
    assert os.listdir(place / "to") == ["arsip.sql"], "nothing half restored looks whole"
    (place / "to/siakad.sql").write_text("what was restored last week")
    assert restore_dumps(snapshot, [], place / "to", existing=Existing.ALWAYS).damaged == 1
    assert (place / "to/siakad.sql").read_text() == "what was restored last week"
