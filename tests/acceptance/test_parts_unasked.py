"""Parts of a server that cannot be asked are said and left out, object by object; all else is stored."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

OBJECTS = """
CREATE DATABASE d; USE d; CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); CREATE VIEW v AS SELECT a FROM t;
CREATE PROCEDURE p() SELECT 1; CREATE TRIGGER jaga BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1;
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO SELECT 1; CREATE SEQUENCE sq;
"""
OWNERLESS = """
CREATE DATABASE d2; USE d2; CREATE TABLE t2 (a INT); INSERT INTO t2 VALUES (7), (7); CREATE VIEW v2 AS SELECT a FROM t2;
CREATE VIEW v3 AS SELECT a FROM v2; CREATE TRIGGER tr2 BEFORE INSERT ON t2 FOR EACH ROW SET NEW.a = 7;
CREATE PROCEDURE p2() SELECT 5;
"""
DISABLED = "event scheduler is disabled"


def run(site: Site, sshd: PrivateSshd, server: PrivateMariadb) -> tuple[dict[str, dict[str, Any]], bytes]:
    """The findings of a run by their subjects, and the SQL of all that it stored."""
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{server.socket}"\n')
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json", timeout=300)
    assert said.code == 3, said.out + said.err
    (snapshot,) = site.snapshots("siakad", "databases")
    sql = subprocess.run(["sh", snapshot / "restore.sh"], capture_output=True, check=True).stdout
    findings = {one["subject"]: one for one in said.events if one["event"] == "step-finding"}
    assert not any("second time" in one["reason"] for one in findings.values())
    return findings, sql


def again(start_mariadb: MariadbStarter, server: PrivateMariadb, *options: str) -> PrivateMariadb:
    """The server once more, with other options."""
    server.stop()
    return PrivateMariadb(server.folder, options=options, template=Path()).start()


@pytest.mark.long
def test_an_old_mysql_proc_and_a_disabled_event_scheduler_cost_what_they_list(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    first = start_mariadb()
    first.sql(OBJECTS + "ALTER TABLE mysql.proc DROP COLUMN aggregate")
    with again(start_mariadb, first, "--event-scheduler=DISABLED") as server:
        findings, sql = run(site, sshd, server)
        target = start_mariadb()
        target.sql(sql)
        assert target.sql("CHECKSUM TABLE d.t, d.v") == server.sql("CHECKSUM TABLE d.t, d.v")
        assert target.sql("SHOW TABLES FROM d").split() == ["sq", "t", "v"]
        assert "jaga" in target.sql("SHOW TRIGGERS FROM d")
    for subject, words in (
        ("routines", "Column count of mysql.proc is wrong"),
        ("d.p", "Column count of mysql.proc is wrong"),
        ("events", DISABLED),
        ("d.ev", DISABLED),
    ):
        assert words in findings[subject]["reason"]
    assert {one["subject"] for one in findings.values() if one.get("mark")} == {"d.p", "d.ev"}


@pytest.mark.long
def test_a_server_without_grant_tables_hides_no_event(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """It lists none, and dump programs then store none, without a word. What is made there has no definer."""
    first = start_mariadb()
    first.sql(OBJECTS)
    with again(start_mariadb, first, "--skip-grant-tables") as server:
        server.sql(OWNERLESS)
        findings, sql = run(site, sshd, server)
    target = start_mariadb()
    target.sql(sql)
    assert target.sql("SELECT a FROM d2.v2; CALL d2.p2()").split() == ["7", "7", "5"]
    assert "tr2" in target.sql("SHOW TRIGGERS FROM d2")
    assert "have no definer" in findings["d2"]["reason"]
    assert "d" not in findings
    assert DISABLED in findings["d.ev"]["reason"]
    assert findings["d.ev"]["mark"]
    assert "--skip-grant-tables" in findings["users and grants"]["reason"]
    assert b"PROCEDURE `p`" in sql


@pytest.mark.long
def test_a_scheduler_that_is_disabled_costs_nothing_where_there_are_no_events(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    server = start_mariadb("--event-scheduler=DISABLED")
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (a INT)")
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{server.socket}"\n')
    said = site.tuibackup("run", "siakad", "--only", "databases", timeout=300)
    assert said.code == 0, said.out + said.err
