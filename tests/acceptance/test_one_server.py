"""One server from first to last, as its administrator drives it: run, look, prove, restore.

Each test says which demand it proves; everything goes through the installed command and real servers.
"""

import contextlib
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.conftest import make_application
from tests.acceptance.site import Said, Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture(scope="module")
def database(start_module_mariadb: MariadbStarter) -> PrivateMariadb:
    """A database of an application, and one that is to be left out."""
    server = start_module_mariadb()
    server.sql(
        "CREATE DATABASE akademik; CREATE DATABASE `odd.na``me`; CREATE DATABASE scratch;"
        "USE akademik; CREATE TABLE akademik.nilai (id INT PRIMARY KEY AUTO_INCREMENT, huruf CHAR(2), isi BLOB);"
        "INSERT INTO akademik.nilai (huruf, isi) SELECT 'A', UNHEX(MD5(seq)) FROM seq_1_to_2000;"
        "CREATE TABLE `odd.na``me`.t (x INT); INSERT INTO `odd.na``me`.t VALUES (1);"
        "CREATE PROCEDURE akademik.hitung() SELECT COUNT(*) FROM akademik.nilai"
    )
    return server


def whole_server(site: Site, sshd: PrivateSshd, application: Path, database: PrivateMariadb) -> None:
    """Configure folders, and a database that is reached through its socket without a password."""
    settings = f'user = "{account()}"\nsocket = "{database.socket}"\nexclude = ["scratch"]\n'
    site.add("siakad", sshd, [application], database=settings)


@pytest.fixture
def siakad(site: Site, sshd: PrivateSshd, application: Path, database: PrivateMariadb) -> Site:
    """A site with one such server."""
    whole_server(site, sshd, application, database)
    return site


@dataclass(frozen=True)
class Once:
    """Such a site after its first run, for all tests that only read what it stored."""

    site: Site
    application: Path
    run: Said


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd, database: PrivateMariadb) -> Once:
    site = Site(tmp_path_factory.mktemp("once"))
    application = make_application(site.folder)
    whole_server(site, sshd, application, database)
    return Once(site, application, site.tuibackup("run", "siakad", "--json"))


def test_a_run_does_the_four_steps_and_says_so_everywhere(once: Once) -> None:
    siakad, said = once.site, once.run
    assert said.code == 0, said.err
    finished = said.finished
    assert finished["outcome"] == "done"
    steps = [event["step"] for event in said.events if event["event"] == "step-finished"]
    assert steps == ["connect", "download", "login", "dump"]

    (server,) = siakad.tuibackup("status", "--json").json["servers"]
    assert (server["files"]["state"], server["databases"]["state"]) == ("fresh", "fresh")

    kinds = [entry["kind"] for entry in siakad.tuibackup("log", "--json").json]
    assert kinds.count("run") == 1
    assert kinds.count("step") == 4
    assert kinds.count("needs") >= 1

    (files,) = siakad.snapshots("siakad", "files")
    (databases,) = siakad.snapshots("siakad", "databases")
    assert {path.name for path in databases.glob("*.zst")} == {"akademik.sql.zst", "odd.na%60me.sql.zst"}
    for folder in (files, databases):
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
        assert oct(folder.stat().st_mode)[-3:] == "500"
        assert all(oct(path.stat().st_mode)[-3:] == "400" for path in folder.iterdir() if path.is_file())
    assert siakad.incoming() == []


def test_a_run_never_replaces_what_an_earlier_one_stored(siakad: Site, application: Path) -> None:
    assert siakad.tuibackup("run", "siakad").code == 0
    before = {path: path.read_bytes() for path in siakad.vault.rglob("*") if path.is_file()}
    (application / "index.php").write_text("<?php echo 'changed';\n")
    assert siakad.tuibackup("run", "siakad").code == 0
    assert len(siakad.snapshots("siakad", "files")) == 2
    for path, content in before.items():
        if path.parent.parent.name in ("files", "databases"):
            assert path.read_bytes() == content
    first = siakad.snapshots("siakad", "files")[0].name
    said = siakad.tuibackup("restore", f"siakad/files/{first}", "--to", str(siakad.folder / "old"))
    assert said.code == 0, said.err
    assert "changed" not in (siakad.folder / f"old{application}/index.php").read_text()


def test_what_is_stored_can_be_listed_proven_and_restored(once: Once, tmp_path: Path) -> None:
    siakad, application = once.site, once.application
    listed = siakad.tuibackup("ls", "siakad/files/latest", str(application))
    assert "index.php" in listed.out
    assert "name with\\nnewline" in listed.out or "name with\\x0anewline" in listed.out
    assert siakad.tuibackup("verify", "siakad").code == 0

    target = tmp_path / "restored"
    said = siakad.tuibackup("restore", "siakad/files/latest", "--to", str(target))
    assert said.code == 0, said.err
    assert differences(application, Path(f"{target}{application}")) == ""
    mine = Path(f"{target}{application}/index.php")
    mine.write_text("mine")
    again = siakad.tuibackup("restore", "siakad/files/latest", "--to", str(target))
    assert (again.code, mine.read_text()) == (3, "mine"), "never over existing files"

    one = tmp_path / "one"
    path = str(application / "uploads/2026/krs-0007.pdf")
    assert siakad.tuibackup("restore", "siakad/files/latest", path, "--to", str(one)).code == 0
    assert [file for file in one.rglob("*") if file.is_file()] == [Path(f"{one}{path}")]
    kinds = [entry["kind"] for entry in siakad.tuibackup("log", "--json").json]
    assert kinds.count("restore") >= 2
    assert kinds.count("verify") >= 1


def test_restore_sh_needs_only_sh_tar_and_zstd(once: Once, tmp_path: Path) -> None:
    (snapshot,) = once.site.snapshots("siakad", "files")
    for shell in ("dash", "busybox sh", "bash"):
        target = tmp_path / f"restored by {shell}"
        command = [*shell.split(), str(snapshot / "restore.sh"), str(target)]
        subprocess.run(command, check=True, cwd="/")
        assert differences(once.application, Path(f"{target}{once.application}")) == "", shell
        refused = subprocess.run(command, check=False, capture_output=True)
        assert refused.returncode != 0, "a folder that is not empty is refused"


def test_restore_sh_works_as_an_ordinary_user(once: Once, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the other test is this one already")
    copy = Path(shutil.copytree(once.site.vault, tmp_path / "copy"))
    subprocess.run(["chown", "-R", "65534:65534", copy], check=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    target = tmp_path / "restored"
    target.mkdir()
    os.chown(target, 65534, 65534)
    (snapshot,) = (copy / "siakad/files").glob("2*")
    subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "sh",
            snapshot / "restore.sh",
            target,
        ],
        check=True,
    )
    found = differences(once.application, Path(f"{target}{once.application}"))
    assert [line for line in found.splitlines() if not set(line.split()[0][2:]) <= set(".og")] == []


def test_a_dump_restores_on_another_server(
    once: Once, database: PrivateMariadb, start_mariadb: MariadbStarter
) -> None:
    (snapshot,) = once.site.snapshots("siakad", "databases")
    checksum = "CHECKSUM TABLE akademik.nilai, `odd.na``me`.t"
    scratch = start_mariadb()
    sql = subprocess.run(["sh", snapshot / "restore.sh"], capture_output=True, check=True).stdout
    scratch.sql(sql)
    assert scratch.sql(checksum) == database.sql(checksum)
    assert "hitung" in scratch.sql("SHOW PROCEDURE STATUS WHERE Db = 'akademik'")
    assert "scratch" not in scratch.sql("SHOW DATABASES")
    one = subprocess.run(["sh", snapshot / "restore.sh", "akademik"], capture_output=True, check=True).stdout
    assert b"CREATE TABLE `nilai`" in one
    assert b"odd.na" not in one


@pytest.mark.parametrize(
    "way", ["option_file", *(pytest.param(way, marks=pytest.mark.long) for way in ("file", "command"))]
)
def test_the_database_password_comes_from_each_source(
    site: Site, sshd: PrivateSshd, database: PrivateMariadb, way: str
) -> None:
    secret = 'pla"nt\\ed #1'
    quoted = secret.replace("\\", "\\\\")
    database.sql(
        f"CREATE OR REPLACE USER backup@localhost IDENTIFIED BY '{quoted}';"
        "GRANT ALL ON *.* TO backup@localhost"
    )
    kept = site.home / "kept"
    if way == "option_file":
        value = secret.replace("\\", "\\\\").replace('"', '\\"')
        kept.write_text(f'[client]\nuser = backup\npassword = "{value}"\n')
    else:
        kept.write_text(secret + "\n")
    kept.chmod(0o600)
    source = {
        "file": f'user = "backup"\npassword_file = "{kept}"',
        "command": f'user = "backup"\npassword_command = "cat {kept}"',
        "option_file": f'option_file = "{kept}"',
    }[way]
    site.add("siakad", sshd, [], database=f'{source}\nsocket = "{database.socket}"\n')
    said = site.tuibackup("run", "siakad")
    assert said.code == 0, said.err
    for path in (*site.state.rglob("*"), *site.vault.rglob("*.json")):
        if path.is_file():
            assert b"ed #1" not in path.read_bytes(), f"{path} holds the password"


@pytest.mark.long
def test_the_database_is_reached_over_tcp(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    server = start_mariadb(tcp=True)
    server.sql(
        "CREATE DATABASE akademik; CREATE TABLE akademik.t (x INT); "
        "CREATE USER backup@127.0.0.1 IDENTIFIED BY 'right'; GRANT ALL ON *.* TO backup@127.0.0.1"
    )
    password = site.home / "password"
    password.write_text("right")
    password.chmod(0o600)
    site.add(
        "siakad",
        sshd,
        [],
        database=f'user = "backup"\nhost = "127.0.0.1"\nport = {server.port}\npassword_file = "{password}"\n',
    )
    said = site.tuibackup("run", "siakad")
    assert said.code == 0, said.err


@pytest.mark.long
def test_a_server_behind_two_jump_hosts(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    """Each hop's own host key is checked: with one of them unknown, nothing is reached."""
    with (
        PrivateSshd(tmp_path / "outer", client_key=sshd.client_key) as outer,
        PrivateSshd(tmp_path / "inner", client_key=sshd.client_key) as inner,
    ):
        jump = f"{outer.user}@{outer.host}:{outer.port},{inner.user}@{inner.host}:{inner.port}"
        site.add("siakad", sshd, [application], extra=f'jump = "{jump}"\n')
        site.trust(outer)
        refused = site.tuibackup("run", "siakad")
        assert refused.code == 1
        assert str(inner.port) in refused.err
        site.trust(inner)
        said = site.tuibackup("run", "siakad")
        assert said.code == 0, said.err
        for hop in (outer, inner):
            assert "Accepted publickey" in hop.log.read_text()


def test_the_ssh_config_of_the_user_is_honoured(site: Site, sshd: PrivateSshd, application: Path) -> None:
    (site.home / ".ssh/config").write_text(
        f"Host akademik\n  HostName {sshd.host}\n  Port {sshd.port}\n  User {sshd.user}\n"
        f"  IdentityFile {sshd.client_key}\n  StrictHostKeyChecking no\n"
    )
    site.trust(sshd)
    site.servers["siakad"] = f'[servers.siakad]\nhost = "akademik"\nfolders = ["{application}"]\n'
    site.write_config()
    said = site.tuibackup("run", "siakad")
    assert said.code == 0, said.err
    assert "StrictHostKeyChecking" in said.err, "an option that is not honoured is said aloud"


@pytest.mark.long
def test_the_ledger_chain_is_whole_and_an_edit_is_found(siakad: Site) -> None:
    assert siakad.tuibackup("run", "siakad", "--only", "files").code == 0
    entries = siakad.tuibackup("log", "--json").json
    assert all(entry["hash"] and entry["operator"] for entry in entries)
    by_seq = sorted(entries, key=lambda entry: entry["seq"])
    for before, after in itertools.pairwise(by_seq):
        assert after["prev"] == before["hash"]
    with contextlib.closing(sqlite3.connect(siakad.state / "ledger.sqlite")) as ledger:
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f"DROP TRIGGER {name}")
        ledger.execute("UPDATE entry SET body = replace(body, 'done', 'fine') WHERE kind = 'run'")
        ledger.commit()
    said = siakad.tuibackup("check")
    assert said.code == 1
    assert any("ledger" in line and line.lstrip().startswith("×") for line in said.out.splitlines()), said.out


def test_check_says_what_works_and_what_does_not(siakad: Site, sshd: PrivateSshd) -> None:
    said = siakad.tuibackup("check")
    assert said.code in (0, 3), said.out + said.err
    marks = {line.split()[1]: line.split()[0] for line in said.out.splitlines() if line.startswith("  ")}
    assert [word for word, mark in marks.items() if mark != "√"] in ([], ["vault"]), "▲: on the system disk"
    for word in ("connection", "host key", "tar", "folder", "database", "vault"):
        assert word in said.out.lower(), f"check says nothing of {word}:\n{said.out}"
    siakad.servers["siakad"] = siakad.servers["siakad"].replace("/var/www/siakad", "/var/www/elsewhere")
    siakad.write_config()
    said = siakad.tuibackup("check", "siakad")
    assert said.code in (1, 3)
    assert "elsewhere" in said.out


@pytest.mark.long
def test_status_exits_4_when_something_was_never_backed_up(siakad: Site) -> None:
    assert siakad.tuibackup("status").code == 4
    assert siakad.tuibackup("run", "--overdue").code == 0
    assert siakad.tuibackup("status").code == 0
    assert json.loads(siakad.tuibackup("snapshots", "siakad", "--json").out)
