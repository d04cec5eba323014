"""Thousands of everything: what is said to the server's shell has no bound, and no journey is made for each object."""

import json
import subprocess

import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.sshd import PrivateSshd

LONG = "ж" * 60


@pytest.mark.long
def test_names_that_are_more_than_one_word_may_hold_reach_the_dump_program(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """A command over 128 KiB is refused by the server's kernel; then one connection read FLOAT with six digits."""
    source = start_mariadb()
    strange = "baris\nbaru'\"\\$n `"
    quoted = f"`{strange.replace('`', '``')}`"
    source.sql(
        "".join(f"CREATE DATABASE `{LONG}{number:03}`;" for number in range(60))
        + f"USE `{LONG}000`;"
        + "".join(
            f"CREATE TABLE `{LONG}{number:03}` (f FLOAT); INSERT INTO `{LONG}{number:03}` VALUES (16777216);"
            for number in range(120)
        )
        + f"CREATE DATABASE {quoted}; CREATE TABLE {quoted}.{quoted} (f FLOAT);"
        + f"INSERT INTO {quoted}.{quoted} VALUES (1);"
        f"CREATE TABLE {quoted}.utuh (i INT)"
    )
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\n')
    said = site.dump()
    assert said.code == 0, said.out + said.err
    snapshot = site.snapshots("siakad", "databases")[-1]
    told = json.loads((snapshot / "snapshot.json").read_text())
    assert (told["instant"], len(told["databases"])) == ("barrier", 61)
    sql = subprocess.run(["sh", snapshot / "restore.sh"], capture_output=True, check=True).stdout
    assert sql.count(b"(16777216)") == 120
    assert sql.count(b"CREATE TABLE ") == 122
