"""Step 2 against a real sshd: what is on the server comes back exactly, and what could not is listed."""

import asyncio
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.files.conftest import Bench, listed
from tests.vault import trees
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectionLostError, DownloadError, VaultError
from tuibackup.files import second_try
from tuibackup.files.contract import NO_FOLDER
from tuibackup.files.shell import complaints, order, stream
from tuibackup.files.shell import tools as tools
from tuibackup.files.shell.find import GNU
from tuibackup.files.shell.recheck import ShellSecondLook
from tuibackup.sop import Outcome
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import Index, Wanted
from tuibackup.vault.layout import Vault


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def application(folder: Path, files: int = 20) -> Path:
    """A small application folder."""
    (folder / "app").mkdir(parents=True)
    for number in range(files):
        (folder / "app" / f"file{number:03}.php").write_text(f"<?php // {number}\n" * 50)
    return folder


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


def deep(source: Path) -> None:
    """Files below more than 1,400 bytes of folders."""
    source.mkdir()
    here = os.getcwd()
    try:
        os.chdir(source)
        for depth in range(8):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
            if depth in (2, 6):
                Path("file").write_text(str(depth))
    finally:
        os.chdir(here)


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


async def test_a_hard_link_takes_over_when_its_first_name_is_lost(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source", 3)
    one, two = source / "app/file000.php", source / "app/second"
    os.link(one, two)
    # the name that `find` lists first has the content of both
    first = f"find {source} -samefile {one} -o -samefile {two}"
    script = f"""rm -f "$({first} 2>/dev/null | head -n 1)"\nexec /usr/bin/tar "$@" """
    bench = Bench(place, vault, server_with("tar", script))
    result, target = await bench.restored(bench.server(source))
    [left] = [path for path in (one, two) if path.exists()]
    [gone] = {one, two} - {left}
    assert bench.told.reasons == {gone.name: complaints.VANISHED}
    assert result.files == 3
    assert content(target / str(source).lstrip("/")) == content(source)


@pytest.fixture
def server_with(place: Path) -> Iterator[Callable[..., PrivateSshd]]:
    """Starts servers on which one tool is a script of ours, to act in the middle of a download."""
    started: list[PrivateSshd] = []

    def start(tool: str, script: str, more: str = "") -> PrivateSshd:
        folder = place / f"tools{len(started)}"
        folder.mkdir()
        # the probe and the packers must work as ever
        lines = f'#!/bin/sh\ncase "$*" in *--version*) exec /usr/bin/{tool} "$@";; esac\n{script}\n'
        (folder / tool).write_text(lines)
        (folder / tool).chmod(0o755)
        command = f"""{more}PATH={folder}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
        started.append(PrivateSshd(place / f"sshd{len(started)}", force_command=command).start())
        return started[-1]

    yield start
    for sshd in started:
        sshd.stop()


async def test_files_that_vanish_are_listed(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    bench = Bench(place, vault, server_with("tar", f'rm -rf {source}/app/file00*\nexec /usr/bin/tar "$@"'))
    result, incoming = await bench.fetch(bench.server(source))
    assert bench.told.reasons == {f"file00{number}.php": complaints.VANISHED for number in range(10)}
    assert len(listed(incoming)) == 12
    assert (result.outcome, result.files) == (Outcome.WARNINGS, 10)


async def test_a_file_that_becomes_a_link_or_folder_is_never_followed(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    one, two = source / "app/file000.php", source / "app/file001.php"
    script = f'rm -f {one} {two}; ln -s /etc/passwd {one}; mkdir -p {two}\nexec /usr/bin/tar "$@"'
    bench = Bench(place, vault, server_with("tar", script))
    _, incoming = await bench.fetch(bench.server(source))
    reason = "is no regular file any more: it was replaced while the backup ran"
    assert bench.told.reasons == {"file000.php": reason, "file001.php": reason}
    assert os.fsencode(one) not in listed(incoming)


async def test_a_file_that_changes_once_is_fetched_again_and_right(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    changed = source / "app/file007.php"
    done = place / "done"
    script = f'[ -e {done} ] || {{ echo changed >> {changed}; : > {done}; }}\nexec /usr/bin/xargs "$@"'
    bench = Bench(place, vault, server_with("xargs", script))
    result, target = await bench.restored(bench.server(source))
    assert changed.read_text().endswith("changed\n")
    assert bench.told.findings == []
    assert result.outcome is Outcome.DONE
    assert len(result.folders[0].archives) == 2, "the second reading lies in an archive of its own"
    assert "1 file changed meanwhile: fetching it again" in bench.told.lines
    assert trees.differences(source, target / str(source).lstrip("/")) == []


async def test_a_file_that_never_rests_is_stored_and_listed(bench: Bench, place: Path) -> None:
    source = application(place / "source")
    busy = source / "app/busy.log"
    busy.write_text("begin\n")
    with writing(busy):
        result, target = await bench.restored(bench.server(source))
    assert bench.told.reasons == {"busy.log": second_try.CHANGED}
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    stored = (target / str(busy).lstrip("/")).read_text()
    assert stored.startswith("begin\n")
    assert busy.read_text().startswith(stored)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While in it, the file grows."""
    stop = threading.Event()

    def write() -> None:
        with path.open("a") as file:
            while not stop.wait(0.001):
                file.write("one more line\n")
                file.flush()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_a_file_that_shrinks_while_it_is_read_does_not_break_the_stream(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    shrinking = source / "app/file000.big"
    shrinking.write_bytes(b"x" * 3_000_000)
    # tar itself runs this in the middle of reading; each reading finds the file long again
    script = (
        f'head -c 3000000 /dev/zero | tr "\\0" x > {shrinking}\n'
        f'exec /usr/bin/tar --checkpoint=20 --checkpoint-action=exec="truncate -s 1000 {shrinking}" "$@"'
    )
    bench = Bench(place, vault, server_with("tar", script))
    result, target = await bench.restored(bench.server(source))
    assert list(bench.told.reasons) == ["file000.big"]
    assert bench.told.reasons["file000.big"] in (second_try.SHRUNK, second_try.CHANGED)
    assert result.files == 21
    assert content(target / str(source).lstrip("/"))["app/file019.php"] == content(source)["app/file019.php"]


async def test_special_files_are_recorded_and_never_opened(bench: Bench, place: Path) -> None:
    source = application(place / "source", 2)
    os.mkfifo(source / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        result, incoming = await bench.fetch(bench.server(source))
    assert {os.fsencode(source / "fifo"), os.fsencode(source / "socket")} <= listed(incoming)
    assert result.outcome is Outcome.DONE


@pytest.fixture
def mount_point(place: Path) -> Iterator[Path]:
    """A folder in an application's, on which another file system is mounted."""
    folder = application(place / "source", 2) / "uploads"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets us mount nothing")
    try:
        (folder / "there").write_text("x")
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_another_file_system_in_the_folder_is_told(bench: Bench, mount_point: Path) -> None:
    result, incoming = await bench.fetch(bench.server(mount_point.parent))
    assert bench.told.reasons["uploads"].startswith("another file system is mounted here")
    assert os.fsencode(mount_point) in listed(incoming)
    assert os.fsencode(mount_point / "there") not in listed(incoming)
    assert result.outcome is Outcome.WARNINGS


# what ends the step


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


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        (
            {"tar": "bsdtar"},
            (
                "siakad: this server's tar is bsdtar's; only GNU's and BusyBox's can be used, and over SFTP "
                "there is no sudo; install GNU tar, or set sudo = false"
            ),
        ),
        (
            {"find": "busybox", "stat": None},
            (
                "siakad: this server has BusyBox's find and no stat beside it, and over SFTP there is no sudo; "
                "install GNU find (findutils), or set sudo = false"
            ),
        ),
        (
            {"shell": False, "said": "it exited with 1, without a word"},
            (
                "siakad: does not run our commands: it exited with 1, without a word, and over SFTP there is no sudo; "
                "does it have a POSIX shell, and no other command forced? take command= out of the key's line in "
                "authorized_keys there, or use another key; or see ForceCommand in sshd_config, or set sudo = false"
            ),
        ),
    ],
)
async def test_servers_without_usable_tools_are_refused_where_sudo_is_wanted(
    bench: Bench, place: Path, tools: dict[str, object], message: str
) -> None:
    with pytest.raises(DownloadError) as caught:
        await bench.fetch(bench.server(place, sudo=True), tools=tools)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("tool", "script", "message"),
    [
        ("tar", "echo 'tar: no memory' >&2; exit 7", "exited with 7: tar: no memory"),
        pytest.param("tar", "kill -9 $$", "was killed by SIGKILL", marks=pytest.mark.long),
        ("tar", "head -c 100000 /dev/urandom", "damaged"),
        ("tar", 'cd /etc; exec /usr/bin/tar -c --format=posix passwd', "which was not asked for"),
        ("find", "exit 3", "the inventory failed: find exited with 3"),
        ("find", "echo hello; exec head -c 1000000 /dev/zero", "cannot be read"),
        ("find", "exec cat /dev/urandom", "find sent a record"),
        ("xargs", "exit 5", "the second look at fetched files failed: xargs exited with 5"),
        ("xargs", "printf 'f 1 1 1\\0/etc/passwd\\0'; cat >/dev/null", "was not asked for"),
        ("date", "echo yesterday", "cannot be understood"),
    ],
)  # fmt: skip
async def test_a_server_that_answers_wrongly_ends_the_step_in_plain_words(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd], tool: str, script: str, message: str
) -> None:
    source = application(place / "source")
    bench = Bench(place, vault, server_with(tool, script))
    with pytest.raises((DownloadError, Exception), match=message) as caught:
        await bench.fetch(bench.server(source))
    assert "\n" not in str(caught.value)


@pytest.mark.long
async def test_a_download_that_takes_longer_than_the_patience_for_silence_goes_on(
    place: Path,
    vault: Vault,
    server_with: Callable[..., PrivateSshd],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second look has nothing to say for as long as one large file, or the first thousands, are on the way."""
    source = application(place / "source")
    (source / "big").write_bytes(os.urandom(4_000_000))
    script = '/usr/bin/tar "$@" | for part in 1 2 3 4 5 6; do head -c 700000; sleep 0.5; done'
    bench = Bench(place, vault, server_with("tar", script))
    monkeypatch.setattr(tools, "STALL", 1.5)
    result, target = await bench.restored(bench.server(source), tools={"zstd": False, "gzip": False})
    assert result.outcome is Outcome.DONE
    assert content(target / str(source).lstrip("/")) == content(source)


async def test_a_second_look_that_takes_no_names_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """More names than fit into a channel, and nobody reads them: the worker would wait for a place for ever."""

    class Deaf:
        async def write(self, data: bytes) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(tools, "STALL", 0.1)
    second_look = ShellSecondLook("siakad", GNU, lambda _: False)
    entry = Entry(b"a", Kind.FILE, 0o644, 0, 0, b"", b"", 1, 1, 1, 1, 1, 1, b"ext4", None)
    second_look.hand_over([Wanted(1, 1, b"/srv/a", entry, b"/srv/a")])
    with pytest.raises(DownloadError, match="sent nothing"):
        await asyncio.wait_for(second_look.send(Deaf()), 5)  # type: ignore[arg-type]  # all that `send` uses before


@pytest.mark.parametrize("tool", ["find", "xargs", "tar"])
async def test_a_command_that_neither_speaks_nor_ends_is_given_up(
    place: Path,
    vault: Vault,
    server_with: Callable[..., PrivateSshd],
    monkeypatch: pytest.MonkeyPatch,
    tool: str,
) -> None:
    """All of its answer is here, but not its end: waiting for that must not hold the run for ever."""
    source = application(place / "source")
    bench = Bench(place, vault, server_with(tool, f'/usr/bin/{tool} "$@"; exec <&- >&-; sleep 20'))
    monkeypatch.setattr(tools, "STALL", 1.0)
    async with asyncio.timeout(10):
        with pytest.raises(DownloadError, match="sent nothing"):
            await bench.fetch(bench.server(source), tools={"zstd": False, "gzip": False})


async def test_a_cut_connection_is_told_as_such(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    (source / "big").write_bytes(os.urandom(30_000_000))
    # what ends is the connection's own process, three levels above
    sshd = server_with(
        "tar", '/usr/bin/tar "$@" | { head -c 5000000; kill -9 $SSHD; }', "SSHD=$PPID; export SSHD; "
    )
    bench = Bench(place, vault, sshd)
    with pytest.raises(ConnectionLostError):
        await bench.fetch(bench.server(source))


async def test_without_a_sudo_rule_the_way_out_is_named(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    refusing = server_with("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    bench = Bench(place, vault, refusing)
    words = r"it says: sudo: a password is required; add to sudoers there: \w+ ALL=\(root\) NOPASSWD: \S+/find, \S+/tar"
    with pytest.raises(DownloadError, match=words):
        await bench.fetch(bench.server(source, sudo=True))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can play a sudo that reads what the account may not")
async def test_with_sudo_what_only_root_may_read_is_read(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    (source / "app").chmod(0)
    # plays a rule for find and tar alone: it takes off what the account was denied
    script = (
        'shift; shift; case $1 in find|tar) exec "$@";; esac; echo "sudo: a password is required" >&2; exit 1'
    )
    bench = Bench(place, vault, server_with("sudo", script))
    result, _ = await bench.fetch(bench.server(source, sudo=True))
    (source / "app").chmod(0o700)
    assert (result.outcome, result.files) == (Outcome.DONE, 20)


async def test_more_files_may_vanish_than_names_are_remembered(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """tar says nothing while it skips: who waits for its answers before sending more names waits for ever."""
    monkeypatch.setattr(order, "_BATCH", 10)
    monkeypatch.setattr(order, "_AHEAD", 20)
    monkeypatch.setattr(order, "_REMEMBERED", 30)
    monkeypatch.setattr(stream, "_PATIENCE", 0.1)
    source = application(place / "source", 300)
    left = source / "left"
    left.write_text("left")
    bench = Bench(place, vault, server_with("tar", f'rm -rf {source}/app\nexec /usr/bin/tar "$@"'))
    result, incoming = await bench.fetch(bench.server(source))
    assert result.files == 1
    assert os.fsencode(left) in listed(incoming)
    assert set(bench.told.reasons.values()) == {complaints.VANISHED, result.findings[-1].reason}
    assert result.findings[-1].reason.startswith("more than half of it could not be read: 1 of 301 files")


async def test_what_a_login_shell_says_is_no_finding(place: Path, vault: Vault) -> None:
    source = application(place / "source")
    noisy = """echo 'WARNING: tar: find: this is a production server' >&2; printf 'no line end\\033[2J\\n\\n' >&2; """
    with PrivateSshd(place / "sshd", force_command=noisy + 'exec sh -c "$SSH_ORIGINAL_COMMAND"') as sshd:
        bench = Bench(place, vault, sshd)
        result, _ = await bench.fetch(bench.server(source))
    assert (result.outcome, result.files, bench.told.findings) == (Outcome.DONE, 20, [])


async def test_a_file_that_tar_filled_up_with_zeros_is_never_green(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    """Where a file system lies about sizes (FUSE, sysfs), no time tells that what tar read was too short."""
    source = application(place / "source")
    said = "tar: ./app/file003.php: File shrank by 9 bytes; padding with zeros"
    script = f"""/usr/bin/tar "$@"; echo '{said}' >&2; exit 1"""
    bench = Bench(place, vault, server_with("tar", script))
    result, _ = await bench.fetch(bench.server(source))
    assert bench.told.reasons == {
        "file003.php": second_try.PADDED.format("File shrank by 9 bytes; padding with zeros")
    }
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)


async def test_a_stream_that_tells_other_sizes_than_find_is_never_green(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    """find says five bytes, before and after; tar sends six. One of them lies, and the file is as doubtful."""
    source = application(place / "source", 3)
    (source / "app/odd").write_text("12345")
    other = place / "other"
    (other / "app").mkdir(parents=True)
    (other / "app/odd").write_text("123456")
    script = f'cp -a {source}/app/file* {other}/app/; shift 2; exec /usr/bin/tar -C {other} "$@"'
    bench = Bench(place, vault, server_with("tar", script))
    result, _ = await bench.fetch(bench.server(source))
    assert bench.told.reasons == {"odd": second_try.CHANGED}
    assert result.outcome is Outcome.WARNINGS
