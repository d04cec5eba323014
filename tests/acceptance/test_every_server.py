"""Every kind of server that has a shell: backed up exactly, then only what changed, whatever tools it has.

An account of each kind logs in to a real sshd and finds in its PATH the tools of its kind and no others. The tree
holds what is hard to carry (links, owners, odd names, holes, times); extended attributes are in a test of their own.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Site
from tests.acceptance.test_resume import members
from tests.toolboxes import only, toolbox
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
DEFAULT = {
    "busybox",
    "busybox-find",
    "busybox-tar",
    "no-packer",
    "sudo-busybox",
    "fish-busybox",
    "csh-busybox",
}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every account may enter."""
    with tempfile.TemporaryDirectory(prefix="tuibackup-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    """The tree; of what it is when a test begins, nothing is so young that it is fetched again."""
    (place / "srv").mkdir(mode=0o700)
    root = trees.tricky(place / "srv/app lication")
    for path in (root / "attributes", root / "attributes/with"):
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
        command = unprivileged(here, tools, command)
    with PrivateSshd(here / "sshd", force_command=command) as sshd:
        yield sshd


def unprivileged(here: Path, tools: Path, command: str) -> str:
    """`command` as an account that may read nothing of root's but with sudo, and with that start find and tar only.

    The rule is seen by this login alone: it lies over /etc/sudoers in a mount namespace of its own.
    """
    rules = here / "sudoers"
    rules.write_text(f"Defaults secure_path={tools}\nnobody ALL=(root) NOPASSWD: {tools}/find, {tools}/tar\n")
    rules.chmod(0o440)
    login = here / "login"
    login.write_text(
        f"#!/bin/sh\nmount --bind {rules} /etc/sudoers || exit 99\n"
        f"exec setpriv --reuid=65534 --regid=65534 --clear-groups sh {here}/command\n"
    )
    (here / "command").write_text(command)
    login.chmod(0o755)
    return f"exec unshare -m {login}"


@pytest.mark.parametrize(
    "name", [one if one in DEFAULT else pytest.param(one, marks=pytest.mark.long) for one in KINDS]
)
def test_a_server_of_every_kind_is_backed_up_exactly(
    site: Site, place: Path, source: Path, name: str
) -> None:
    kind = KINDS[name]
    if kind.sudo and (os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode):
        pytest.skip("only root can make an account that sudo knows")
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
