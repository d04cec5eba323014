"""A drill restores for real and compares: green only where all agrees, and everything is recorded."""

import os
import pwd
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.backedup import BackedUp, tampered
from tests.acceptance.drilled import drills_in
from tests.acceptance.jobs import process_of
from tests.acceptance.site import Site
from tests.conftest import MariadbStarter


@pytest.fixture
def siakad(site: Site, backed_up: BackedUp, place: Path) -> Site:
    """A site whose server was backed up once, files and databases."""
    backed_up.copy_to(site)
    drills_in(site, place)
    return site


@pytest.fixture
def place(fast_tmp_path: Path) -> Path:
    """Where drills happen. pytest's own folders are closed to the account that root's drills use."""
    fast_tmp_path.chmod(0o711)
    return fast_tmp_path


def drills(site: Site) -> list[dict[str, Any]]:
    """The drills in the ledger, the oldest first."""
    entries = site.tuibackup("log", "--json").json
    return [entry["body"] for entry in entries if entry["kind"] == "drill"]


def table(document: dict[str, Any], database: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in document["databases"] if one["name"] == database]
    (one,) = [one for one in found["tables"] if one["name"] == name]
    return one


def test_a_good_snapshot_is_proven_and_recorded(siakad: Site, place: Path) -> None:
    said = siakad.tuibackup("drill", "siakad", "--json")
    files, databases = said.json
    assert (files["outcome"], files["differences"]) == ("done", [])
    assert databases["differences"] == []
    assert databases["gaps"] == []
    assert databases["outcome"] == "done"
    assert said.code == 0, said.err
    assert databases["tables"] == 5
    assert databases["rows"] == 300 + 300 + 0 + 2 + 3
    assert databases["checksums"] == 5, "contents are compared without being asked for"
    assert databases["incomparable"] == []
    assert databases["where"].startswith("MariaDB ")
    assert [one["snapshot"] for one in drills(siakad)] == [files["snapshot"], databases["snapshot"]]
    assert drills(siakad)[1]["rows"] == 605
    (ledger,) = [one for one in siakad.tuibackup("check", "--json").json if one["check"] == "ledger"]
    assert ledger["state"] == "ok", ledger
    assert list(place.iterdir()) == []


def test_rows_that_are_missing_make_it_red(siakad: Site) -> None:
    (snapshot,) = siakad.snapshots("siakad", "databases")

    def one_more(document: dict[str, Any]) -> None:
        table(document, "akademik", "nilai")["counted"] = 301
        table(document, "akademik", "mahasiswa")["checksum"] = 4711

    tampered(snapshot, one_more)
    said = siakad.tuibackup("drill", "siakad/databases/latest")
    assert said.code == 1
    assert "akademik.nilai: 300 rows came back, 301 were there at the dump's instant" in said.out
    assert "akademik.mahasiswa: its content differs" in said.out
    (recorded,) = drills(siakad)
    assert recorded["outcome"] == "failed"
    assert recorded["differences_total"] == 2


@pytest.mark.long
def test_contents_that_were_not_compared_are_said(siakad: Site) -> None:
    """As of a snapshot made with `checksum = false`, or by an earlier tuibackup."""
    (snapshot,) = siakad.snapshots("siakad", "databases")

    def none(document: dict[str, Any]) -> None:
        for database in document["databases"]:
            for one in database["tables"]:
                one["checksum"] = None

    tampered(snapshot, none)
    said = siakad.tuibackup("drill", "siakad/databases/latest")
    assert said.code == 0
    assert "605 rows, contents not compared" in said.out.splitlines()[0]
    assert "akademik: no checksums were recorded, so only its rows were counted" in said.out
    (recorded,) = drills(siakad)
    assert recorded["detail"].endswith("605 rows, contents not compared")


@pytest.mark.long
def test_the_ledger_keeps_a_drill_in_english_whatever_the_language(siakad: Site) -> None:
    siakad.settings = 'language = "id"\n' + siakad.settings
    siakad.write_config()
    said = siakad.tuibackup("drill", "siakad")
    assert said.code == 0, said.out + said.err
    assert "2 database, 5 tabel" in said.out
    files, databases = (one["detail"].split(": ")[1] for one in drills(siakad))
    assert " files, " in files
    assert databases == "2 databases, 5 tables, 605 rows, 5 checksums"


@pytest.mark.long
def test_an_object_that_is_missing_makes_it_red(siakad: Site) -> None:
    (snapshot,) = siakad.snapshots("siakad", "databases")
    objects = {
        "views": ["ringkas", "silang"],
        "triggers": ["jaga", "hilang"],
        "routines": ["hitung", "miring"],
        "events": ["malam"],
        "sequences": ["nomor"],
    }

    def name_objects(document: dict[str, Any]) -> None:
        (akademik,) = [one for one in document["databases"] if one["name"] == "akademik"]
        akademik["objects"] = objects

    tampered(snapshot, name_objects)
    said = siakad.tuibackup("drill", "siakad/databases/latest", "--json")
    assert said.code == 1
    assert said.json[0]["differences"] == ["akademik: trigger hilang is missing"]


@pytest.mark.long
def test_a_damaged_dump_makes_it_red(siakad: Site) -> None:
    (snapshot,) = siakad.snapshots("siakad", "databases")
    dump = snapshot / "akademik.sql.zst"
    snapshot.chmod(0o700)
    dump.chmod(0o600)
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 0xFF
    dump.write_bytes(content)
    said = siakad.tuibackup("drill", "siakad/databases/latest")
    assert said.code == 1
    assert "akademik: cannot be restored: " in said.out
    assert "damaged" in said.out
    assert "arsip: cannot" not in said.out
    assert drills(siakad)[0]["outcome"] == "failed"


def test_a_damaged_file_makes_it_red(siakad: Site) -> None:
    (snapshot,) = siakad.snapshots("siakad", "files")
    (archive,) = snapshot.glob("*.tar.zst")
    snapshot.chmod(0o700)
    archive.chmod(0o600)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    said = siakad.tuibackup("drill", "siakad/files/latest")
    assert said.code == 1
    assert "krs-" in said.out
    assert drills(siakad)[0]["outcome"] == "failed"


def test_a_machine_without_mariadbd_says_what_to_do(siakad: Site) -> None:
    """Without the program in any of the places where it is looked for, as on a machine without the package."""
    hidden = siakad.folder / "sitecustomize.py"
    hidden.write_text(
        "import shutil\n"
        "which = shutil.which\n"
        "shutil.which = lambda name, *a, **k: None if name.startswith('mariadb') else which(name, *a, **k)\n"
    )
    said = siakad.tuibackup("drill", "siakad/databases/latest", env={"PYTHONPATH": str(siakad.folder)})
    assert said.code == 1
    assert "mariadbd" in said.err
    assert "apt install mariadb-server" in said.err
    [told] = drills(siakad)
    assert (told["outcome"], told["snapshot"].split("/")[:2]) == ("failed", ["siakad", "databases"])
    assert told["error"] in said.err, "that it could not be done is recorded"


@pytest.mark.long
def test_a_drill_that_could_not_be_carried_out_proves_nothing_against_the_backup(
    siakad: Site, place: Path
) -> None:
    """It was the newest drill in the status, shown as failed like a backup that does not restore."""
    assert siakad.tuibackup("drill", "siakad/files/latest").code == 0
    [good] = drills(siakad)
    drills_in(siakad, place / "gone")
    assert siakad.tuibackup("drill", "siakad/files/latest").code == 1
    assert siakad.tuibackup("drill", "siakad/databases/latest").code == 1

    (server,) = siakad.tuibackup("status", "--json").json["servers"]
    assert server["drills"]["databases"] is None
    kept = server["drills"]["files"]
    assert (kept["snapshot"], kept["outcome"]) == (good["snapshot"], "done"), "the last that was carried out"
    for clock, tried in server["drills-not-carried-out"].items():
        assert tried["snapshot"].startswith(f"siakad/{clock}/"), tried
        assert "No such file or directory" in tried["reason"], tried
    status = siakad.tuibackup("status").out
    for clock in ("files", "databases"):
        assert f"▲ siakad: the drill of the {clock} could not be carried out (" in status, status
    assert "could not be carried out: " in siakad.tuibackup("log").out


@pytest.mark.parametrize(("clock", "file"), [("files", "index.sqlite"), ("databases", "tables.json")])
def test_a_snapshot_whose_own_list_is_damaged_is_a_red_drill(siakad: Site, clock: str, file: str) -> None:
    """Nothing of it can be restored: that the drill could not be carried out would be no answer."""
    (snapshot,) = siakad.snapshots("siakad", clock)
    snapshot.chmod(0o700)
    (snapshot / file).chmod(0o600)
    (snapshot / file).write_bytes(b"gone" * 100)
    said = siakad.tuibackup("drill", f"siakad/{clock}/latest", "--json")
    assert said.code == 1, said.err
    [drilled] = said.json
    assert drilled["outcome"] == "failed"
    assert "cannot be restored: " in drilled["differences"][0]


@pytest.mark.long
def test_status_tells_how_long_ago_the_last_drill_was(siakad: Site) -> None:
    (before,) = siakad.tuibackup("status", "--json").json["servers"]
    assert before["drills"] == {"files": None, "databases": None}
    siakad.tuibackup("drill", "siakad")
    status = siakad.tuibackup("status", "--json").json
    (server,) = status["servers"]
    assert server["drills"]["files"]["outcome"] == "done"
    assert server["drills"]["databases"]["age-days"] == 0
    assert "drill" in siakad.tuibackup("status").out.splitlines()[0]


@pytest.mark.long
def test_a_named_server_is_used_only_when_it_is_empty(
    siakad: Site, place: Path, start_mariadb: MariadbStarter
) -> None:
    empty = start_mariadb()
    empty.sql("CREATE USER penguji@localhost IDENTIFIED BY 'kunci'; GRANT ALL ON *.* TO penguji@localhost")
    secret = siakad.home / "secret"
    secret.write_text("kunci\n")
    secret.chmod(0o600)
    drills_in(siakad, place, f'socket = "{empty.socket}"\nuser = "penguji"\npassword_file = "{secret}"\n')
    said = siakad.tuibackup("drill", "siakad/databases/latest")
    assert said.code == 0, said.out + said.err
    assert "akademik" not in empty.sql("SHOW DATABASES")
    empty.sql("CREATE DATABASE milik_orang; CREATE TABLE milik_orang.t (i INT)")
    said = siakad.tuibackup("drill", "siakad/databases/latest")
    assert said.code == 1
    assert "is not empty" in said.err
    assert "milik_orang" in said.err
    assert "milik_orang" in empty.sql("SHOW DATABASES")
    assert "akademik" not in empty.sql("SHOW DATABASES")


def test_nothing_is_left_of_a_drill_that_is_killed(siakad: Site, place: Path) -> None:
    job = siakad.tuibackup("drill", "siakad/databases/latest", "--detach").out.strip()
    wait_until(lambda: any(place.glob("*/server/data/*")))
    os.kill(process_of(siakad, job), signal.SIGKILL)
    wait_until(lambda: not any(place.iterdir()) and not servers_below(place))


@pytest.mark.long
def test_a_drill_that_is_ended_leaves_nothing_but_its_entry(siakad: Site, place: Path) -> None:
    job = siakad.tuibackup("drill", "siakad/databases/latest", "--detach").out.strip()
    wait_until(lambda: any(place.glob("*/server/data/*")))
    os.kill(process_of(siakad, job), signal.SIGTERM)
    assert siakad.tuibackup("follow", job).code == 130
    assert not any(place.iterdir())
    assert not servers_below(place)
    [told] = drills(siakad)
    assert (told["outcome"], told["error"]) == ("interrupted", "stopped by signal SIGTERM")


@pytest.mark.long
def test_root_gives_the_throw_away_server_no_rights(siakad: Site, place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has rights to give away")
    process = siakad.start("drill", "siakad/databases/latest")
    try:
        wait_until(lambda: servers_below(place))
        [pid, *_rest] = servers_below(place)
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        assert status["Uid"].split()[0] == str(pwd.getpwnam("nobody").pw_uid)
        assert int(status["CapEff"], 16) == 0
        assert status["NoNewPrivs"].strip() == "1"
    finally:
        process.wait(60)


def servers_below(place: Path) -> list[int]:
    """mariadbd processes whose command line names `place`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"mariadbd\0" in words and os.fsencode(place) in words:
            found.append(int(process.name))
    return found


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.02)
