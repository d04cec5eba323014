"""Step 3 tells, and the ledger keeps, what a dump would miss, before it is made."""

from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.sshd import PrivateSshd


@pytest.mark.long
def test_what_the_dump_needs_is_recorded_with_the_grant_that_is_missing(
    tmp_path: Path, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    site, source = Site(tmp_path), start_mariadb()
    source.sql(
        "CREATE DATABASE `toko_1`; CREATE TABLE toko_1.barang (i INT); INSERT INTO toko_1.barang VALUES (1), (2);"
        "CREATE TABLE toko_1.lama (i INT) ENGINE=MyISAM; CREATE VIEW toko_1.semua AS SELECT * FROM toko_1.barang;"
        "CREATE ROLE pembaca; GRANT SELECT ON *.* TO pembaca; CREATE USER u@localhost IDENTIFIED BY 'p';"
        "GRANT pembaca TO u@localhost; GRANT SELECT, SHOW VIEW ON toko_1.* TO u@localhost"
    )
    secret = site.home / "secret"
    secret.write_text("p\n")
    secret.chmod(0o600)
    database = f'user = "u"\nsocket = "{source.socket}"\npassword_file = "{secret}"\n'
    site.add("siakad", sshd, [], database=database)

    checked = site.tuibackup("check", "siakad")
    ran = site.tuibackup("run", "siakad", "--only", "databases")

    rights = "SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS"
    missing = f"GRANT {rights} ON *.* TO 'u'@'localhost'"
    assert missing in checked.out
    assert "SET DEFAULT ROLE `pembaca` FOR 'u'@'localhost'" in checked.out
    assert missing in ran.out + ran.err
    entries = site.tuibackup("log", "--all", "--json").json
    [needs] = [entry["body"]["needs"] for entry in entries if entry["kind"] == "needs"]
    told = {need["need"]: need for need in needs}
    assert told["database access"]["detail"].endswith("'u'@'localhost' by password")
    assert told["database privileges"]["ok"] is False
    assert missing in told["database privileges"]["detail"]
    assert "--single-transaction" in told["dump tool"]["detail"]
    contents = told["what there is to dump"]["detail"]
    assert contents.startswith("toko_1: 2 tables (")
    assert "InnoDB 1" in contents
    assert "MyISAM 1" in contents
    assert contents.endswith("1 view")
    limits = told["limits of the dump"]
    assert limits["ok"] is False
    assert missing in limits["detail"]
    assert "lama: not InnoDB" in limits["detail"]
    assert told["long queries"]["ok"] is True
    # The one statement printed is all that is needed.
    source.sql(missing)
    again = site.tuibackup("check", "siakad")
    assert "GRANT" not in again.out
    assert "lama" not in again.out  # small: it is read under the lock
