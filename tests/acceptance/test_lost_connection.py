"""A connection that is cut and comes back: the run goes on, and what came whole is not fetched again."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.acceptance.resumed import (
    HELLO,
    MB,
    done_after_cuts,
    nothing_twice,
    progress,
    random_files,
    restores,
    verifies,
)
from tests.acceptance.site import TUIBACKUP, Site
from tests.line import Line
from tests.lockedkey import locked_key
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture
def sshd(ticking: PrivateSshd) -> PrivateSshd:
    return ticking


@pytest.mark.long
def test_cut_during_the_inventory(site: Site, line: Line, site_over: Callable[..., Path]) -> None:
    root = site_over()
    for number in range(3000):
        (root / f"{'a-long-name-' * 8}{number:05}").touch()
    line.cuts = [200_000]
    said = site.tuibackup("run", "siakad", "--json")
    assert done_after_cuts(said, 1)["files"]["items"] == 3000
    restores(site, root)


@pytest.mark.long
def test_cut_in_a_small_file_and_several_times(
    site: Site, line: Line, site_over: Callable[..., Path]
) -> None:
    root = site_over()
    size = random_files(root / "a", 30, MB // 4)
    random_files(root / "b", 5, 100)
    line.cuts = [1 * MB, 2 * MB, 3 * MB]
    said = site.tuibackup("run", "siakad", "--json")
    done_after_cuts(said, 3)
    (snapshot,) = site.snapshots("siakad", "files")
    nothing_twice(snapshot, root)
    # Each cut file comes again, and what was on its way through pipes and packets is lost.
    assert line.bytes <= size + 3 * (MB // 4 + HELLO) + HELLO + 3 * MB // 4
    assert site.incoming() == []
    assert len(list(snapshot.glob("*.tar.zst"))) == 4, "a part for each connection"
    steps = progress(said)
    assert {step["items-total"] for step in steps} == {35}
    for before, after in pairwise(steps):
        assert after["items"] >= before["items"]
        assert after["bytes"] >= before["bytes"] - MB // 4, "no further back than the file that was cut"
    restores(site, root)
    verifies(site)


@pytest.mark.parametrize(
    "large", [20 * MB, pytest.param(2000 * MB, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
@pytest.mark.long
def test_cut_in_a_large_file_fetches_only_that_again(
    site: Site, line: Line, site_over: Callable[..., Path], large: int
) -> None:
    root = site_over()
    before = random_files(root, 10, MB, "a")
    random_files(root, 1, large, "b")
    after = random_files(root, 10, MB, "c")
    line.cuts = [before + large // 2]
    said = site.tuibackup("run", "siakad", "--json", timeout=600)
    done_after_cuts(said, 1)
    (snapshot,) = site.snapshots("siakad", "files")
    nothing_twice(snapshot, root)
    assert line.came[1] < line.came[0] + large + after, (
        "the small ones that came before are not fetched again"
    )
    restores(site, root)
    verifies(site)


@pytest.mark.long
def test_cut_at_the_very_end(site: Site, line: Line, site_over: Callable[..., Path]) -> None:
    root = site_over()
    size = random_files(root, 8, MB)
    whole = measured(site, line)
    random_files(root, 8, MB)  # others of the same size
    line.cuts = [*([1 << 40] * len(line.came)), whole - 2_000]
    said = site.tuibackup("run", "siakad", "--full", "--json")
    done_after_cuts(said, 1)
    nothing_twice(site.snapshots("siakad", "files")[-1], root)
    assert line.came[-1] < size / 2
    restores(site, root)


def measured(site: Site, line: Line) -> int:
    """The bytes of a whole run."""
    before = line.bytes
    assert site.tuibackup("run", "siakad").code == 0
    return line.bytes - before


@pytest.mark.long
def test_the_terminal_shows_that_it_tries_again_and_a_passphrase_is_not_asked_for_twice(
    site: Site, line: Line, sshd: PrivateSshd, site_over: Callable[..., Path], tmp_path: Path
) -> None:
    root = site_over()
    random_files(root, 4, MB)
    key = locked_key(sshd, tmp_path, "planted-phrase")
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(key))
    site.write_config()
    line.cuts, line.goes_after_cut = [2 * MB], True
    with Terminal(
        [str(TUIBACKUP), "run", "siakad"], site.environment(), columns=150, cwd=site.home
    ) as terminal:
        terminal.wait_for("locked_key")
        terminal.send("planted-phrase\r")
        terminal.wait_for("► 2 download", "connection lost, trying again in 2 s (2)", seconds=60)
        line.goes_after_cut = False
        line.open()
        terminal.wait_for("connection lost: trying again", "connected again after", seconds=60)
        assert terminal.wait(60) == 0, terminal.text
        assert b"planted-phrase" not in terminal.raw
    restores(site, root)
