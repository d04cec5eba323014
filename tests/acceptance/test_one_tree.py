"""One run reads one tree, wherever the links to it lead meanwhile: releases that are switched, renamed and removed.

The server's own tools are wrapped, so that the switch comes at the one moment that matters.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.toolboxes import BUSYBOX, OLD_FIND, only, toolbox
from tuibackup.demo.sshd import PrivateSshd

SECOND = 1_700_000_000


class Releases:
    """`current` leads to one of two releases, in which every file has the same name, size and time."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.current = place / "current"
        for release in ("41", "42"):
            folder = place / "releases" / release
            (folder / "app").mkdir(parents=True)
            for number in range(30):
                path = folder / f"app/file-{number:02}"
                path.write_text(f"release {release}, file {number:02}\n")
                os.utime(path, (SECOND, SECOND))
        self.current.symlink_to("releases/41")

    @property
    def switch(self) -> str:
        return f"ln -sfn releases/42 {self.current}"

    @property
    def switched(self) -> str:
        """What a run says that saw the switch."""
        old, new = self.place / "releases/41", self.place / "releases/42"
        return f"pointed to {old} when this run began and to {new} at its end; {old} is what was stored"

    def seen(self, folder: Path) -> set[str]:
        """The releases that files below `folder` are of."""
        return {path.read_text().split(",")[0] for path in folder.rglob("file-*")}


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "srv")


def at(place: Path, tool: str, deed: str, *, busybox: bool = False) -> PrivateSshd:
    """A server that does `deed` once, just before its `tool` begins."""
    real = f"{BUSYBOX} {tool}" if busybox else shutil.which(tool)
    # the probe asks for versions: that is not yet the work
    text = (
        f'case "$*" in *-xdev*|*-C*|*-0*) if mkdir {place}/{tool}.done 2>/dev/null; then {deed}; fi;; esac\n'
        f'exec {real} "$@"'
    )
    scripts = {tool: text} if busybox or tool != "xargs" else {tool: text, "find": OLD_FIND}
    tools = toolbox(place / f"tools-{tool}", busybox=busybox, scripts=scripts)
    return PrivateSshd(place / f"sshd-{tool}", force_command=only(tools))


def stored(site: Site, into: str = "back") -> Path:
    """The newest snapshot, restored by its own script."""
    target = site.folder / into
    script = site.snapshots("s", "files")[-1] / "restore.sh"
    subprocess.run(["sh", script, target], check=True, capture_output=True)
    return target


def reasons(said: Said) -> list[str]:
    return [event["reason"] for event in said.events if event["event"] == "step-finding"]


def just_before(tool: str) -> pytest.MarkDecorator:
    """The moment: before tar or `tool` begins, GNU's or BusyBox's. By default one is tried."""
    return pytest.mark.parametrize(
        ("tool", "busybox"),
        [
            pytest.param("tar", False, id="tar-gnu"),
            pytest.param(tool, True, id=f"{tool}-busybox", marks=pytest.mark.long),
            pytest.param("tar", True, id="tar-busybox", marks=pytest.mark.long),
            pytest.param(tool, False, id=f"{tool}-gnu", marks=pytest.mark.long),
        ],
    )


@just_before("find")
@pytest.mark.long
def test_a_link_that_is_switched_during_a_run_gives_the_release_of_its_beginning(
    site: Site, releases: Releases, tool: str, busybox: bool
) -> None:
    with at(site.folder, tool, releases.switch, busybox=busybox) as sshd:
        site.add("s", sshd, [releases.current])
        said = site.tuibackup("run", "s", "--json")
    assert said.code == 3, said.out
    assert reasons(said) == [releases.switched]
    back = stored(site) / str(releases.current).lstrip("/")
    assert len(list(back.rglob("file-*"))) == 30
    assert releases.seen(back) == {"release 41"}
    assert said.finished["files"]["whole"]


@pytest.mark.long
def test_the_run_after_a_switch_stores_the_other_release(site: Site, releases: Releases) -> None:
    with PrivateSshd(site.folder / "sshd") as sshd:
        site.add("s", sshd, [releases.current / "app"])  # the link is above the folder
        assert site.tuibackup("run", "s").code == 0
        os.system(releases.switch)
        said = site.tuibackup("run", "s", "--json")
    assert said.code == 0, said.out
    back = stored(site) / str(releases.current).lstrip("/")
    assert releases.seen(back) == {"release 42"}


@pytest.fixture
def sftp_only(site: Site) -> Iterator[PrivateSshd]:
    with PrivateSshd(site.folder / "sftp", force_command="internal-sftp") as sshd:
        yield sshd


@pytest.mark.long
def test_over_sftp_the_next_release_is_fetched_though_size_and_second_are_the_same(
    site: Site, releases: Releases, sftp_only: PrivateSshd
) -> None:
    site.add("s", sftp_only, [releases.current])
    assert site.tuibackup("run", "s").code == 0
    os.system(releases.switch)
    assert site.tuibackup("run", "s").code == 0
    assert releases.seen(stored(site)) == {"release 42"}


@pytest.mark.long
def test_over_sftp_a_link_that_is_switched_gives_the_release_of_the_beginning(
    site: Site, releases: Releases
) -> None:
    # a channel for the inventory, the next one for the contents
    text = (
        f"case $SSH_ORIGINAL_COMMAND in *sftp*) mkdir {site.folder}/first 2>/dev/null || {releases.switch};; esac; "
        "exec /usr/lib/openssh/sftp-server"
    )
    with PrivateSshd(site.folder / "sftp", force_command=text) as sshd:
        site.add("s", sshd, [releases.current])
        said = site.tuibackup("run", "s", "--json")
    assert said.code == 3, said.out
    assert reasons(said) == [releases.switched]
    assert releases.seen(stored(site)) == {"release 41"}


@pytest.mark.parametrize(
    "busybox", [pytest.param(False, id="gnu"), pytest.param(True, id="busybox", marks=pytest.mark.long)]
)
@pytest.mark.long
def test_a_folder_that_is_replaced_while_it_is_read_is_never_green(
    site: Site, releases: Releases, busybox: bool
) -> None:
    releases.current.unlink()
    (releases.place / "releases/41").rename(releases.current)
    deed = f"mv {releases.current} {releases.place}/old; mv {releases.place}/releases/42 {releases.current}"
    with at(site.folder, "tar", deed, busybox=busybox) as sshd:
        site.add("s", sshd, [releases.current])
        said = site.tuibackup("run", "s", "--json")
    assert said.code == 3
    replaced = "was replaced by another folder while it was read: what is stored may be of both"
    assert replaced in reasons(said)
    assert "whole" not in said.finished["files"]
    assert site.tuibackup("status").code == 4


@just_before("xargs")
def test_a_release_that_is_removed_while_it_is_read_is_never_green(
    site: Site, releases: Releases, tool: str, busybox: bool
) -> None:
    deed = f"{releases.switch}; rm -rf {releases.place}/releases/41"
    with at(site.folder, tool, deed, busybox=busybox) as sshd:
        site.add("s", sshd, [releases.current])
        said = site.tuibackup("run", "s", "--json")
    assert said.code in (1, 3), said.out
    assert site.tuibackup("status").code == 4
    assert "release 42" not in (releases.seen(stored(site)) if site.snapshots("s", "files") else set())
    assert "removed" in said.out
