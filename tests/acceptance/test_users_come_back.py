"""users.sql makes a server's accounts again on a fresh one, whatever their names and either server's sql_mode."""

import subprocess

import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

STRICT = "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT"
# Each account stands for something that stopped the file, or was lost with all others.
ACCOUNTS = r"""
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE toko; CREATE TABLE toko.isi (i INT, v INT, lama INT); CREATE TABLE toko.hilang (i INT);
CREATE PROCEDURE toko.ada() SELECT 1;
CREATE ROLE zeta; CREATE ROLE alfa WITH ADMIN zeta; CREATE ROLE beta; CREATE ROLE `per``an"'\`; GRANT alfa TO beta;
CREATE USER biasa@localhost IDENTIFIED BY 'p''w\\"x'; CREATE USER ''@localhost; CREATE USER net@'10.0.0.0/255.0.0.0';
CREATE USER `o'b"r\i``en`@`192.168.%.%` IDENTIFIED BY 'x'; CREATE USER 'é漢字'@'%' IDENTIFIED BY 'é';
CREATE USER aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhh@'%';
CREATE USER surat@'%' REQUIRE SUBJECT '/CN=a''b"c\\d' AND ISSUER '/C=ID' AND CIPHER 'AES';
CREATE USER batas@'%' WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 8 MAX_STATEMENT_TIME 1.5;
CREATE USER usang@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE; CREATE USER kunci@'%' PASSWORD EXPIRE NEVER ACCOUNT LOCK;
CREATE USER dua@'%' IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('x');
CREATE USER adm@'%'; GRANT beta TO adm@'%'; SET DEFAULT ROLE beta FOR adm@'%'; GRANT zeta TO adm@'%' WITH ADMIN OPTION;
GRANT PROXY ON biasa@localhost TO adm@'%'; GRANT ALL ON *.* TO adm@'%' WITH GRANT OPTION; GRANT zeta TO PUBLIC;
GRANT SELECT (i), UPDATE (v) ON toko.isi TO biasa@localhost; GRANT EXECUTE ON PROCEDURE toko.ada TO biasa@localhost;
GRANT SELECT ON `a\_b\%`.* TO biasa@localhost WITH GRANT OPTION; GRANT SELECT ON toko.* TO zeta;
GRANT SELECT ON toko.hilang TO net@'10.0.0.0/255.0.0.0'; DROP TABLE toko.hilang;
GRANT SELECT (i, lama) ON toko.isi TO batas@'%'; ALTER TABLE toko.isi DROP lama;
INSERT INTO mysql.procs_priv (Host, Db, User, Routine_name, Routine_type, Grantor, Proc_priv)
    VALUES ('%', 'toko', 'adm', 'entah', 'PROCEDURE', '', 'Execute');
INSERT INTO mysql.global_priv VALUES ('%', 'asing', '{"access":0,"plugin":"entah","authentication_string":"abc"}');
FLUSH PRIVILEGES;
"""
NOT_THERE = {"toko`.`hilang", "`lama`", "toko`.`entah"}


def told(server: PrivateMariadb) -> dict[str, str]:
    """What the server says of each of its accounts; root gets the roles of whoever makes them."""
    names = server.sql(
        "SELECT CONCAT('`', REPLACE(User, '`', '``'), '`', IF(is_role = 'Y', '', CONCAT('@`', Host, '`')))"
        " FROM mysql.user WHERE User NOT IN ('root', 'PUBLIC', 'mariadb.sys')"
    )
    said = {"PUBLIC": server.sql("SET sql_mode = ''; SHOW GRANTS FOR PUBLIC")}
    for name in names.replace(r"\\", "\\").splitlines():
        asked = f"SHOW CREATE USER {name};" if "@" in name else ""
        said[name] = server.sql(f"SET NAMES utf8mb4, sql_mode = ''; {asked} SHOW GRANTS FOR {name}")
    return {name: "\n".join(sorted(text.splitlines())) for name, text in said.items()}


@pytest.mark.long
def test_accounts_of_all_kinds_come_back_on_a_fresh_server_whatever_its_sql_mode(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    source, fresh = start_mariadb(), start_mariadb(STRICT)
    source.sql(ACCOUNTS)
    source.sql("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{source.socket}"\n')
    said = site.tuibackup("run", "siakad", "--only", "databases")
    assert said.code == 3, said.out + said.err
    for name in NOT_THERE:
        assert name in said.out, f"the grant on {name} is named: {said.out}"
    (snapshot,) = site.snapshots("siakad", "databases")
    for words in ([], ["--users"]):
        back = subprocess.run(["sh", "restore.sh", *words], cwd=snapshot, capture_output=True, check=True)
        fresh.sql(back.stdout)  # stops at the first error
    before, after = told(source), told(fresh)
    assert before.keys() - after.keys() == {"`asing`@`%`"}, "its plugin is on neither server"
    differing = {name for name in after if before[name] != after[name]}
    assert differing == {"`net`@`10.0.0.0/255.0.0.0`", "`batas`@`%`", "`adm`@`%`"}, [
        (before[name], after[name]) for name in differing
    ]
    for name in differing:
        lost = set(before[name].splitlines()) - set(after[name].splitlines())
        assert all(any(gone in line for gone in NOT_THERE) for line in lost), lost


@pytest.mark.long
def test_an_account_that_the_server_ignores_is_named_and_costs_no_other(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """With skip-name-resolve a server does not know accounts of hosts' names."""
    server = start_mariadb("--skip-name-resolve")
    server.sql(
        "CREATE DATABASE toko; CREATE USER jauh@'web.example.org'; CREATE USER dekat; FLUSH PRIVILEGES"
    )
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{server.socket}"\n')
    said = site.tuibackup("run", "siakad", "--only", "databases")
    assert said.code == 3, said.out + said.err
    assert (
        "`jauh`@`web.example.org`: not in users.sql: Can't find any matching row in the user table"
        in said.out
    )
    (snapshot,) = site.snapshots("siakad", "databases")
    users = (snapshot / "users.sql").read_text()
    assert "CREATE USER IF NOT EXISTS `dekat`@`%`;" in users
    assert "\nCREATE USER IF NOT EXISTS `jauh`" not in users


@pytest.mark.long
def test_a_server_without_grant_tables_is_dumped_and_says_that_its_accounts_are_not(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    server = start_mariadb("--skip-grant-tables")
    server.sql("CREATE DATABASE toko; CREATE TABLE toko.isi (i INT)")
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{server.socket}"\n')
    said = site.tuibackup("run", "siakad", "--only", "databases")
    assert said.code == 3, said.out + said.err
    assert "users and grants: cannot be read and are not saved" in said.out
    assert "--skip-grant-tables" in said.out
