"""What the server's tools complain of counts: a disk that fails, numbers that lie, tools that die.

Real tools read a real tree through a library that makes the disk fail (tests/faulty.c). A file that came with zeros
in the place of what could not be read was once stored as done, proven green, and never fetched again.
"""

import os
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.faulty import FaultyServer, faulty_server
from tests.toolboxes import toolbox

TOLD = ("Input/output error", "Failure", "File shrank by ")  # what the tools say of it
KINDS = (
    "gnu",
    pytest.param("gnu-no-packer", marks=pytest.mark.long),
    pytest.param("busybox", marks=pytest.mark.long),
    pytest.param("sftp", marks=pytest.mark.long),
)


# Files must not look as if they were written while they were listed: they would be fetched again for that alone.
AHEAD = {"date": 'case $1 in +%s) echo $(($(/usr/bin/date +%s) + 10)) ;; *) exec /usr/bin/date "$@" ;; esac'}


# GNU's find tells the file system: here one that is not believed.
FUSE = {"find": r"""/usr/bin/find "$@" | sed -z 's/^\([fdl]\( [0-9.]*\)\{10\}\) [a-z0-9]*$/\1 fuse.x/'"""}


def served(
    place: Path, kind: str, scripts: Mapping[str, str] = types.MappingProxyType({})
) -> Iterator[FaultyServer]:
    tools = place / "tools"
    scripts = {**AHEAD, **scripts}
    if kind == "busybox":
        toolbox(tools, scripts=scripts)
    else:
        without = ("zstd", "gzip") if "no-packer" in kind else ()
        toolbox(tools, busybox=False, without=without, scripts=scripts)
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


@pytest.mark.long
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
        assert said.finished["files"].get("changed", len(bad)) == len(bad), "what came is not fetched again"
    server.fails()
    said = run(site)
    assert said.finished["outcome"] == "done", said.out
    assert restored(site, root) == {path.name: path.read_bytes() for path in root.iterdir()}


@pytest.fixture
def gnu(tmp_path: Path) -> Iterator[FaultyServer]:
    yield from served(tmp_path, "gnu")


@pytest.mark.parametrize("kind", ["gnu", pytest.param("busybox", marks=pytest.mark.long)])
@pytest.mark.long
def test_a_block_count_is_no_content(site: Site, tmp_path: Path, kind: str) -> None:
    """Many FUSE file systems tell 0 blocks of every file: `tar --sparse` takes each for one hole."""
    root = tree(tmp_path, 8)
    (root / "small").write_bytes(b"<?php\n")
    (root / "hole").touch()
    os.truncate(root / "hole", 3_000_000)
    for server in served(tmp_path, kind):
        site.add("siakad", server.sshd, [root])
        server.fails(f"blocks 0 {root}/")
        said = run(site)
        assert said.finished["outcome"] == "done", said.out
        assert restored(site, root) == {path.name: path.read_bytes() for path in root.iterdir()}


@pytest.mark.parametrize(
    "kind", ["gnu", *(pytest.param(one, marks=pytest.mark.long) for one in ("busybox", "sftp"))]
)
@pytest.mark.long
def test_size_0_is_no_content(site: Site, tmp_path: Path, kind: str) -> None:
    """/proc, many FUSE and some network file systems tell it of files that are full: stored empty, and green."""
    root = tree(tmp_path, 5)
    (root / "empty").touch()
    (root / "link").symlink_to("file000")
    bad = {"file001": "has size 0 and is not empty", "file003": "has size 0 and cannot be read"}
    if kind == "busybox":  # its head reads in a way that this disk does not reach
        bad["file003"] = "has size 0"
    good = {path.name: path.read_bytes() for path in root.iterdir() if path.name not in bad}
    for server in served(tmp_path, kind, FUSE if kind == "gnu" else {}):
        site.add("siakad", server.sshd, [root])
        server.fails(*(f"size 0 {root}/{name}" for name in bad), f"link 0 {root}/", f"read 0 {root}/file003")
        said = run(site)
        assert said.finished["outcome"] == "warnings", said.out
        found = findings(said)
        assert found.keys() == bad.keys()
        assert all(words in found[name] for name, words in bad.items()), found
        assert restored(site, root) == good
        server.fails()
        said = run(site)
        assert said.finished["outcome"] == "done", said.out
        assert restored(site, root) == {path.name: path.read_bytes() for path in root.iterdir()}


@pytest.mark.parametrize("kind", ["busybox", pytest.param("sftp", marks=pytest.mark.long)])
@pytest.mark.long
def test_a_list_that_lacks_names_is_no_folder(site: Site, tmp_path: Path, kind: str) -> None:
    """An error in the middle of a folder: BusyBox's find and sftp-server take it for the end, and say nothing."""
    root = tree(tmp_path, 4)
    for name in ("left", "right"):
        (root / name).mkdir()
        for one in range(8):
            (root / name / f"{one}").write_text("x" * 100)
    for path in (*root.glob("*/*"), root / "left", root / "right", root):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    for server in served(tmp_path, kind):
        site.add("siakad", server.sshd, [root])
        assert run(site).finished["outcome"] == "done"
        server.fails(f"names 5 {root}/left")
        said = run(site, "--full")
        assert said.finished["outcome"] == "warnings", said.out
        found = findings(said)
        assert found.keys() == {"left"}, found
        assert "lists fewer names than last time (5 of 8) though the folder was not changed" in found["left"]
        server.fails(f"names 1 {root}/")
        said = run(site)
        assert not said.finished["files"].get("whole"), "most of the files are lacking"
        server.fails()
        (root / "right" / "3").unlink()
        assert run(site).finished["outcome"] == "done"


@pytest.mark.long
def test_names_that_a_find_keeps_to_itself_are_missed_too(site: Site, tmp_path: Path) -> None:
    """GNU's find tells of errors, and its listings are compared byte by byte: the same listing again is no proof."""
    hide = """[ -e FLAG ] && for word do
        shift; set -- "$@" "$word"; [ "$word" = -xdev ] && set -- "$@" '!' -name 7
    done; exec /usr/bin/find "$@" """
    root = tree(tmp_path, 8)
    (root / "file007").rename(root / "7")
    os.utime(root, (1_600_000_000, 1_600_000_000))
    for server in served(tmp_path, "gnu", {"find": hide.replace("FLAG", str(tmp_path / "flag"))}):
        site.add("siakad", server.sshd, [root])
        assert run(site).finished["outcome"] == "done"
        assert run(site).finished["outcome"] == "done"
        (tmp_path / "flag").touch()
        for _ in range(2):
            found = findings(run(site))
            assert "7 of 8" in found["app"], found
        os.utime(root)
        assert run(site).finished["outcome"] == "done", "whoever touches it says that it is right"


@pytest.mark.long
def test_an_inode_number_is_no_proof_of_a_hard_link(site: Site, gnu: FaultyServer, tmp_path: Path) -> None:
    """Every file has the same number, two names, size and time: one of them was stored in the place of all."""
    root = tree(tmp_path, 4)
    site.add("siakad", gnu.sshd, [root])
    gnu.fails(f"inode 7 {root}/")
    said = run(site)
    assert said.finished["outcome"] == "done", said.out
    assert restored(site, root) == {path.name: path.read_bytes() for path in root.iterdir()}


@pytest.mark.long
def test_a_run_that_is_killed_leaves_nothing_padded_to_the_next(
    site: Site, gnu: FaultyServer, tmp_path: Path
) -> None:
    """The archive with the padded file is closed and counts as kept; then the run dies, and the next takes it over."""
    root = tree(tmp_path)
    (root / "a-bad").write_bytes(b"x" * 50_000)
    (root / "zz-last").write_bytes(b"x" * 50_000)
    for name in ("a-bad", "zz-last"):
        os.utime(root / name, (1_600_000_000, 1_600_000_000))
    site.add("siakad", gnu.sshd, [root])
    # Each file makes an archive of its own, and the run ends by itself in the middle of the last.
    (site.folder / "hurry").mkdir()
    (site.folder / "hurry/sitecustomize.py").write_text(
        "from tuibackup.files import store\nstore.PART_SECONDS = 0.0\nstore._LAG = 0.1\n"
        "import os\nfrom tuibackup.vault.index import write\n"
        "stored = write.IndexWriter.stored\nhave = []\n"
        "def storing(self, *given):\n"
        "    stored(self, *given)\n"
        "    have.append(1)\n"
        "    if len(have) == 31: os._exit(9)\n"
        "write.IndexWriter.stored = storing\n"
    )
    gnu.fails(f"read 0 {root}/a-bad")
    hurry = {"PYTHONPATH": str(site.folder / "hurry")}
    said = site.tuibackup("run", "siakad", "--only", "files", "--json", env=hurry, timeout=120)
    assert said.code != 0
    (left,) = site.incoming()
    assert len(list(left.glob("files/*.tar.zst"))) > 5
    gnu.fails()
    said = run(site)
    assert said.finished["outcome"] == "done", said.out
    assert "of an interrupted run" in said.finished["files"]["detail"]
    assert restored(site, root) == {path.name: path.read_bytes() for path in root.iterdir()}


@pytest.mark.long
def test_tools_that_die_are_gone_on_without(site: Site, tmp_path: Path) -> None:
    """A packer that has no memory, no /etc/group, and a tar that a file kills, in every run."""
    scripts = {
        "zstd": "echo 'zstd: error 11 : Allocation error : not enough memory' >&2; exit 11",
        "getent": "exit 3",
        "nice": "echo 'nice: cannot set niceness: Operation not permitted' >&2; exit 1",
    }
    root = tree(tmp_path)
    tools = toolbox(tmp_path / "tools", busybox=False, scripts=scripts)
    with faulty_server(tmp_path, tools) as server:
        site.add("siakad", server.sshd, [root])
        said = run(site)
        assert said.finished["outcome"] == "done", said.out
        assert "trying again without compression on the server" in said.out
        assert "not enough memory" in said.out
        assert "does not tell the names of users and groups" in said.out
        assert len(restored(site, root)) == 30
        server.fails(f"die 20000 {root}/file007")
        said = run(site, "--full")
        assert findings(said).keys() == {"file007"}, said.out
        assert "the server's tar stops at this file" in findings(said)["file007"]
        assert len(restored(site, root)) == 29
        os.utime(root / "file007", (1_600_000_001, 1_600_000_001))
        said = run(site)
        assert said.finished["outcome"] == "warnings", said.out
        assert findings(said).keys() == {"file007"}


@pytest.mark.parametrize("kind", ["gnu", pytest.param("busybox", marks=pytest.mark.long)])
@pytest.mark.long
def test_a_tar_that_fails_without_a_word_is_not_believed(site: Site, tmp_path: Path, kind: str) -> None:
    """Its stream was whole, and its exit code alone said that something was not: that was green."""
    root = tree(tmp_path)
    real = "/usr/bin/tar" if kind == "gnu" else "/usr/bin/busybox tar"
    scripts = {"tar": f'{real} "$@"; code=$?; case "$*" in *"-c "*) exit 2;; esac; exit $code'}
    tools = toolbox(tmp_path / "tools", busybox=kind == "busybox", scripts=scripts)
    with faulty_server(tmp_path, tools) as server:
        site.add("siakad", server.sshd, [root])
        said = run(site)
    assert said.finished["outcome"] == "warnings", said.out
    assert "and did not say why" in said.out
    assert len(restored(site, root)) == 30
