"""Every kind of server that has a shell: backed up exactly, then only what changed, whatever tools it has.

An account of each kind logs in to a real sshd and finds in its PATH the tools of its kind and no others. The tree
holds what is hard to carry (links, owners, odd names, holes, times); extended attributes are in a test of their own.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.resumed import done_after_cuts, members, nothing_twice, random_files, restores
from tests.acceptance.site import Site
from tests.line import Line
from tests.toolboxes import BUSYBOX, only, toolbox, with_sudo
from tests.vault import trees
from tuibackup.demo.sshd import PrivateSshd

TICK = 3.2  # what is younger when it is listed is fetched again by the next run
ATTRIBUTES = "extended attributes and access lists"


@dataclass(frozen=True)
class Kind:
    """A kind of server: `tools` for `toolbox`, the login shell, whether everything is read with sudo.

    `check` is what `tuibackup check` says of its tools.
    """

    check: str
    tools: Mapping[str, Any] = field(default_factory=dict)
    shell: str = ""
    sudo: bool = False
    limits: tuple[str, ...] = ()


TAR = (
    "gnu "
    + subprocess.run(["tar", "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()[3]
)
ALL_BUSYBOX = "find (busybox) with stat (busybox), tar (busybox), gzip"
GNU: dict[str, Any] = {"busybox": False}
KINDS = {
    "busybox": Kind(ALL_BUSYBOX, limits=(ATTRIBUTES,)),
    "busybox-find": Kind(f"find (busybox) with stat (busybox), tar ({TAR}), zstd", {"real": ["tar", "zstd"]}),
    "busybox-tar": Kind("find (gnu), tar (busybox), gzip", {"real": ["find"]}, limits=(ATTRIBUTES,)),
    "busybox-no-packer": Kind(
        "find (busybox) with stat (busybox), tar (busybox)", {"without": ["gzip"]}, limits=(ATTRIBUTES,)
    ),
    "busybox-gnu-stat": Kind(
        "find (busybox) with stat (gnu), tar (busybox), gzip", {"real": ["stat"]}, limits=(ATTRIBUTES,)
    ),
    "no-zstd": Kind(f"find (gnu), tar ({TAR}), gzip", {**GNU, "without": ["zstd"]}),
    "no-gzip": Kind(f"find (gnu), tar ({TAR}), zstd", {**GNU, "without": ["gzip"]}),
    "no-packer": Kind(f"find (gnu), tar ({TAR})", {**GNU, "without": ["zstd", "gzip"]}),
    "no-nice": Kind(f"find (gnu), tar ({TAR}), zstd", {**GNU, "without": ["nice", "ionice"]}),
    "sudo": Kind(f"find (gnu), tar ({TAR}), zstd", GNU, sudo=True),
    "sudo-busybox": Kind(ALL_BUSYBOX, {"real": ["sudo"]}, sudo=True, limits=(ATTRIBUTES,)),
    "sudo-busybox-find": Kind(
        f"find (busybox) with stat (busybox), tar ({TAR}), gzip", {"real": ["sudo", "tar"]}, sudo=True
    ),
    "sudo-busybox-tar": Kind(
        "find (gnu), tar (busybox), gzip", {"real": ["sudo", "find"]}, sudo=True, limits=(ATTRIBUTES,)
    ),
    "fish": Kind(f"find (gnu), tar ({TAR}), zstd", GNU, shell="/usr/bin/fish"),
    "csh": Kind(f"find (gnu), tar ({TAR}), zstd", GNU, shell="/usr/bin/csh"),
    "fish-busybox": Kind(ALL_BUSYBOX, shell="/usr/bin/fish", limits=(ATTRIBUTES,)),
    "csh-busybox": Kind(ALL_BUSYBOX, shell="/usr/bin/csh", limits=(ATTRIBUTES,)),
}


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    """The tree; of what it is when a test begins, nothing is so young that it is fetched again."""
    (place / "srv").mkdir(mode=0o700)
    root = trees.tricky(place / "srv/app lication")
    for path in (root / "attributes", *(root / "attributes").iterdir()):
        for attribute in os.listxattr(path):
            os.removexattr(path, attribute)
    (root / "many").mkdir()
    for number in range(700):
        (root / f"many/{number}").write_text(f"{number}\n" * (number % 50))
    time.sleep(TICK)
    return root


@contextmanager
def server(place: Path, name: str, kind: Kind) -> Iterator[PrivateSshd]:
    """An sshd with an account of that kind."""
    here = place / name
    here.mkdir()
    tools = toolbox(here / "tools", **kind.tools)
    command = only(tools, shell=kind.shell)
    if kind.sudo:
        command = with_sudo(here, tools, command)
    with PrivateSshd(here / "sshd", force_command=command) as sshd:
        yield sshd


# By default the sets of tools are tried in tests/files/test_other_tools.py, without a command and a server for each.
@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
def test_a_server_of_every_kind_is_backed_up_exactly(
    site: Site, place: Path, source: Path, name: str
) -> None:
    kind = KINDS[name]
    if kind.shell and not shutil.which(kind.shell):
        pytest.skip(f"{kind.shell} is not installed")
    with server(place, name, kind) as sshd:
        site.add("siakad", sshd, [source], extra="sudo = true\n" if kind.sudo else "")

        said = site.tuibackup("check", "siakad")
        assert kind.check in said.out, said.out + said.err
        assert all(limit in said.out for limit in kind.limits)

        said = site.tuibackup("run", "siakad", "--only", "files", "--json")
        assert (said.code, said.finished["outcome"]) == (0, "done"), said.out + said.err

        edited = edit(source, name)
        said = site.tuibackup("run", "siakad", "--only", "files", "--json")
        assert (said.code, said.finished["outcome"]) == (0, "done"), said.out + said.err
        snapshot = site.snapshots("siakad", "files")[-1]
        # tar -t writes a line break as two letters
        assert {f"/{path}".replace(r"\n", "\n") for path in members(snapshot)} == edited
        target = site.folder / "restored"
        said = site.tuibackup("restore", "siakad/files/latest", "--to", str(target))
        assert said.code == 0, said.err
        assert trees.differences(source, Path(f"{target}{source}")) == []

    summary = json.loads((snapshot / "snapshot.json").read_text())
    assert tuple(summary["limits"]) == kind.limits


def edit(source: Path, name: str) -> set[str]:
    """Change a few files, always the same ones; the paths of those that hold something new now."""
    (source / "many/7").write_text(name)
    (source / "odd" / "new\nline").write_text(name)
    (source / "many/new").write_text(name)
    return {str(path) for path in (source / "many/7", source / "odd" / "new\nline", source / "many/new")}


# What happens while BusyBox's tar reads. It says 0 where a file changes and dies where one becomes shorter.


@contextmanager
def meddled(place: Path, name: str, meddling: str) -> Iterator[PrivateSshd]:
    """A BusyBox server where `meddling` happens to the files while the first tar sends the first of them."""
    done = place / f"{name}.done"
    script = f"""case "$*" in *--version*|*--help*) exec {BUSYBOX} tar "$@";; esac
[ -e {done} ] && exec {BUSYBOX} tar "$@"
: > {done}
{BUSYBOX} tar "$@" | {{ dd bs=512 count=1; {meddling}; cat; }}"""
    with server(place, name, Kind("", {"scripts": {"tar": script}})) as sshd:
        yield sshd


@pytest.fixture
def website(place: Path, tmp_path: Path) -> Path:
    """Files of 600 kB, which are on their way when something happens to the later ones."""
    root = tmp_path / "website"
    root.mkdir()
    for number in range(8):
        (root / f"{number}.bin").write_bytes(os.urandom(600_000))
    return root


def restored(site: Site, source: Path) -> dict[str, bytes]:
    target = site.folder / "restored"
    said = site.tuibackup("restore", "siakad/files/latest", "--to", str(target))
    assert said.code == 0, said.err
    return {path.name: path.read_bytes() for path in Path(f"{target}{source}").iterdir()}


def content(source: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in source.iterdir()}


@pytest.mark.parametrize(
    "what",
    ["changes", *(pytest.param(what, marks=pytest.mark.long) for what in ("grows", "shrinks", "vanishes"))],
)
@pytest.mark.long
def test_what_happens_while_busybox_reads_is_seen_and_costs_nothing_else(
    site: Site, place: Path, website: Path, what: str
) -> None:
    # the order of an inventory is the folder's own: the first is under way then, the last not read yet
    command = [BUSYBOX, "find", website, "-type", "f"]
    first, *_, file = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    meddling = {
        "changes": f"echo changed | dd of={file} conv=notrunc seek=1",
        "grows": f"cat {file} {file} > {file}.new; cat {file}.new >> {file}; rm {file}.new",
        "shrinks": f"truncate -s 1000 {first} {file}",
        "vanishes": f"rm {file}",
    }[what]
    with meddled(place, what, f"{{ {meddling}; }} >/dev/null 2>&1") as sshd:
        site.add("siakad", sshd, [website])
        said = site.tuibackup("run", "siakad", "--json")
    finished = said.finished
    found = [event["reason"] for event in said.events if event["event"] == "step-finding"]
    if what == "vanishes":
        assert (finished["outcome"], found) == ("warnings", ["vanished while the backup ran"]), said.out
    else:
        assert (finished["outcome"], found) == ("done", []), said.out
    assert restored(site, website) == content(website)


@pytest.mark.long
def test_a_line_that_is_cut_between_batches_goes_on_where_it_was(
    site: Site, place: Path, tmp_path: Path
) -> None:
    root = tmp_path / "website"
    size = random_files(root, 1200, 5_000)
    with server(place, "cut", KINDS["busybox"]) as sshd, Line(sshd.port) as line:
        site.add("siakad", sshd, [root])
        site.servers["siakad"] = site.servers["siakad"].replace(f"port = {sshd.port}", f"port = {line.port}")
        with (site.home / ".ssh/known_hosts").open("a") as known:
            known.writelines(
                one.replace(f":{sshd.port} ", f":{line.port} ") + "\n" for one in sshd.known_hosts_lines
            )
        site.write_config()
        line.cuts = [size // 2]
        said = site.tuibackup("run", "siakad", "--json")
        done_after_cuts(said, 1)
        (snapshot,) = site.snapshots("siakad", "files")
        nothing_twice(snapshot, root)
        restores(site, root)


# What cannot be read is said in one line, before anything is stored


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("sudo", "there is no sudo on this server"),
        pytest.param("tar", "over SFTP there is no sudo", marks=pytest.mark.long),
        pytest.param("stat", "over SFTP there is no sudo", marks=pytest.mark.long),
    ],
)
def test_a_server_without_what_sudo_needs_is_refused_in_one_line(
    site: Site, place: Path, tmp_path: Path, without: str, message: str
) -> None:
    (tmp_path / "website").mkdir()
    with server(place, f"without-{without}", Kind("", {"without": [without]})) as sshd:
        site.add("siakad", sshd, [tmp_path / "website"], extra="sudo = true\n")
        checked = site.tuibackup("check", "siakad")
        said = site.tuibackup("run", "siakad", "--only", "files", "--json")
    assert message in checked.out
    assert checked.code != 0
    assert (said.code, said.finished["outcome"]) == (1, "failed")
    assert message in said.out
    assert site.snapshots("siakad", "files") == site.incoming() == []
