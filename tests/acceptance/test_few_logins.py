"""An account that may have few logins at a time is dumped with as many as it may have."""

import json

import pytest

from tests.acceptance.site import Said, Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

MADE = (
    "CREATE DATABASE toko; USE toko; CREATE TABLE toko.nota (id INT PRIMARY KEY, x FLOAT);"
    "INSERT INTO toko.nota SELECT seq, seq / 7 FROM seq_1_to_20;"
    "CREATE TABLE toko.buku (id INT PRIMARY KEY, isi TEXT); INSERT INTO toko.buku VALUES (1, 'a');"
    "CREATE VIEW toko.lihat AS SELECT * FROM toko.buku;"
    "CREATE TRIGGER toko.t BEFORE INSERT ON toko.buku FOR EACH ROW SET NEW.isi = 'b';"
    "CREATE SEQUENCE toko.nomor;"
    "CREATE DATABASE lain; CREATE TABLE lain.kata (id INT PRIMARY KEY) ENGINE=MyISAM;"
    "INSERT INTO lain.kata VALUES (1); CREATE VIEW lain.luar AS SELECT * FROM toko.buku"
)


@pytest.fixture(scope="module")
def frugal(start_module_mariadb: MariadbStarter) -> PrivateMariadb:
    server = start_module_mariadb()
    server.sql(MADE)
    server.sql("CREATE USER hemat@localhost IDENTIFIED BY 'kunci'; GRANT ALL ON *.* TO hemat@localhost")
    return server


def dumped(site: Site, sshd: PrivateSshd, server: PrivateMariadb) -> Said:
    password = site.folder / "password"
    password.write_text("kunci\n")
    password.chmod(0o600)
    where = f'user = "hemat"\npassword_file = "{password}"\nsocket = "{server.socket}"\n'
    site.add("siakad", sshd, [], database=where)
    return site.tuibackup("run", "siakad", "--only", "databases", "--json")


@pytest.mark.parametrize(
    ("logins", "way"),
    [
        (1, "one connection for all databases, without a dump program"),
        pytest.param(2, "one program for all databases", marks=pytest.mark.long),
        pytest.param(3, "one program for all databases", marks=pytest.mark.long),
        pytest.param(4, "one program for all databases", marks=pytest.mark.long),
        (5, "barrier"),  # with one program, and a connection for what it would lose
    ],
)
@pytest.mark.long
def test_a_run_needs_no_more_logins_than_the_account_may_have(
    site: Site, sshd: PrivateSshd, frugal: PrivateMariadb, logins: int, way: str
) -> None:
    """With one login, check was green and the run failed."""
    frugal.sql(f"ALTER USER hemat@localhost WITH MAX_USER_CONNECTIONS {logins}")
    said = dumped(site, sshd, frugal)
    assert said.finished["databases"]["whole"], said.out
    [folder] = site.snapshots("siakad", "databases")
    told = json.loads((folder / "snapshot.json").read_text())
    assert told["instant"] == way
    checked = site.tuibackup("check", "siakad", "--json").out
    few = "at a time, too few to lock the databases together"
    assert (few in told["no_barrier"], few in checked) == (logins < 5, logins < 5)
    assert ("MAX_USER_CONNECTIONS 10" in checked) == (logins < 5)
    loaded = site.tuibackup("restore", "siakad/databases/latest", "--to", str(site.folder / "back"))
    assert loaded.code == 0, loaded.err
    toko = (site.folder / "back/toko.sql").read_text()
    assert all(word in toko for word in ("`nota`", "`buku`", "`lihat`", "`nomor`", "TRIGGER"))
    assert "`luar`" in (site.folder / "back/lain.sql").read_text()
