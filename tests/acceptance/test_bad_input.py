"""Issue: each thing that goes wrong gives one clear line that stays, the right exit code and a ledger entry.

The lines are a golden file, tests/acceptance/bad_input.txt: write it anew with TUIBACKUP_GOLDEN=write and
read the difference. Nothing half-made looks whole, and once the fault is mended the next run works.
"""

import json
import os
import re
import signal
import socket
import socketserver
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Said, Site
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

GOLDEN = Path(__file__).with_name("bad_input.txt")


def expect_line(case: str, line: str) -> None:
    """Compare one tidied line with the golden file's, or write it there."""
    known = (
        dict(part.split("\n", 1) for part in GOLDEN.read_text().split("== ") if part)
        if GOLDEN.exists()
        else {}
    )
    if os.environ.get("TUIBACKUP_GOLDEN") == "write":
        known[case] = f"{line}\n"
        GOLDEN.write_text("".join(f"== {name}\n{known[name]}" for name in sorted(known)))
    assert known.get(case, "no golden line") == f"{line}\n"


def backs_up_now(site: Site, server: str = "siakad") -> None:
    """The fault is mended: the next run is done and leaves nothing half-made."""
    said = site.tuibackup("run", server)
    assert said.code == 0, said.err
    assert site.incoming() == []
    assert site.snapshots(server, "files")


def verifies(site: Site) -> None:
    """What is stored is whole, though something broke while it was written."""
    assert site.tuibackup("verify", "siakad").code == 0


def fails(site: Site, case: str, code: int, *, outcome: str, server: str = "siakad") -> dict[str, Any]:
    """Run `server`, expect the golden line in each place where a user looks; returns the final event."""
    said = site.tuibackup("run", server, "--json")
    assert said.code == code, said.err + said.out
    finished = said.finished
    assert finished["outcome"] == outcome
    line = finished.get("error") or "; ".join(
        f"{event['subject']}: {event['reason']}" for event in said.events if event["event"] == "step-finding"
    )
    assert "\n" not in line
    expect_line(case, site.tidy(line))
    stays_visible(site, finished, server)
    return finished


def stays_visible(site: Site, finished: dict[str, Any], server: str) -> None:
    """The ledger has the run, with the same line and outcome."""
    runs = [entry for entry in site.tuibackup("log", "--json").json if entry["kind"] == "run"]
    mine = [entry for entry in runs if entry["run"] == finished["run"]]
    assert len(mine) == 1, "one ledger entry for the run"
    assert mine[0]["body"]["outcome"] == finished["outcome"]
    assert mine[0]["body"]["error"] == finished.get("error", "")


def nothing_stored(site: Site, server: str = "siakad") -> None:
    """No snapshot of the files, and no folder that looks like one."""
    assert site.snapshots(server, "files") == []


def test_a_host_that_is_down(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    with socket.socket() as taken:  # bound, not listening: refuses like a host whose sshd is down
        taken.bind(("127.0.0.1", 0))
        site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.port), str(taken.getsockname()[1]))
        site.write_config()
        finished = fails(site, "host down", 1, outcome="failed")
    assert finished["error"] in site.tuibackup("log").out.replace("\n", " "), "people are told the same"
    nothing_stored(site)


class Mailman(socketserver.BaseRequestHandler):
    """Answers like a mail server and waits."""

    def handle(self) -> None:
        self.request.sendall(b"220 mail.example ESMTP\r\n")
        self.request.recv(1000)


@pytest.mark.long
def test_a_port_where_something_else_listens(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailman) as mail:
        threading.Thread(target=mail.serve_forever, daemon=True).start()
        port = f"port = {mail.server_address[1]}"
        site.servers["siakad"] = site.servers["siakad"].replace(f"port = {sshd.port}", port)
        site.write_config()
        fails(site, "wrong port", 1, outcome="failed")
        mail.shutdown()


@pytest.mark.long
def test_a_key_the_server_does_not_take(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    site.add("siakad", sshd, [application])
    other = tmp_path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(other))
    site.write_config()
    fails(site, "wrong key", 1, outcome="failed")
    nothing_stored(site)


def test_an_unknown_host_key_needs_an_operator(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application], trusted=False)
    fails(site, "unknown host key", 1, outcome="failed")
    nothing_stored(site)


def test_a_changed_host_key_is_refused(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    site.add("siakad", sshd, [application], trusted=False)
    with PrivateSshd(tmp_path / "other") as other:
        stranger = other.known_hosts_lines[0].split(" ", 1)[1]
    (site.home / ".ssh/known_hosts").write_text(f"[{sshd.host}]:{sshd.port} {stranger}\n")
    fails(site, "changed host key", 1, outcome="failed")
    nothing_stored(site)


def test_a_folder_that_does_not_exist(site: Site, sshd: PrivateSshd, application: Path) -> None:
    missing = application.parent / "moodle"
    site.add("siakad", sshd, [application, missing])
    finished = fails(site, "folder missing", 3, outcome="warnings")
    assert finished["files"]["outcome"] == "warnings"
    assert not finished["files"].get("whole", False), "a missing folder does not reset the clock"
    (server,) = site.tuibackup("status", "--json").json["servers"]
    assert server["files"]["state"] == "never"
    missing.mkdir()
    (missing / "index.php").touch()
    backs_up_now(site)


@pytest.mark.long
def test_a_folder_that_cannot_be_read(site: Site, humble_sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", humble_sshd, [application])
    secret = application / "uploads"
    secret.chmod(0)
    try:
        fails(site, "folder unreadable", 3, outcome="warnings")
    finally:
        secret.chmod(0o755)


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory, mariadbd: PrivateMariadb) -> PrivateMariadb:
    mariadbd.sql(
        "CREATE DATABASE IF NOT EXISTS akademik; CREATE OR REPLACE TABLE akademik.nilai (id INT PRIMARY KEY);"
        "INSERT INTO akademik.nilai VALUES (1),(2),(3);"
        "CREATE OR REPLACE USER backup@localhost IDENTIFIED BY 'right'; GRANT ALL ON *.* TO backup@localhost"
    )
    return mariadbd


def test_a_wrong_database_password(
    site: Site, sshd: PrivateSshd, application: Path, database: PrivateMariadb
) -> None:
    password = site.home / "password"
    password.write_text("planted-wrong-password\n")
    password.chmod(0o600)
    site.add(
        "siakad",
        sshd,
        [application],
        database=f'user = "backup"\nsocket = "{database.socket}"\npassword_file = "{password}"\n',
    )
    finished = fails(site, "wrong database password", 1, outcome="failed")
    assert finished["files"]["outcome"] == "done", "the folders were backed up all the same"
    assert site.snapshots("siakad", "databases") == []
    for path in site.state.rglob("*"):
        if path.is_file():
            assert b"planted-wrong" not in path.read_bytes(), f"{path} holds a secret"
    password.write_text("right\n")
    backs_up_now(site)


@pytest.mark.long
def test_a_server_without_a_dump_tool_is_read_all_the_same(
    site: Site, application: Path, database: PrivateMariadb, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    words = (
        "sh find tar zstd nice id uname date cat stat env xargs gzip head sed tr wc "
        "sort grep cut awk dirname basename readlink ionice sleep test printf ls true"
    )
    for name in words.split():
        for folder in ("/usr/bin", "/bin"):
            if Path(folder, name).exists() and not (tools / name).exists():
                (tools / name).symlink_to(f"{folder}/{name}")
    command = f"""PATH={tools}; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(tmp_path / "bare", force_command=command) as server:
        site.add(
            "siakad", server, [application], database=f'user = "{account()}"\nsocket = "{database.socket}"\n'
        )
        backs_up_now(site)
        assert "its databases are read over the connection" in site.tuibackup("check", "siakad").out
    [snapshot] = site.snapshots("siakad", "databases")
    told = json.loads((snapshot / "snapshot.json").read_text())
    assert told["tools"]["dump"] == "none: read over a connection"


def test_a_path_without_any_program(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    for words in (["run", "siakad", "--only", "files"], ["verify", "siakad"], ["ledger", "seal"]):
        said = site.tuibackup(*words, env={"PATH": str(site.folder / "nothing")})
        assert (said.code, "Traceback" in said.err) == (0, False), said


def test_a_vault_that_is_missing(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    site.vault.rmdir()
    fails(site, "vault missing", 1, outcome="failed")
    site.vault.mkdir()
    backs_up_now(site)


@pytest.mark.long
def test_a_vault_that_is_another_disk(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    backs_up_now(site)
    site.vault.rename(site.folder / "unplugged")
    site.vault.mkdir(mode=0o700)
    fails(site, "vault is an empty mount point", 1, outcome="failed")
    assert list(site.vault.iterdir()) == [], "nothing is written below an empty mount point"
    site.vault.rmdir()
    (site.folder / "unplugged").rename(site.vault)
    backs_up_now(site)
    verifies(site)


@pytest.mark.long
def test_a_vault_that_is_full(site: Site, sshd: PrivateSshd, application: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", site.vault], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets even root mount nothing")
    try:
        site.add("siakad", sshd, [application])
        (application / "video.bin").write_bytes(os.urandom(4_000_000))
        fails(site, "vault without room", 1, outcome="failed")
        nothing_stored(site)
        (application / "video.bin").unlink()
        backs_up_now(site)
        verifies(site)
    finally:
        subprocess.run(["umount", "-l", site.vault], check=True)


def slow_server(tmp_path: Path) -> PrivateSshd:
    """A server whose tar takes its time, so that a test can act in the middle of step 2."""
    folder = tmp_path / "slow-tools"
    folder.mkdir()
    slow = folder / "tar"
    slow.write_text(
        '#!/bin/sh\ncase "$*" in *--version*|*--help*) exec /usr/bin/tar "$@";; esac\n'
        'sleep 30\nexec /usr/bin/tar "$@"\n'
    )
    slow.chmod(0o755)
    command = f"""PATH={folder}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    return PrivateSshd(tmp_path / "slow", force_command=command)


def wait_until_step(site: Site, step: str) -> str:
    """The name of the run that has begun `step`."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for journal in site.journals:
            if f'"step-started","step":"{step}"' in journal.read_text():
                return journal.stem
        time.sleep(0.05)
    raise AssertionError(f"no run began step {step}")


def finished_line(site: Site, run: str) -> dict[str, Any]:
    said: Said = site.tuibackup("follow", run, "--json")
    return said.finished


@pytest.mark.long
def test_a_second_run_on_the_same_server(site: Site, application: Path, tmp_path: Path) -> None:
    with slow_server(tmp_path) as server:
        site.add("siakad", server, [application])
        first = site.start("run", "siakad")
        run = wait_until_step(site, "download")
        finished = fails(site, "second run on the same server", 11, outcome="failed")
        assert finished["run"] != run
        assert site.tuibackup("stop", run).code == 0
        assert first.wait(60) == 130


@pytest.mark.long
def test_a_connection_cut_in_the_middle(site: Site, application: Path, tmp_path: Path) -> None:
    site.settings = '[sop]\nconnect_within = "5 seconds"\n'
    with slow_server(tmp_path) as server:
        site.add("siakad", server, [application])
        first = site.start("run", "siakad")
        run = wait_until_step(site, "download")
        server.stop()
        assert first.wait(60) == 130
        finished = finished_line(site, run)
        assert finished["outcome"] == "interrupted"
        told = re.sub(r"tried \w+( times)?( in \d+:\d\d)?:", "tried once:", finished["error"])
        expect_line("connection cut", site.tidy(told))
        stays_visible(site, finished, "siakad")
    nothing_stored(site)
    site.settings = ""
    with PrivateSshd(tmp_path / "mended") as mended:
        site.add("siakad", mended, [application])
        backs_up_now(site)
        verifies(site)


@pytest.mark.long
def test_a_run_that_is_killed(site: Site, application: Path, tmp_path: Path, sshd: PrivateSshd) -> None:
    with slow_server(tmp_path) as server:
        site.add("siakad", server, [application])
        first = site.start("run", "siakad")
        run = wait_until_step(site, "download")
        for pid in processes_of(run, site):
            os.kill(pid, signal.SIGKILL)
        assert first.wait(60) == 130
    nothing_stored(site)
    site.add("siakad", sshd, [application])
    backs_up_now(site)
    verifies(site)
    finished = finished_line(site, run)
    assert finished["outcome"] == "interrupted"
    expect_line("run killed", site.tidy(finished["error"]))
    stays_visible(site, finished, "siakad")


def processes_of(run: str, site: Site) -> list[int]:
    """Who has the journal open: the run's own process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            links = [os.readlink(link) for link in folder.iterdir()]
        except OSError:
            continue
        if str(site.vault / "siakad/.lock") in links:
            found.append(int(folder.parent.name))
    assert found, f"{run} has no process"
    return found


BROKEN = {
    "config: unknown key": '[vault]\npath = "/srv/backup"\nmin_fre = "10%"\n',
    "config: wrong type": '[vault]\npath = "/srv/backup"\n[servers.siakad]\nhost = "h"\nport = "22"\n',
    "config: not TOML": "[vault]\npath = /srv/backup\n",
    "config: plain password": (
        '[vault]\npath = "/srv/backup"\n[servers.s]\nhost = "h"\n[servers.s.database]\npassword = "planted"\n'
    ),
    "config: relative folder": '[vault]\npath = "/srv/backup"\n[servers.s]\nhost = "h"\nfolders = ["www"]\n',
    "config: a folder twice": (
        '[vault]\npath = "/srv/backup"\n[servers.s]\nhost = "h"\nfolders = ["/var/www", "/var/www/"]\n'
    ),
    "config: no vault": 'language = "en"\n',
    "config: everything at once": (
        "mouse = yes\n[vault]\npath = “/srv/backup”\nmin_fre = 10%\n[servers.s]\nhost = 10.10.0.5\nuser = tuibackup\n"
        'folders = ["/var/www"\n[servers.s]\nport = 22\n[servers.t]\nhost = "t"\nfull_every = "1 wk"\n'
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_configuration(site: Site, case: str) -> None:
    site.config.write_text(BROKEN[case])
    commands = [["run", "siakad"], ["status"], ["check"], []]
    every = case in ("config: plain password", "config: everything at once")
    for words in commands if every else commands[:1]:
        said = site.tuibackup(*words)
        assert said.code == 2, said
        assert "planted" not in said.err + said.out
        expect_line(case, site.tidy(said.err.strip()))


def test_a_configuration_that_others_may_write(site: Site) -> None:
    site.config.write_text(BROKEN["config: wrong type"])  # that is told as well
    site.config.chmod(0o666)
    said = site.tuibackup("status")
    assert said.code == 2
    expect_line("config: writable by others", site.tidy(said.err.strip()))


def test_no_configuration(site: Site) -> None:
    site.config.unlink()
    said = site.tuibackup("status")
    assert said.code == 2
    expect_line("config: none", site.tidy(said.err.strip()))


def test_wrong_usage(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    backs_up_now(site)
    for words in ("run", "run nobody", "frobnicate", "ls siakad/files", "verify nobody", "stop x"):
        said = site.tuibackup(*words.split())
        assert said.code == 2, said
        expect_line(f"usage: {words}", site.tidy(said.err.strip().splitlines()[-1]))
