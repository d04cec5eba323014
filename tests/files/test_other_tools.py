"""Step 2 on servers whose tools are BusyBox's, all of them or some: exact, and careful with what changes."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.files.conftest import HUMBLE, Bench, listed
from tests.files.sources import application, content, deep, writing
from tests.toolboxes import BUSYBOX, only, toolbox
from tests.vault import trees
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import DownloadError
from tuibackup.files import second_try
from tuibackup.files.contract import NO_FOLDER
from tuibackup.files.shell import batches, complaints
from tuibackup.sop import Outcome
from tuibackup.vault.layout import Vault
from tuibackup.vault.restore.files import restore_files

LIMITED = f"/usr/bin/{HUMBLE}" if os.geteuid() == 0 else ""

Starter = Callable[..., Bench]


@pytest.fixture
def start(place: Path, vault: Vault) -> Iterator[Starter]:
    """Start a server whose account has the tools of `toolbox`; `prefix` starts its shell."""
    started: list[PrivateSshd] = []

    def begin(prefix: str = "", **tools: object) -> Bench:
        folder = toolbox(place / f"tools{len(started)}", **tools)  # type: ignore[arg-type]
        sshd = PrivateSshd(place / f"sshd{len(started)}", force_command=only(folder, prefix))
        started.append(sshd.start())
        return Bench(place, vault, sshd)

    yield begin
    for sshd in started:
        sshd.stop()


KINDS = {
    "busybox": {},
    "busybox find": {"real": ["tar"]},
    "busybox tar": {"real": ["find"]},
    "busybox without gzip": {"without": ["gzip"]},
    "busybox with gnu stat": {"real": ["stat"]},
    "busybox with zstd": {"real": ["zstd"]},
}


@pytest.mark.parametrize(
    "kind",
    [one if one == "busybox" else pytest.param(one, marks=pytest.mark.long) for one in KINDS],
)
async def test_a_tricky_tree_comes_back_exactly(start: Starter, tricky: Path, kind: str) -> None:
    bench = start(**KINDS[kind])
    for path in (tricky / "attributes", *(tricky / "attributes").iterdir()):
        for attribute in os.listxattr(path):
            if kind != "busybox find":
                os.removexattr(path, attribute)
    result, target = await bench.restored(bench.server(tricky))
    assert bench.told.findings == []
    assert trees.differences(tricky, target / str(tricky).lstrip("/")) == []
    assert result.outcome is Outcome.DONE
    assert result.limits == (() if kind == "busybox find" else ("extended attributes and access lists",))


@pytest.mark.long
async def test_the_second_run_fetches_what_changed_and_no_more(start: Starter, place: Path) -> None:
    source = application(place / "source")
    bench = start()
    server = bench.server(source)
    for path in source.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    await settled(source)
    _, first = await bench.snapshot(server)
    (source / "app/file007.php").write_text("changed\n")
    (source / "app/new.php").write_text("new\n")
    (source / "app/file008.php").unlink()
    result, second = await bench.snapshot(server, previous=first)
    assert (result.outcome, result.changed, result.parent) == (Outcome.DONE, 2, first.name)
    target = place / "restored"
    assert restore_files(second, [], target).problems == ()
    assert trees.differences(source, target / str(source).lstrip("/")) == []


def changed_last(source: Path) -> float:
    return max(path.lstat().st_ctime for path in source.rglob("*"))


async def settled(source: Path) -> None:
    """Wait until nothing of a tree was changed so lately that the next run must fetch it once more."""
    await asyncio.sleep(max(0.0, changed_last(source) + 3.2 - time.time()))


@pytest.mark.long
async def test_times_without_fractions_are_a_limit_and_the_change_rule_holds(
    start: Starter, place: Path
) -> None:
    """the stat of an older BusyBox writes zeros: what was written within the inventory's second is fetched again."""
    source = application(place / "source")
    script = f'{BUSYBOX} stat "$@" | sed "s/[.][0-9]* +0000/.000000000 +0000/g"'
    bench = start(scripts={"stat": script})
    server = bench.server(source)
    await settled(source)
    (source / "app/file007.php").write_text("first\n")
    result, first = await bench.snapshot(server)
    assert "times finer than a second" in result.limits
    (source / "app/file007.php").write_text("other\n")
    os.utime(source / "app/file007.php", (1_600_000_000, 1_600_000_000))
    result, second = await bench.snapshot(server, previous=first)
    assert result.changed == 1
    target = place / "restored"
    assert restore_files(second, [], target).problems == ()
    assert content(target / str(source).lstrip("/")) == content(source)
    assert (target / str(source).lstrip("/") / "app/file007.php").stat().st_mtime == 1_600_000_000


async def test_files_of_the_second_in_which_they_were_listed_are_read_twice(
    start: Starter, place: Path
) -> None:
    """A change within that second would leave no trace in whole seconds. The server's clock is behind here."""
    source = application(place / "source")
    bench = start(
        scripts={
            "stat": f'{BUSYBOX} stat "$@" | sed "s/[.][0-9]* +0000/.000000000 +0000/g"',
            "date": f'[ "$1" = +%s ] || exec {BUSYBOX} date "$@"; echo $(( $({BUSYBOX} date +%s) - 100 ))',
        }
    )
    result, target = await bench.restored(bench.server(source))
    assert "20 files changed meanwhile: fetching them again" in bench.told.lines
    assert (result.outcome, bench.told.findings) == (Outcome.DONE, [])
    assert content(target / str(source).lstrip("/")) == content(source)


async def test_many_batches_are_one_folder(
    start: Starter, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_FILES", 7)
    source = application(place / "source", 100)
    deep(source / "deep")
    bench = start()
    result, target = await bench.restored(bench.server(source))
    assert (result.outcome, result.files) == (Outcome.DONE, 102)
    assert len(result.folders[0].archives) == 1
    assert trees.differences(source, target / str(source).lstrip("/")) == []


# what changes while it is read: `TAR` is BusyBox's

TAR = f'exec {BUSYBOX} tar "$@"'
NOT_FOR_THE_PROBE = f'case "$*" in *--version*|*--help*) {TAR};; esac\n'


def acting(script: str) -> dict[str, str]:
    """A tar that does something before it reads."""
    return {"tar": f"{NOT_FOR_THE_PROBE}{script}\n{TAR}"}


async def test_files_that_vanish_or_may_not_be_read_are_listed(start: Starter, place: Path) -> None:
    source = application(place / "source")
    (source / "app/file005.php").rename(source / "app/new\nline")
    closed = source / "app/file006.php"
    closed.chmod(0)
    script = f"rm -f {source}/app/file000.php {source}/app/new*"
    bench = start(LIMITED, scripts=acting(script))
    result, incoming = await bench.fetch(bench.server(source))
    assert bench.told.reasons == {
        "file000.php": complaints.VANISHED,
        "file006.php": complaints.PERMISSION,
        "new\\x0aline": "could not be read; the server's tar did not say why",
    }
    assert os.fsencode(source / "app/file000.php") not in listed(incoming)
    assert (result.outcome, result.files) == (Outcome.WARNINGS, 17)


async def test_what_became_something_else_is_never_followed_or_opened(start: Starter, place: Path) -> None:
    source = application(place / "source")
    one, two, three = (source / f"app/file00{number}.php" for number in range(3))
    script = f"rm -f {one} {two} {three}; ln -s /etc/passwd {one}; mkdir -p {two}/below; : >{two}/x; mkfifo {three}"
    bench = start(scripts=acting(script))
    result, incoming = await bench.fetch(bench.server(source))
    reason = "is no regular file any more: it was replaced while the backup ran"
    assert bench.told.reasons == {one.name: reason, two.name: reason, three.name: reason}
    assert os.fsencode(one) not in listed(incoming)
    assert result.files == 17


async def test_a_file_that_changes_once_is_fetched_again_and_right(start: Starter, place: Path) -> None:
    """BusyBox's tar says 0 and nothing else."""
    source = application(place / "source")
    changed, done = source / "app/file007.php", place / "done"
    script = f"[ -e {done} ] || {{ echo changed >> {changed}; : > {done}; }}"
    bench = start(scripts=acting(script))
    result, target = await bench.restored(bench.server(source))
    assert changed.read_text().endswith("changed\n")
    assert (bench.told.findings, result.outcome) == ([], Outcome.DONE)
    assert "1 file changed meanwhile: fetching it again" in bench.told.lines
    assert trees.differences(source, target / str(source).lstrip("/")) == []


async def test_a_file_that_never_rests_is_stored_and_listed(start: Starter, place: Path) -> None:
    source = application(place / "source")
    busy = source / "app/busy.log"
    busy.write_text("begin\n")
    bench = start()
    with writing(busy):
        result, target = await bench.restored(bench.server(source))
    assert bench.told.reasons == {"busy.log": second_try.CHANGED}
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    stored = (target / str(busy).lstrip("/")).read_text()
    assert stored.startswith("begin\n")
    assert busy.read_text().startswith(stored)


def shrinking(file: Path, *, once: bool) -> str:
    """A tar under whose hands `file` becomes short, each time or the first."""
    size = 3_000_000
    longer = f"head -c {size} /dev/zero | tr '\\0' x > {file}"
    # The pipe is full long before the file has passed, and tar waits until it is short.
    there = f"case $* in *{file.name}*) ;; *) {TAR};; esac\n"
    if once:
        there += f"[ -e {file}.done ] && {TAR}\n: > {file}.done\n"
    reading = f'{BUSYBOX} tar "$@" | {{ dd bs=4096 count=1; truncate -s 1000 {file}; cat; }}'
    return f"{NOT_FOR_THE_PROBE}{there}{'' if once else longer}\n{reading}"


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.long
async def test_a_file_that_shrinks_kills_tar_and_loses_nothing_else(
    start: Starter, place: Path, once: bool
) -> None:
    source = application(place / "source")
    file = source / "app/file000.big"
    file.write_bytes(b"x" * 3_000_000)
    (source / "app/other.big").write_bytes(os.urandom(4_000_000))
    bench = start(scripts={"tar": shrinking(file, once=once)})
    result, target = await bench.restored(bench.server(source, exclude=("*.done",)))
    restored = content(target / str(source).lstrip("/"))
    assert result.files == 22
    assert {name for name in restored if restored[name] != (source / name).read_bytes()} <= {
        "app/file000.big"
    }
    if once:
        assert (bench.told.findings, result.outcome) == ([], Outcome.DONE)
        assert restored["app/file000.big"] == b"x" * 1000
    else:
        assert bench.told.reasons == {"file000.big": second_try.SHRUNK}
        assert set(restored["app/file000.big"]) == set(b"x\0")


async def test_a_tar_that_dies_in_the_middle_goes_on_with_what_is_left(start: Starter, place: Path) -> None:
    source = application(place / "source")
    script = f'{NOT_FOR_THE_PROBE}{BUSYBOX} tar "$@" | head -c 20000; echo "tar: out of memory" >&2; exit 1'
    bench = start(without=["gzip"], scripts={"tar": script})
    result, _ = await bench.fetch(bench.server(source))
    assert result.files == 20
    assert "tar: out of memory" in bench.told.reasons.values()
    assert result.outcome is Outcome.WARNINGS


@pytest.mark.long
async def test_a_tar_that_always_dies_ends_the_step(start: Starter, place: Path) -> None:
    source = application(place / "source")
    script = f'{NOT_FOR_THE_PROBE}echo "tar: out of memory" >&2; exit 1'
    bench = start(scripts={"tar": script})
    with pytest.raises(DownloadError, match=r"tar exited with 123: tar: out of memory"):
        await bench.fetch(bench.server(source))


# what the inventory must tell


async def test_a_folder_that_is_a_symlink_is_followed_and_recorded(start: Starter, place: Path) -> None:
    source = application(place / "releases/42")
    current = place / "current"
    current.symlink_to("releases/42")
    bench = start()
    result, target = await bench.restored(bench.server(current))
    assert (bench.told.findings, result.outcome) == ([], Outcome.DONE)
    assert result.folders[0].resolved == str(source.resolve())
    assert content(target / str(current).lstrip("/")) == content(source)


async def test_folders_that_are_missing_files_or_empty_are_never_green(start: Starter, place: Path) -> None:
    source = application(place / "source")
    (place / "file").write_text("x")
    (place / "empty").mkdir()
    bench = start()
    result, _ = await bench.fetch(bench.server(source, place / "nowhere", place / "file", place / "empty"))
    assert [folder.whole for folder in result.folders] == [True, False, False, False]
    assert [finding.reason for finding in result.findings] == [
        "is missing on the server",
        NO_FOLDER,
        "is empty",
    ]


async def test_what_may_not_be_listed_is_told(start: Starter, place: Path) -> None:
    source = application(place / "source")
    (source / "closed").mkdir()
    (source / "closed").chmod(0)
    bench = start(LIMITED)
    result, _ = await bench.fetch(bench.server(source))
    assert bench.told.reasons == {"closed": complaints.PERMISSION}
    assert result.files == 20


async def test_another_file_system_in_the_folder_is_told(start: Starter, mount_point: Path) -> None:
    bench = start()
    _, incoming = await bench.fetch(bench.server(mount_point.parent))
    assert bench.told.reasons["uploads"].startswith("another file system is mounted here")
    assert os.fsencode(mount_point / "there") not in listed(incoming)


async def test_a_find_that_knows_too_little_is_told_from_a_missing_folder(
    start: Starter, place: Path
) -> None:
    source = application(place / "source")
    script = f"case $* in *-regex*) echo 'find: unrecognized: -regex' >&2; exit 1;; esac; exec {BUSYBOX} find \"$@\""
    bench = start(scripts={"find": script})
    with pytest.raises(DownloadError, match=r"siakad: the inventory failed: find: unrecognized: -regex"):
        await bench.fetch(bench.server(source, exclude=("*.log",)))


async def test_excluded_names_are_not_read(start: Starter, place: Path) -> None:
    source = application(place / "source", 3)
    (source / "app/cache/deep").mkdir(parents=True)
    (source / "app/cache/deep/x").write_text("x")
    (source / "error.log").write_text("x")
    bench = start()
    result, incoming = await bench.fetch(bench.server(source, exclude=("**/cache/**", "*.log")))
    names = {path.removeprefix(os.fsencode(source)) for path in listed(incoming)}
    assert names == {b"", b"/app", b"/app/cache", *(b"/app/file%03d.php" % number for number in range(3))}
    assert result.outcome is Outcome.DONE
