"""What is not as it should be on a server is listed one by one with the reason, and never green.

Demand 3, through the installed command: exit code 3, outcome *warnings*, and each file in `--json` and in the index.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.histories import fingerprint, unequal
from tests.toolboxes import acting
from tests.watching import Memory
from tuibackup.demo.sshd import PrivateSshd

Playing = Callable[..., PrivateSshd]


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Playing]:
    """Start an sshd on which a tool is a script of ours; $REAL is the tool itself."""
    started: list[PrivateSshd] = []

    def start(tool: str, script: str) -> PrivateSshd:
        started.append(acting(tmp_path / f"acting{len(started)}", tool, script))
        return started[-1]

    yield start
    for sshd in started:
        sshd.stop()


def findings(said: Said) -> dict[str, str]:
    """Reason by the last part of the name, as the run's events tell it."""
    found = [event for event in said.events if event["event"] == "step-finding"]
    return {event["subject"].rpartition("/")[2]: event["reason"] for event in found}


def run(site: Site) -> Said:
    return site.tuibackup("run", "siakad", "--only", "files", "--json", timeout=110)


def listed(said: Said, reasons: dict[str, str]) -> None:
    """The run ended in warnings, and told exactly these names, each with words of its reason."""
    assert said.code == 3, said.err
    assert said.finished["outcome"] == "warnings"
    found = findings(said)
    assert found.keys() == reasons.keys()
    assert {name: words for name, words in reasons.items() if words not in found[name]} == {}, found


def restored(site: Site, snapshot: Path) -> Path:
    target = site.folder / "restored"
    said = site.tuibackup("restore", f"siakad/files/{snapshot.name}", "--to", str(target), timeout=600)
    assert said.code in (0, 3), said.err
    return target


@pytest.mark.long
def test_files_that_change_while_they_are_read_are_listed_one_by_one(
    site: Site, playing: Playing, application: Path
) -> None:
    """One grows, one shrinks, one vanishes, one cannot be read, and three become something else; once, one changes."""
    names = [f"krs-{number:04}.pdf" for number in range(20, 28)]
    grow, shrink, vanish, link, folder, fifo, once, closed = (
        f"{application}/uploads/2026/{name}" for name in names
    )
    done = site.folder / "done"
    script = f"""
    rm -f {vanish} {link} {folder} {fifo}; ln -s /etc/passwd {link}; mkdir {folder}; mkfifo {fifo}
    chmod 0 {closed}
    [ -e {done} ] || echo more >>{once}
    : >{done}
    setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all $REAL "$@"
    status=$?
    echo more >>{grow}; head -c 5 /dev/zero >{shrink}
    exit $status"""
    site.add("siakad", playing("tar", script), [application])
    listed(
        run(site),
        {
            names[0]: "changed while it was read, twice",
            names[1]: "changed while it was read, twice",
            names[2]: "vanished while the backup ran",
            names[3]: "is no regular file any more",
            names[4]: "is no regular file any more",
            names[5]: "is no regular file any more",
            names[7]: "may not be read",
        },
    )
    [snapshot] = site.snapshots("siakad", "files")
    target = restored(site, snapshot)
    assert Path(f"{target}{once}").read_bytes() == Path(once).read_bytes(), "tried again, and right"
    assert not any(os.path.lexists(f"{target}{lost}") for lost in (vanish, link, folder, fifo, closed))
    assert site.tuibackup("verify", "siakad").code == 0


@pytest.mark.long
def test_special_files_are_recorded_and_never_opened(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    os.mkfifo(application / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(application / "socket"))
    site.add("siakad", sshd, [application])
    said = run(site)
    assert said.code == 0, said.err
    assert "fifo" in site.tuibackup("ls", "siakad/files/latest", str(application)).out
    [snapshot] = site.snapshots("siakad", "files")
    target = restored(site, snapshot)
    assert unequal(fingerprint(application), fingerprint(Path(f"{target}{application}"))) == ""


@pytest.mark.parametrize(
    "state", ["halved", *(pytest.param(one, marks=pytest.mark.long) for one in ("missing", "empty"))]
)
@pytest.mark.long
def test_a_poor_folder_is_never_green_and_resets_no_clock(
    site: Site, sshd: PrivateSshd, application: Path, state: str
) -> None:
    site.add("siakad", sshd, [application])
    assert run(site).code == 0
    [good] = site.snapshots("siakad", "files")
    since = site.tuibackup("status", "--json").json["servers"][0]["files"]
    assert since["why"] == ""
    if state == "halved":
        for number in range(20, 40):
            (application / f"uploads/2026/krs-{number:04}.pdf").unlink()
    else:
        shutil.rmtree(application)
        if state == "empty":
            application.mkdir()
    said = run(site)
    assert said.code == 3, said.err
    now = site.tuibackup("status", "--json").json["servers"][0]["files"]
    assert str(application) in now["why"]
    assert {**now, "why": ""} == since
    latest = site.tuibackup("restore", "siakad/files/latest", "--to", str(site.folder / "latest"))
    assert latest.code == 0, latest.err
    assert (site.folder / f"latest{application}/uploads/2026/krs-0039.pdf").exists()
    assert good.exists()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", [10**8, pytest.param(10**11, marks=pytest.mark.long)])
@pytest.mark.long
def test_a_large_hole_is_quick_and_small(site: Site, sshd: PrivateSshd, application: Path, size: int) -> None:
    """Neither the line nor the disk sees what is not there: on either side."""
    hole = application / "disk.img"
    with hole.open("wb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"in the middle")
    site.add("siakad", sshd, [application])
    began = time.monotonic()
    with Memory(site.home) as memory:
        said = site.tuibackup("run", "siakad", "--only", "files", timeout=1500)
    print(f"a hole of {size / 1e9:.0f} GB: {time.monotonic() - began:.1f} s, {memory.peak >> 20} MiB")
    assert said.code == 0, said.err
    [snapshot] = site.snapshots("siakad", "files")
    assert sum(path.stat().st_size for path in snapshot.rglob("*")) < max(size // 1000, 1_000_000)
    if size > 10**9:
        return
    target = restored(site, snapshot)
    assert Path(f"{target}{hole}").stat().st_size == size
    assert Path(f"{target}{hole}").stat().st_blocks * 512 < size // 10
    with Path(f"{target}{hole}").open("rb") as file:
        file.seek(size // 2)
        assert file.read(14) == b"in the middle\0"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_sixty_five_thousand_names_of_one_file(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "names").mkdir(parents=True)
    (source / "first").write_bytes(b"one content")
    for number in range(64_990):
        os.link(source / "first", source / f"names/{number}")
    site.add("siakad", sshd, [source])
    with Memory(site.home) as memory:
        began = time.monotonic()
        said = run(site)
    print(f"65,000 names: {time.monotonic() - began:.1f} s, {memory.peak >> 20} MiB")
    assert said.code == 0, said.err
    [snapshot] = site.snapshots("siakad", "files")
    target = restored(site, snapshot)
    assert Path(f"{target}{source}/first").stat().st_nlink == 64_991
    shutil.rmtree(target)
    subprocess.run(["sh", snapshot / "restore.sh", target], check=True, capture_output=True)
    assert Path(f"{target}{source}/first").stat().st_nlink == 64_991


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_files_in_one_folder(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(1_000_000):
        with open(source / str(number), "wb") as file:
            file.write(b"%d" % number)
    site.add("siakad", sshd, [source])
    for _ in range(2):
        with Memory(site.home) as memory:
            began = time.monotonic()
            said = site.tuibackup("run", "siakad", "--only", "files", timeout=3000)
        print(f"a million files: {time.monotonic() - began:.1f} s, {memory.peak >> 20} MiB")
        assert said.code == 0, said.err
        assert memory.peak < 250 << 20


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_restore_sh_over_many_archives_takes_linear_time(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    """80,000 files, an eighth of them new in each of ten runs; tar's own matching of names would take minutes."""
    source = tmp_path / "source"
    source.mkdir()
    site.add("siakad", sshd, [source])
    seconds = []
    for part in range(10):
        (source / f"part{part}").mkdir()
        for number in range(8_000):
            (source / f"part{part}/{number}").write_bytes(b"%d" % number)
        if part:
            for number in range(0, 8_000, 2):
                (source / f"part{part - 1}/{number}").write_bytes(b"%d again" % number)
        time.sleep(2.1)
        assert run(site).code == 0
        if part in (0, 9):
            target = site.folder / f"restored{part}"
            began = time.monotonic()
            snapshot = site.snapshots("siakad", "files")[-1]
            subprocess.run(["sh", snapshot / "restore.sh", target], check=True, capture_output=True)
            seconds.append(time.monotonic() - began)
    print(f"restore.sh: 8,000 files of one archive {seconds[0]:.2f} s, 80,000 of ten {seconds[1]:.2f} s")
    assert unequal(fingerprint(source), fingerprint(Path(f"{target}{source}"))) == ""
    assert seconds[1] < 40 * max(seconds[0], 0.5)
