"""What the server's tools complain of counts: a disk that fails, numbers that lie, tools that die.

Real tools read a real tree through a library that makes the disk fail (tests/faulty.c). A file that came with zeros
in the place of what could not be read was once stored as done, proven green, and never fetched again.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.faulty import FaultyServer, faulty_server
from tests.toolboxes import toolbox

TOLD = ("Input/output error", "Failure", "File shrank by ")  # what the tools say of it
KINDS = ("gnu", "gnu-no-packer", "busybox", "sftp")


def served(place: Path, kind: str) -> "Iterator[FaultyServer]":
    tools = None
    if kind == "busybox":
        tools = toolbox(place / "tools")
    elif kind == "gnu-no-packer":
        tools = toolbox(place / "tools", busybox=False, without=("zstd", "gzip"))
    with faulty_server(place, tools, sftp=kind == "sftp") as server:
        yield server


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultyServer]:
    yield from served(tmp_path, request.param)


def tree(place: Path, number: int = 30) -> Path:
    """Old files of 50,000 random bytes."""
    root = place / "srv/app"
    root.mkdir(parents=True)
    for one in range(number):
        path = root / f"file{one:03}"
        path.write_bytes(os.urandom(50_000))
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return root


def findings(said: Said) -> dict[str, str]:
    """The reason by the last part of the path."""
    return {
        event["subject"].rpartition("/")[2]: event["reason"]
        for event in said.events
        if event["event"] == "step-finding"
    }


def run(site: Site, *words: str) -> Said:
    return site.tuibackup("run", "siakad", "--only", "files", *words, "--json", timeout=120)


def restored(site: Site, root: Path) -> dict[str, bytes]:
    """What the newest snapshot gives back, by name."""
    target = site.folder / f"restored-{len(list(site.folder.glob('restored-*')))}"
    said = site.tuibackup("restore", "siakad/files/latest", "--to", str(target))
    assert said.code in (0, 3), said.err
    return {path.name: path.read_bytes() for path in (target / str(root)[1:]).iterdir()}


def test_a_disk_that_fails_is_told_and_asked_again_until_it_answers(
    site: Site, server: FaultyServer, tmp_path: Path
) -> None:
    """Input/output errors at the beginning, in the middle and at the end of the first, the last and others."""
    root = tree(tmp_path)
    bad = {"file000": 0, "file010": 20_000, "file011": 45_000, "file029": 0}
    site.add("siakad", server.sshd, [root])
    server.fails(*(f"read {at} {root}/{name}" for name, at in bad.items()))
    good = {path.name: path.read_bytes() for path in root.iterdir() if path.name not in bad}
    for _ in range(2):
        said = run(site)
        assert said.finished["outcome"] == "warnings", said.out
        found = findings(said)
        assert found.keys() == bad.keys()
        assert all(
            any(word in reason for word in ("Input/output error", "Failure", "File shrank by "))
            for reason in found.values()
        ), found
        assert good.items() <= restored(site, root).items()
    server.fails()
    said = run(site)
    assert said.finished["outcome"] == "done", said.out
    assert restored(site, root) == {path.name: path.read_bytes() for path in root.iterdir()}
