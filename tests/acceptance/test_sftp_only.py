"""Servers that offer nothing but SFTP: no shell at all, shut into a folder, a shell as Windows has it, no tar.

All through the installed command and real sshds; what is restored is compared with the source as far as SFTP carries
it (times in whole seconds, hard links as files of their own).
"""

import hashlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.faulty import faulty_server
from tests.line import Line
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
# As root, permissions would not stop us: what an ordinary account of a server meets is played without these.
HUMBLE = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all " if os.geteuid() == 0 else ""
CMD_EXE = f"""#!/bin/sh
case $SSH_ORIGINAL_COMMAND in *sftp*) exec {SFTP_SERVER} ;; esac
printf "'%s' is not recognized as an internal or external command,\\r\\n" "${{SSH_ORIGINAL_COMMAND%% *}}"
printf 'operable program or batch file.\\r\\n'
exit 1
"""
OLD = 1_600_000_000
ODD_NAMES = [
    b"back\\slash",
    b"new\nline",
    b"invalid \xff\xfe",
    b"-rf",
    b"\x1b[31mred",
    "näme-日本".encode(),
    b"n" * 255,
]


def script(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def kind_of_server(kind: str, folder: Path) -> PrivateSshd:
    """A server that is none for tar."""
    folder.mkdir()
    if kind == "internal-sftp":
        command = "internal-sftp"
    elif kind == "cmd.exe":
        command = script(folder / "cmd", CMD_EXE)
    else:
        tools = folder / "bin"
        tools.mkdir()
        for tool in ("sh", "date", "uname", "id", "head", "find", "gzip"):
            (tools / tool).symlink_to(shutil.which(tool) or "")
        command = f'PATH={tools} {tools}/sh -c "$SSH_ORIGINAL_COMMAND"'
    subsystem = f"Subsystem sftp {SFTP_SERVER}"
    return PrivateSshd(folder / "sshd", force_command=command, config=[subsystem])


@pytest.fixture(
    params=["cmd.exe", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("internal-sftp", "no tar"))]
)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PrivateSshd]:
    with kind_of_server(request.param, tmp_path / "kind") as sshd:
        yield sshd


@pytest.fixture
def sftp_only(tmp_path: Path) -> Iterator[PrivateSshd]:
    with PrivateSshd(tmp_path / "sshd", force_command="internal-sftp") as sshd:
        yield sshd


def facts(top: Path, *, leave_out: Sequence[bytes] = ()) -> dict[bytes, tuple[object, ...]]:
    """All that SFTP can carry of what is below `top`."""
    found: dict[bytes, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for path in [folder, *(os.path.join(folder, name) for name in folders + files)]:
            seen = os.lstat(path)
            content: object = b""
            if stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
            elif stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            relative = os.path.relpath(path, os.fsencode(top))
            found[relative] = (oct(seen.st_mode), seen.st_uid, seen.st_gid, int(seen.st_mtime), content)
    return {path: fact for path, fact in found.items() if path not in leave_out}


def aged(top: Path) -> None:
    """All of it was written long ago: what is young is fetched again."""
    for folder, folders, files in os.walk(top, topdown=False):
        for name in files + folders:
            os.utime(os.path.join(folder, name), (OLD, OLD), follow_symlinks=False)
    os.utime(top, (OLD, OLD))


def odd(application: Path) -> None:
    """What real servers have beside plain files."""
    for name in ODD_NAMES:
        (application / "uploads" / os.fsdecode(name)).write_text(repr(name))
    (application / os.fsdecode(b"folder \xff\n")).mkdir()
    (application / os.fsdecode(b"folder \xff\n") / "inside").write_text("x")
    os.symlink(b"odd \xff\n", application / "odd target")
    os.symlink("/etc/passwd", application / "absolute")
    os.symlink("uploads", application / "to folder")
    os.mkfifo(application / "fifo", 0o640)
    (application / "setuid").write_text("x")
    (application / "setuid").chmod(0o4755)
    (application / "closed").mkdir(mode=0o700)
    (application / "large").write_bytes(os.urandom(1 << 20) * 5 + b"end")
    (application / "large").chmod(0o444)


def run(site: Site, *words: str, code: int = 0) -> tuple[Path, Said]:
    """One download; the new snapshot's folder."""
    said = site.tuibackup("run", "siakad", "--only", "files", "--json", *words)
    assert said.code == code, said.err + said.out
    return site.snapshots("siakad", "files")[-1], said


def restored(site: Site, snapshot: Path) -> Path:
    target = site.folder / f"restored-{snapshot.name}"
    said = site.tuibackup("restore", f"siakad/files/{snapshot.name}", "--to", str(target))
    assert said.code == 0, said.err
    return target


def fetched(snapshot: Path) -> set[str]:
    """Names of the files in the archives that a snapshot brought."""
    return {Path(line).name for archive in snapshot.glob("*.tar.zst") for line in members(archive)}


def members(archive: Path) -> list[str]:
    listed = subprocess.run(["tar", "--zstd", "-tf", archive], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


@pytest.mark.long
def test_what_is_restored_equals_the_source_and_only_changes_are_fetched_again(
    site: Site, server: PrivateSshd, application: Path
) -> None:
    odd(application)
    aged(application)
    site.add("siakad", server, [application])
    said = site.tuibackup("check", "siakad")
    assert said.code == 3, "the vault lies on the system disk, nothing else\n" + said.out + said.err
    assert re.search(r"√ tools +SFTP", said.out), said.out
    first, _ = run(site)
    target = restored(site, first)
    assert facts(Path(f"{target}{application}")) == facts(application)
    subprocess.run(["sh", first / "restore.sh", site.folder / "by-sh"], check=True, stderr=subprocess.DEVNULL)
    assert facts(Path(f"{site.folder}/by-sh{application}")) == facts(application)
    assert site.tuibackup("verify", "siakad").code == 0
    described = json.loads((first / "snapshot.json").read_text())
    assert {"times finer than a second", "extended attributes and access lists"} <= set(described["limits"])

    (application / "index.php").write_text("<?php echo 'changed';\n")
    (application / "uploads/new").write_text("new")
    (application / "uploads/2026/krs-0001.pdf").unlink()
    (application / "uploads/2026").rename(application / "uploads/2027")
    second, _ = run(site)
    moved = {f"krs-{number:04}.pdf" for number in range(40)} - {"krs-0001.pdf"}
    assert fetched(second) == {"index.php", "same.php", "new"} | moved
    assert facts(Path(f"{restored(site, second)}{application}")) == facts(application)


@pytest.mark.long
def test_a_change_in_the_second_of_the_inventory_is_not_missed(
    site: Site, application: Path, tmp_path: Path
) -> None:
    """Same size and same whole second: no SFTP server could tell that it is another content."""
    page = application / "index.php"
    now = int(time.time())
    with faulty_server(tmp_path, sftp=True) as server:
        site.add("siakad", server.sshd, [application])
        for second, text in enumerate(("first", "other")):
            page.write_text(text)
            os.utime(page, (now, now))
            server.fails(
                f"time {now + second} /proc/self/status"
            )  # what its clock says, however long a run takes
            snapshot, _ = run(site)
    assert Path(f"{restored(site, snapshot)}{page}").read_text() == "other"


@pytest.mark.long
@pytest.mark.parametrize("files", [1_000, 5_000])
def test_many_files(site: Site, sftp_only: PrivateSshd, application: Path, files: int) -> None:
    for number in range(files):
        folder = application / f"many/{number // 100:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(f"file {number}\n" * (number % 50))
    site.add("siakad", sftp_only, [application])
    snapshot, said = run(site)
    assert said.finished["outcome"] == "done"
    assert facts(Path(f"{restored(site, snapshot)}{application}")) == facts(application)


@pytest.mark.long
def test_special_files_are_recorded_and_never_opened(
    site: Site, sftp_only: PrivateSshd, application: Path
) -> None:
    """Opening the FIFO would stop the server for ever."""
    os.mkfifo(application / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(application)  # a socket's path is short
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        site.add("siakad", sftp_only, [application])
        snapshot, _ = run(site)
    listed = site.tuibackup("ls", f"siakad/files/{snapshot.name}", str(application))
    assert "fifo" in listed.out
    assert "socket" in listed.out


@pytest.mark.long
def test_what_the_account_may_not_read_is_listed(site: Site, tmp_path: Path, application: Path) -> None:
    (application / "secret").write_text("x")
    (application / "secret").chmod(0)
    (application / "private").mkdir()
    (application / "private/x").write_text("x")
    (application / "private").chmod(0)
    try:
        with PrivateSshd(tmp_path / "sshd", force_command=f"{HUMBLE}{SFTP_SERVER}") as server:
            site.add("siakad", server, [application])
            snapshot, said = run(site, code=3)
            reasons = {
                event["subject"]: event["reason"] for event in said.events if event["event"] == "step-finding"
            }
            assert reasons.keys() == {str(application / "secret"), str(application / "private")}
            assert all("may not be read" in reason for reason in reasons.values())
            expected = facts(application, leave_out=[b"secret", b"private/x"])
            assert facts(Path(f"{restored(site, snapshot)}{application}")) == expected
    finally:
        (application / "private").chmod(0o700)


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="sshd shuts an account into a folder of root's only")
def test_an_account_that_is_shut_into_a_folder(site: Site, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/run", prefix="tuibackup-") as jail:
        os.chmod(jail, 0o755)
        home = Path(jail) / "www"
        home.mkdir()
        (home / "index.php").write_text("<?php\n")
        (home / "young.php").write_text("<?php\n")
        os.utime(home / "index.php", (OLD, OLD))
        with PrivateSshd(
            tmp_path / "sshd", force_command="internal-sftp", config=[f"ChrootDirectory {jail}"]
        ) as server:
            site.add("siakad", server, ["/www"])
            first, _ = run(site)
            assert facts(restored(site, first) / "www") == facts(home)
            # Its clock is not to be seen from in there: what is younger than a day is not trusted.
            second, _ = run(site)
            assert fetched(second) == {"young.php"}


@pytest.mark.long
def test_excludes_hold_as_they_do_elsewhere(
    site: Site, sshd: PrivateSshd, sftp_only: PrivateSshd, application: Path
) -> None:
    for name in ("cache/deep/x", "uploads/cache/y", "error.log", "tmp/z", "uploads/tmp"):
        (application / name).parent.mkdir(parents=True, exist_ok=True)
        (application / name).write_text("x")
    excludes = 'exclude = ["**/cache/**", "*.log", "tmp/", "krs-00[0-2]?.pdf"]\n'
    listings = []
    for name, server in (("tar", sshd), ("sftp", sftp_only)):
        site.add(name, server, [application], extra=excludes)
        said = site.tuibackup("run", name, "--only", "files")
        assert said.code == 0, said.err
        target = site.folder / f"restored-{name}"
        site.tuibackup("restore", f"{name}/files/latest", "--to", str(target))
        listings.append(sorted(facts(Path(f"{target}{application}"))))
    assert listings[0] == listings[1]
    assert b"cache" in listings[1]
    assert b"cache/deep" not in listings[1]


@pytest.mark.long
def test_a_folder_that_is_a_link_and_one_that_is_missing(
    site: Site, sftp_only: PrivateSshd, application: Path
) -> None:
    current = application.parent / "current"
    current.symlink_to(application.name)
    site.add("siakad", sftp_only, [current, application.parent / "gone"])
    snapshot, said = run(site, code=3)
    described = json.loads((snapshot / "snapshot.json").read_text())
    linked, gone = described["folders"]
    assert linked["resolved"] == str(application)
    assert linked["files"] > 40
    assert not gone["whole"]
    assert "is missing on the server" in said.out


@pytest.mark.long
def test_the_database_login_needs_no_shell(
    site: Site, mariadbd: PrivateMariadb, sftp_only: PrivateSshd, application: Path
) -> None:
    """… where the configuration says which socket or host it goes to."""
    settings = f'user = "{account()}"\nsocket = "{mariadbd.socket}"\n'
    site.add("siakad", sftp_only, [application], database=settings)
    said = site.tuibackup("check", "siakad")
    assert re.search(r"(√|▲) database +MariaDB", said.out), said.out
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    finished = {event["step"]: event for event in said.events if event["event"] == "step-finished"}
    assert finished["login"]["outcome"] == "done", said.out


@pytest.mark.long
def test_a_lost_connection_loses_no_file_that_came_whole(
    site: Site, sftp_only: PrivateSshd, application: Path
) -> None:
    for number in range(40):
        (application / f"a-{number:02}").write_bytes(os.urandom(50_000))
        (application / f"z-{number:02}").write_bytes(os.urandom(50_000))
    (application / "large").write_bytes(os.urandom(10_000_000))
    with Line(sftp_only.port, cuts=[20_000, 1_500_000, 9_000_000]) as line:
        known = [key.replace(f":{sftp_only.port} ", f":{line.port} ") for key in sftp_only.known_hosts_lines]
        site.settings = '[sop]\nconnect_within = "60 seconds"\n'
        site.add("siakad", sftp_only, [application])
        site.servers["siakad"] = site.servers["siakad"].replace(
            f"port = {sftp_only.port}", f"port = {line.port}"
        )
        site.write_config()
        (site.home / ".ssh/known_hosts").write_text("\n".join(known) + "\n")
        snapshot, said = run(site)
    assert "reconnected 3 times" in said.finished["files"]["detail"]
    names = [name for archive in snapshot.glob("*.tar.zst") for name in members(archive)]
    assert len(names) == len(set(names)), "no file is stored twice"
    assert facts(Path(f"{restored(site, snapshot)}{application}")) == facts(application)


@pytest.mark.long
def test_the_bandwidth_limit_holds(site: Site, sftp_only: PrivateSshd, application: Path) -> None:
    for number in range(4):
        (application / f"random-{number}").write_bytes(os.urandom(1_000_000))
    site.settings = '[run]\nbandwidth = ["2 MB/s"]\n'
    site.add("siakad", sftp_only, [application])
    _, said = run(site)
    (finished,) = [e for e in said.events if e["event"] == "step-finished" and e["step"] == "download"]
    assert finished["seconds"] > 1.5


def test_no_sftp_either(site: Site, tmp_path: Path, application: Path) -> None:
    refuse = script(
        tmp_path / "refuse", "#!/bin/sh\necho 'This account is currently not available.'\nexit 1\n"
    )
    with PrivateSshd(tmp_path / "sshd", force_command=refuse) as server:
        site.add("siakad", server, [application])
        said = site.tuibackup("run", "siakad", "--only", "files")
        assert said.code == 1
        assert (
            'siakad: does not run our commands: it says: "This account is currently not available.", and SFTP'
            " cannot be opened: the server ended it at once" in said.err
        )
