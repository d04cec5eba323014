"""All of a database server comes back: views that look into each other's databases, broken views, users and grants."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

# Views in a circle of databases, on tables, on views, on a function; every order of restoring meets one too early.
CIRCLE = """
SET sql_mode='';
CREATE DATABASE a_first; CREATE DATABASE `b``2` CHARACTER SET latin1; CREATE DATABASE z_last;
CREATE TABLE a_first.orang (id INT PRIMARY KEY, nama VARCHAR(40) COLLATE utf8mb4_unicode_ci, titik POINT,
    s SET('x','y'));
INSERT INTO a_first.orang VALUES (1, 'Andi', POINT(1, 2), 'x,y'), (2, 'Siti', NULL, '');
CREATE TABLE `b``2`.nilai (id INT, angka DECIMAL(5,2), ket TEXT);
INSERT INTO `b``2`.nilai VALUES (1, 90.5, 'lulus'), (2, 40, NULL);
CREATE FUNCTION z_last.bulat(x DECIMAL(5,2), y VARCHAR(9) CHARACTER SET latin1) RETURNS INT DETERMINISTIC
    RETURN ROUND(x);
CREATE VIEW a_first.gabung AS SELECT o.nama, n.angka, z_last.bulat(n.angka, 'x') b
    FROM a_first.orang o JOIN `b``2`.nilai n USING (id);
CREATE VIEW `b``2`.`le.wat` AS SELECT nama, b, '`z_last`.`tidak`' AS t FROM a_first.gabung WHERE b > 1;
CREATE VIEW z_last.peta AS SELECT id, ST_X(titik) x, s FROM a_first.orang;
CREATE VIEW a_first.ujung AS SELECT l.nama, p.x FROM `b``2`.`le.wat` l, z_last.peta p;
"""
# To be broken once it is there.
BROKEN = "CREATE TABLE z_last.lama (id INT, hapus INT); CREATE VIEW z_last.rusak AS SELECT id, hapus FROM z_last.lama;"
USERS = """
CREATE ROLE pembaca; GRANT SELECT ON `a\\_first`.* TO pembaca;
CREATE USER andi@'10.0.%' IDENTIFIED BY 'rahasia-andi'; GRANT pembaca TO andi@'10.0.%';
SET DEFAULT ROLE pembaca FOR andi@'10.0.%';
CREATE USER 'a`b'@localhost IDENTIFIED BY 'x';
GRANT SELECT (id), INSERT ON z_last.lama TO 'a`b'@localhost WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION z_last.bulat TO andi@'10.0.%';
"""


def _grants(server: PrivateMariadb) -> str:
    return server.sql(
        "SHOW GRANTS FOR pembaca; SHOW GRANTS FOR andi@'10.0.%'; SHOW GRANTS FOR 'a`b'@localhost;"
        "SHOW CREATE USER andi@'10.0.%'"
    )


def _mariadb(server: PrivateMariadb, script: list[str]) -> subprocess.CompletedProcess[bytes]:
    sql = subprocess.run(script, capture_output=True, check=True).stdout
    return subprocess.run(
        ["mariadb", "--no-defaults", f"--socket={server.socket}"], input=sql, capture_output=True, check=False
    )


@pytest.fixture
def site(tmp_path: Path, sshd: PrivateSshd) -> Site:
    return Site(tmp_path)


def _configure(site: Site, sshd: PrivateSshd, server: PrivateMariadb, user: str = "") -> None:
    site.add("siakad", sshd, [], database=f'user = "{user or account()}"\nsocket = "{server.socket}"\n')


@pytest.mark.long
def test_views_in_a_circle_of_databases_and_the_users_come_back(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    source, target = start_mariadb(), start_mariadb()
    source.sql(CIRCLE + BROKEN + USERS)
    before = _grants(source)
    contents = "SELECT * FROM a_first.ujung; SELECT * FROM `b``2`.`le.wat`; CHECKSUM TABLE a_first.orang, `b``2`.nilai"
    rows = source.sql(contents)
    source.sql("ALTER TABLE z_last.lama DROP COLUMN hapus")
    _configure(site, sshd, source)

    said = site.tuibackup("run", "siakad", "--only", "databases")

    assert said.code == 3, said.err
    assert "z_last.rusak" in said.out + said.err
    [snapshot] = (site.vault / "siakad/databases").iterdir()
    restored = _mariadb(target, ["sh", str(snapshot / "restore.sh")])
    assert (restored.returncode, restored.stderr) == (0, b"")
    assert target.sql(contents) == rows
    # The stand-ins are gone: all is what it was.
    every = (
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA IN"
        " ('a_first', 'b`2', 'z_last') AND TABLE_NAME <> 'rusak' ORDER BY 1, 2"
    )
    assert target.sql(every) == source.sql(every)
    for server in (source, target):
        assert "latin1" in server.sql("SHOW CREATE DATABASE `b``2`")
    # Users come after what they may read.
    assert _mariadb(target, ["sh", str(snapshot / "restore.sh"), "--users"]).returncode == 0
    assert _grants(target) == before
    # The broken view's definition is kept: once its column is back, it can be made again.
    target.sql("ALTER TABLE z_last.lama ADD COLUMN hapus INT")
    assert _mariadb(target, ["cat", str(snapshot / "left-out.sql")]).returncode == 0
    target.sql("SELECT hapus FROM z_last.rusak")
    assert site.tuibackup("verify", "siakad").code == 0


@pytest.mark.long
def test_an_account_that_may_not_read_users_is_told(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    source = start_mariadb()
    source.sql(
        "CREATE DATABASE toko; CREATE TABLE toko.x (i INT); CREATE USER u@localhost IDENTIFIED BY 'p';"
        "GRANT SHOW DATABASES ON *.* TO u@localhost; GRANT SELECT ON mysql.proc TO u@localhost;"
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON toko.* TO u@localhost"
    )
    secret = site.home / "secret"
    secret.write_text("p\n")
    secret.chmod(0o600)
    _configure(site, sshd, source, "u")
    site.servers["siakad"] += f'password_file = "{secret}"\n'
    site.write_config()

    said = site.tuibackup("run", "siakad", "--only", "databases")

    assert said.code == 3
    assert "users and grants" in said.out + said.err
    assert "cannot be read and are not saved" in said.out + said.err
    assert "GRANT SELECT, " in said.out + said.err
