"""Files go back onto a server: into a new folder, never over anything, compared there, the swap only shown."""

import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.jobs import process_of
from tests.acceptance.mounting import mounted
from tests.acceptance.resumed import random_files
from tests.acceptance.site import Site
from tests.line import Line
from tests.toolboxes import BUSYBOX, acting, only, toolbox, with_sudo
from tuibackup.demo.sshd import PrivateSshd

FILES = "siakad/files/latest"
ROOT = os.geteuid() == 0
SECRET = b"Rahasia-7f3a"
OLD = 1_600_000_000


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    """What is backed up: every kind of name."""
    top = place / "server/var/www/siakad"
    (top / "up/2026").mkdir(parents=True)
    (top / "index.php").write_bytes(b"<?php\n" + SECRET)
    (top / "same.php").hardlink_to(top / "index.php")
    (top / "empty").touch()
    (top / "no files").mkdir()
    for name in (b"new\nline", b"-rf", b"back\\slash", b"\xff\xfe", b"\x1b[31mred", b" ", b"{}", b"n" * 255):
        os.close(os.open(bytes(top) + b"/" + name, os.O_CREAT | os.O_WRONLY))
        (top / os.fsdecode(name)).write_bytes(name)
    (top / ("d" * 200) / ("e" * 200)).mkdir(parents=True)
    (top / ("d" * 200) / ("e" * 200) / "deep").write_text("deep")
    (top / "current").symlink_to("up/2026")
    (top / "away").symlink_to("/etc")
    (top / "long").symlink_to("x/" * 120)
    os.mkfifo(top / "pipe")
    (top / "big").write_bytes(os.urandom(9 << 20))
    with (top / "holes").open("wb") as holes:
        holes.seek(40 << 20)
        holes.write(b"end")
    (top / "up/2026/closed").write_text("closed")
    (top / "up/2026/closed").chmod(0o200)
    (top / "up").chmod(0o2750)
    (top / "empty").chmod(0o4711)
    with open(top / "index.php") as file:
        os.setxattr(file.fileno(), "user.origin", b"unit")
    if ROOT:
        os.chown(top / "up", 33, 33)
        os.chown(top / "current", 33, 33, follow_symlinks=False)
    for path in sorted(top.rglob("*"), reverse=True):
        os.utime(path, (OLD, OLD), follow_symlinks=False)
    os.utime(top, (OLD, OLD))
    return top


@pytest.fixture(scope="module")
def vault(source: Path, sshd: PrivateSshd, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("once"))
    site.add("siakad", sshd, [source])
    assert site.tuibackup("run", "siakad").code == 0
    return site


@pytest.fixture
def siakad(site: Site, vault: Site) -> Site:
    vault.copy_to(site)
    return site


def told(path: Path, root: Path) -> dict[str, Any]:
    """What is told of a name, to be compared; of links to one inode, which they are."""
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    return {
        "kind": kind,
        "mode": 0 if stat.S_ISLNK(kind) else stat.S_IMODE(status.st_mode),
        "owner": (status.st_uid, status.st_gid),
        "time": status.st_mtime_ns,
        "links": status.st_nlink if stat.S_ISREG(kind) else 0,
        "content": path.read_bytes()
        if stat.S_ISREG(kind)
        else os.readlink(path)
        if stat.S_ISLNK(kind)
        else "",
    }


def tree(root: Path, *, without: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    found = {str(path.relative_to(root)): told(path, root) for path in [root, *root.rglob("*")]}
    return {name: {k: v for k, v in one.items() if k not in without} for name, one in found.items()}


def restores(site: Site) -> list[dict[str, Any]]:
    """Their entries, the newest first."""
    return [one["body"] for one in reversed(site.tuibackup("log", "--json").json) if one["kind"] == "restore"]


def test_all_of_it_comes_back_as_it_was_and_the_swap_works(siakad: Site, source: Path, place: Path) -> None:
    new = place / "back here"
    said = siakad.tuibackup("restore", FILES, "--into", f"siakad:{new}", "--json")
    assert said.code == 0, said.out + said.err
    result = said.json
    assert (result["outcome"], result["compared"], result["differences"]) == ("done", "sha256sum", [])
    there = Path(f"{new}{source}")
    assert tree(there) == tree(source)
    assert os.getxattr(there / "index.php", "user.origin") == b"unit"
    assert stat.S_IMODE(new.stat().st_mode) == 0o755
    assert (there / "holes").stat().st_blocks * 512 < 8 << 20, "holes stay holes"
    assert [path.name for path in new.iterdir()] == [source.parts[1]], "nothing of ours stays there"
    entry = restores(siakad)[0]
    assert (entry["into"], entry["outcome"], entry["swap"]) == (f"siakad:{new}", "done", result["swap"])
    before = tree(source)
    subprocess.run(["sh", "-c", result["swap"][0]], check=True)
    try:
        assert tree(source) == before
        assert not there.exists()
        assert source.with_name("siakad.before-restore").is_dir()
    finally:
        shutil.rmtree(source)
        source.with_name("siakad.before-restore").rename(source)


@pytest.mark.long
def test_a_part_goes_to_another_server_and_a_link_is_swapped_as_a_link(
    siakad: Site, source: Path, sshd: PrivateSshd, place: Path
) -> None:
    siakad.add("lain", sshd, ["/srv"])
    new = place / "part"
    said = siakad.tuibackup("restore", FILES, f"{source}/current", f"{source}/up", "--into", f"lain:{new}/")
    assert said.code == 0, said.out + said.err
    there = Path(f"{new}{source}")
    assert tree(there / "up") == tree(source / "up")
    assert sorted(path.name for path in there.iterdir()) == ["current", "up"]
    assert f"ln -s {new}{source}/current {source}/current.restored" in said.out
    assert stat.S_IMODE(there.stat().st_mode) == stat.S_IMODE(source.stat().st_mode), "a folder above, known"


def refused(site: Site, into: str, *more: str, code: int = 2) -> str:
    said = site.tuibackup("restore", FILES, *more, "--into", into)
    assert said.code == code, said.out + said.err
    assert len(said.err.strip().splitlines()) == 1, said.err
    return said.err


def test_nothing_is_ever_written_over(siakad: Site, place: Path) -> None:
    """Each case says what is in the way, and leaves it as it was."""
    here = place / "in the way"
    here.mkdir()
    (here / "file").write_text("mine")
    (here / "folder").mkdir()
    (here / "full").mkdir()
    (here / "full/mine").write_text("mine")
    (here / "link").symlink_to("folder")
    (here / "hanging").symlink_to("nowhere")
    (here / "pretender").mkdir()
    (here / "pretender/.tuibackup-restore").write_text("restore of something else\n")
    before = tree(here)
    for name, words in (
        ("file", "there is a file already"),
        ("folder", "that folder exists already"),
        ("full", "that folder exists already"),
        ("hanging", "there is a symbolic link already"),
        ("pretender", "another restore"),
        ("file/below", "is no folder"),
        ("missing/below", "is not there"),
    ):
        assert words in refused(siakad, f"siakad:{here}/{name}", code=2), name
    for into, words in (
        ("siakad:back", "is not absolute"),
        ("siakad:~/back", "is not absolute"),
        ("siakad:/", "is there already"),
        ("siakad:/srv/../etc", "is no plain path"),
        ("siakad:/" + "x" * 256, "is too long"),
        ("nobody:/srv/back", 'no server "nobody"'),
        ("siakad", "--into SERVER:/NEW/FOLDER"),
    ):
        assert words in refused(siakad, into), into
    assert "nothing to replace" in refused(siakad, f"siakad:{here}/new", "--overwrite")
    assert "not into a folder" in refused(siakad, f"siakad:{here}/new", "--database", "x")
    assert "has no /not/there" in refused(siakad, f"siakad:{here}/new", "/not/there")
    assert tree(here) == before


@pytest.mark.long
@pytest.mark.skipif(not BUSYBOX.exists(), reason="busybox is not installed")
@pytest.mark.parametrize("without", [(), ("sha256sum", "zstd", "gzip")])
def test_busybox_gives_what_it_can_and_says_what_it_cannot(
    siakad: Site, source: Path, place: Path, tmp_path: Path, without: tuple[str, ...]
) -> None:
    tools = toolbox(tmp_path / "tools", without=without)
    new = place / f"busybox-{len(without)}"
    with PrivateSshd(tmp_path / "sshd", force_command=only(tools)) as server:
        siakad.add("kotak", server, ["/srv"])
        said = siakad.tuibackup("restore", FILES, "--into", f"kotak:{new}", "--json")
    assert said.code == 3, said.out + said.err
    assert said.json["compared"] == ("read-back" if without else "sha256sum")
    there = Path(f"{new}{source}")
    found, wanted = tree(there, without=("time",)), tree(source, without=("time",))
    found["current"]["owner"] = wanted["current"]["owner"]  # BusyBox leaves links to root
    assert found == wanted
    assert any("another time" in gap for gap in said.json["gaps"])
    assert any("extended attributes" in gap for gap in said.json["gaps"])


@pytest.mark.long
def test_an_ordinary_account_says_that_owners_are_its_own(
    siakad: Site, source: Path, place: Path, tmp_path: Path
) -> None:
    if not ROOT:
        pytest.skip("only root can play another account")
    home = place / "nobody's"
    home.mkdir()
    os.chown(home, 65534, 65534)
    command = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$SSH_ORIGINAL_COMMAND" '
    with PrivateSshd(tmp_path / "sshd", force_command=command) as server:
        siakad.add("awam", server, ["/srv"])
        said = siakad.tuibackup("restore", FILES, "--into", f"awam:{home}/back", "--json")
        assert said.code == 3, said.out + said.err
        there = Path(f"{home}/back{source}")
        assert tree(there, without=("owner",)) == tree(source, without=("owner",))
        _number, gap = said.json["gaps"]
        assert "all of it belongs to nobody" in gap
        assert "nobody may not write into" in refused(siakad, "awam:/srv/back")


@pytest.mark.long
def test_sudo_needs_a_rule_for_find_and_tar_alone(
    siakad: Site, source: Path, place: Path, tmp_path: Path
) -> None:
    tools = toolbox(place / "sudo-tools", busybox=False)
    closed = place / "root's own"
    closed.mkdir(mode=0o700)
    here = place / "sudo-login"
    here.mkdir()
    command = with_sudo(here, tools, only(tools))
    with PrivateSshd(tmp_path / "sshd", force_command=command) as server:
        siakad.add("wali", server, ["/srv"], extra="sudo = true\n")
        new = closed / "it's {} back"
        said = siakad.tuibackup("restore", FILES, "--into", f"wali:{new}", "--json")
        assert said.code == 0, said.out + said.err
        assert tree(Path(f"{new}{source}")) == tree(source)
        assert said.json["swap"][0].startswith("sudo mv ")


@pytest.mark.long
def test_a_server_without_a_shell_is_refused_with_a_way_out(
    siakad: Site, place: Path, tmp_path: Path
) -> None:
    with PrivateSshd(tmp_path / "sshd", force_command="internal-sftp") as server:
        siakad.add("polos", server, ["/srv"])
        said = siakad.tuibackup("restore", FILES, "--into", f"polos:{place}/never")
    assert said.code == 1, said.out + said.err
    assert len(said.err.strip().splitlines()) == 1
    assert "--to DIR" in said.err
    assert "put -r" in said.err
    assert restores(siakad)[0]["outcome"] == "failed"


@pytest.mark.long
def test_a_full_disk_is_told_before_and_cleared_when_it_fills(
    siakad: Site, place: Path, source: Path, tmp_path: Path
) -> None:
    small = place / "small"
    small.mkdir()
    with mounted(small, "-t", "tmpfs", "-o", "size=5m", "tmpfs"):
        err = refused(siakad, f"siakad:{small}/back")
        assert "5.0 MiB free" in err
        assert not (small / "back").exists()
        # A server whose df promises more than there is: a quota does the same.
        lies = 'exec echo "x 1 1 99999999 1% /"'
        with acting(tmp_path / "acting", "df", lies) as server:
            siakad.add("penuh", server, ["/srv"])
            said = siakad.tuibackup("restore", FILES, "--into", f"penuh:{small}/back")
        assert said.code == 1, said.out + said.err
        assert "is full" in said.err
        assert "removed again" in said.err
        assert not (small / "back").exists()


@pytest.mark.long
def test_what_the_disk_there_gives_back_otherwise_is_not_called_restored(
    siakad: Site, source: Path, place: Path, tmp_path: Path
) -> None:
    """A tar that says all is well, and leaves out, cuts, or changes what it wrote."""
    spoil = (
        '$REAL "$@"; code=$?; case " $* " in *" -x "*) top=$(find . -name index.php); dir=${top%/*};'
        ' printf "<?phq\\nRahasia-7f3a" >"$dir/same.php"; touch -d @1600000000 "$dir/same.php"; rm "$dir/empty";'
        ' echo more >>"$dir/-rf"; esac; exit $code'
    )
    with acting(tmp_path / "acting", "tar", spoil) as server:
        siakad.add("rusak", server, ["/srv"])
        said = siakad.tuibackup("restore", FILES, "--into", f"rusak:{place}/spoiled", "--json")
    assert said.code == 1, said.out + said.err
    wrong = {one["path"].rpartition("/")[2]: one["reason"] for one in said.json["differences"]}
    assert wrong["empty"] == "is missing"
    assert "bytes, not" in wrong["-rf"]
    assert {"index.php", "same.php"} & set(wrong)
    assert said.json["swap"] == []
    assert stat.S_IMODE((place / "spoiled").stat().st_mode) == 0o700, "it is not opened"
    assert restores(siakad)[0]["outcome"] == "failed"


def half_there(new: Path, least: int = 3) -> None:
    deadline = time.monotonic() + 60
    while sum(1 for path in new.rglob("small-*")) < least:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.005)


@pytest.mark.parametrize(
    "how",
    ["kill", pytest.param("line", marks=pytest.mark.long), pytest.param("stop", marks=pytest.mark.long)],
)
@pytest.mark.long
def test_one_that_was_ended_goes_on_where_it_was(
    site: Site, sshd: PrivateSshd, tmp_path: Path, how: str
) -> None:
    new, top = tmp_path / "server/back", tmp_path / "server/srv"
    random_files(top, 60, 400_000)
    site.add("siakad", sshd, [top])
    assert site.tuibackup("run", "siakad").code == 0
    with acting(tmp_path / "slow", "tar", SLOW) as server, Line(server.port) as line:
        site.add("siakad", server, [top])
        site.servers["siakad"] = site.servers["siakad"].replace(
            f"port = {server.port}", f"port = {line.port}"
        )
        with (site.home / ".ssh/known_hosts").open("a") as known:
            known.writelines(
                one.replace(f":{server.port} ", f":{line.port} ") + "\n" for one in server.known_hosts_lines
            )
        site.write_config()
        words = ("restore", FILES, "--into", f"siakad:{new}")
        job = site.tuibackup(*words, "--detach").out.strip()
        half_there(new)
        if how == "kill":
            os.kill(process_of(site, job), signal.SIGKILL)
        elif how == "line":
            line.cut()
        else:
            site.tuibackup("stop", job)
        said = site.tuibackup("follow", job)
        if how != "kill":
            assert "the same command goes on" in said.out + said.err
        deadline = time.monotonic() + 30
        while any("tar -x" in told for told in running()) and time.monotonic() < deadline:
            time.sleep(0.05)  # sshd ends what it started
        assert stat.S_IMODE(new.stat().st_mode) == 0o700
        kept = {path: path.stat().st_ino for path in new.rglob("small-*")}
        (tmp_path / "slow/fast").touch()
        said = site.tuibackup(*words, "--json")
        assert said.code == 0, said.out + said.err
        assert said.json["resumed"] is True
        assert (said.json["files"], said.json["hashed"]) == (60, 60)
        same = [path for path, inode in kept.items() if path.stat().st_ino == inode]
        assert len(same) >= 2, "what had come is not sent again"
        assert tree(Path(f"{new}{top}")) == tree(top)
    outcomes = [one["outcome"] for one in restores(site)]
    assert outcomes == ["done", "failed" if how == "line" else "interrupted"]


# Takes what comes at some 4 MB/s, until it is told to be fast.
SLOW = (
    'case " $* " in *" -x "*) exec 9<&0; here=${0%/tools/tar}; { while [ ! -e "$here/fast" ] && '
    'dd bs=64k count=1 iflag=fullblock status=none <&9 >"$here/piece" && [ -s "$here/piece" ]; do '
    'cat "$here/piece"; sleep 0.05; done; cat <&9; } | $REAL "$@"; exit;; esac; exec $REAL "$@"'
)


def running() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.long
def test_who_approved_it_is_asked_for_and_recorded(
    siakad: Site, source: Path, place: Path, tmp_path: Path
) -> None:
    siakad.settings = "[restore]\napproval = true\n"
    siakad.write_config()
    one = f"{source}/index.php"
    ways = (["--to", str(tmp_path / "here")], ["--into", f"siakad:{place}/approved"])
    for where in ways:
        said = siakad.tuibackup("restore", FILES, one, *where)
        assert said.code == 2
        (line,) = said.err.strip().splitlines()
        assert "--approved-by NAME --reason TEXT" in line
        words = ("--approved-by", "Kabag TI", "--reason", "index.php was overwritten")
        said = siakad.tuibackup("restore", FILES, one, *where, *words)
        assert said.code == 0, said.out + said.err
        entry = restores(siakad)[0]
        assert (entry["approved_by"], entry["reason"]) == ("Kabag TI", "index.php was overwritten")
        planned = json.loads(siakad.jobs[0].read_text().splitlines()[0])
        assert shlex.join(words) in shlex.join(planned["command"])


@pytest.mark.long
def test_a_dry_run_says_what_would_be_and_changes_nothing(
    siakad: Site, source: Path, place: Path, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    words = ("restore", FILES, f"{source}/up", "--to", str(here))
    said = siakad.tuibackup(*words, "--dry-run", "--json")
    assert (said.code, said.json["new"], said.json["left"]) == (0, 3, 0), said.out + said.err
    assert not here.exists()
    assert siakad.tuibackup(*words).code == 0
    changed = here / f".{source}/up/2026/closed"
    changed.write_text("other")
    (here / "mine").write_text("mine")
    before = tree(here)
    for policy, left, replaced, code in (("never", 1, 0, 3), ("changed", 0, 1, 0), ("always", 0, 1, 0)):
        said = siakad.tuibackup(*words, "--existing", policy, "--dry-run", "--json")
        assert (said.code, said.json["left"], said.json["replaced"]) == (code, left, replaced), policy
    assert "would be left as it is: 1" in siakad.tuibackup(*words, "--dry-run").out
    assert tree(here) == before
    new = place / "dry"
    said = siakad.tuibackup("restore", FILES, "--into", f"siakad:{new}", "--dry-run", "--json")
    assert said.code == 0, said.out + said.err
    assert (said.json["new"], said.json["free"] > 0) == (15, True)
    assert not new.exists()
    assert "is not there" in refused(siakad, f"siakad:{new}/below", "--dry-run")
    assert [one["outcome"] for one in restores(siakad)] == ["done"], "a dry run leaves no entry"
