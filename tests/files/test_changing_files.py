"""Step 2 while the application goes on writing: files that vanish, change or shrink are fetched again or listed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.files.conftest import Bench, listed
from tests.files.sources import application, content, writing
from tests.vault import trees
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.files import second_try
from tuibackup.files.shell import complaints, order, stream
from tuibackup.sop import Outcome
from tuibackup.vault.layout import Vault


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
        "file003.php": second_try.PADDED.format(reason="File shrank by 9 bytes; padding with zeros")
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
