"""What is made of SHOW GRANTS agrees with what the server lets the account do."""

import subprocess

import pytest

from tuibackup.database.rights.grants import Grants, pattern_of
from tuibackup.demo.mariadbd import PrivateMariadb

DATABASES = ("a_b", "axb", "a%", "abc", "plain", "with`tick")
GIVEN = (
    "SELECT ON *.* TO u@localhost",
    r"SELECT ON `a\_b`.* TO u@localhost",
    "SELECT ON `a_b`.* TO u@localhost",
    "SELECT ON `a%`.* TO u@localhost",
    "SELECT ON `a%`.* TO u@localhost; GRANT INSERT ON `a_b`.* TO u@localhost",
    "SELECT ON `a%`.* TO u@localhost; GRANT INSERT ON `ab%`.* TO u@localhost",
    "SELECT ON `with``tick`.* TO u@localhost",
    "SELECT (i) ON abc.t TO u@localhost",
    "ALL PRIVILEGES ON plain.* TO u@localhost WITH GRANT OPTION",
    "INSERT, SELECT ON plain.t TO u@localhost",
    "SELECT ON *.* TO r; GRANT r TO u@localhost",
    "SELECT ON `a%`.* TO r; GRANT r TO u@localhost; SET DEFAULT ROLE r FOR u@localhost",
    "SELECT ON axb.* TO PUBLIC",
)


def _as_u(server: PrivateMariadb, sql: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mariadb", "--no-defaults", f"--socket={server.socket}", "-uu", "-pp", "-NBre", sql],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("given", GIVEN)
def test_privileges_are_understood_as_the_server_does(mariadbd: PrivateMariadb, given: str) -> None:
    for name in DATABASES:
        mariadbd.sql(f"CREATE DATABASE {_quoted(name)}; CREATE TABLE {_quoted(name)}.t (i INT)")
    mariadbd.sql(f"CREATE ROLE r; CREATE USER u@localhost IDENTIFIED BY 'p'; GRANT {given}")
    try:
        grants = Grants(tuple(_as_u(mariadbd, "SHOW GRANTS").stdout.splitlines()))
        one_table = "t" if "plain.t " in given else ""
        for name in DATABASES:
            # A dump locks nothing and reads every column, as COUNT(*) does not.
            may = _as_u(mariadbd, f"SELECT t.* FROM {_quoted(name)}.t").returncode == 0
            assert grants.has("SELECT", name, one_table) == (may and "(i)" not in given), name
    finally:
        if "PUBLIC" in given:
            mariadbd.sql(f"REVOKE {given.replace(' TO ', ' FROM ')}")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def test_a_role_that_is_not_active_gives_nothing_and_is_named() -> None:
    lines = ("GRANT `r1`@`%`,`r2`@`%` TO `u`@`%`", "GRANT USAGE ON *.* TO `u`@`%`")
    assert Grants(lines).idle_roles == ("`r1`@`%`", "`r2`@`%`")
    assert Grants((*lines, "GRANT SELECT ON *.* TO `r1`@`%`")).idle_roles == ("`r2`@`%`",)


def test_a_partial_revoke_of_mysql_takes_away() -> None:
    grants = Grants(("GRANT SELECT, `x` ON *.* TO `u`@`%`", "REVOKE SELECT ON `rahasia`.* FROM `u`@`%`"))
    assert grants.has("SELECT", "toko")
    assert not grants.has("SELECT", "rahasia")


@pytest.mark.parametrize("name", DATABASES)
def test_the_pattern_of_a_name_fits_it_alone(name: str) -> None:
    grants = Grants((f"GRANT SELECT ON {_quoted(pattern_of(name))}.* TO u@localhost",))
    assert [one for one in DATABASES if grants.has("SELECT", one)] == [name]
