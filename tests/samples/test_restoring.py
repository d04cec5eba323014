"""What a released version stored comes back, by the program of today and by the scripts that lie beside it."""

import subprocess

import pytest

from tests.conftest import MariadbStarter
from tests.samples.conftest import Sample
from tests.samples.expected import of_databases
from tuibackup.demo.mariadbd import PrivateMariadb


def test_every_files_snapshot_comes_back_in_both_ways(sample: Sample) -> None:
    for spec, folders in sample.expected["files"].items():
        sample.comes_back(spec, folders)


@pytest.fixture
def target(start_mariadb: MariadbStarter) -> PrivateMariadb:
    """An empty database server."""
    return start_mariadb()


def test_dumps_come_back_by_restore_sh_with_accounts(sample: Sample, target: PrivateMariadb) -> None:
    for spec, expected in sample.expected["databases"].items():
        for words in ([], ["--users"]):
            script = sample.site.vault / spec / "restore.sh"
            sql = subprocess.run(["sh", script, *words], capture_output=True, check=True).stdout
            if target.sql("SELECT UNIX_TIMESTAMP('2106-01-01 00:00:00') > 0").strip() == "1":
                # MariaDB 11.5 and later: docs/recovery.md says so
                sql = sql.replace(b"'2038-01-19 03:14:07.999999'", b"'2106-02-07 06:28:15.999999'")
            target.sql(sql)
        assert of_databases(target) == expected, f"{sample.version}: {spec}"
        assert "GRANT `pembaca` TO" in target.sql("SHOW GRANTS FOR budi@localhost")
        for name in ("akademik", "arsip", "aneh/nama"):
            target.sql(f"DROP DATABASE `{name}`")


@pytest.mark.long
def test_dumps_come_back_by_the_program_and_agree_with_the_record(
    sample: Sample, target: PrivateMariadb
) -> None:
    spec, expected = list(sample.expected["databases"].items())[-1]
    again: list[str] = []
    for name in ("akademik", "arsip", "akademik", "aneh/nama"):  # views of the first look into the second
        into = ["--database", name, "--into", str(target.socket), *(["--overwrite"] if name in again else [])]
        differences = sample.site.tuibackup("restore", spec, *into, "--json").json["differences"]
        again.append(name)
        if again != ["akademik"]:
            assert differences == [], f"{sample.version}: {spec} {name}"
    assert of_databases(target) == expected, f"{sample.version}: {spec}"


@pytest.mark.long
def test_a_drill_proves_them(sample: Sample) -> None:
    for server in ("siakad", "arsip"):
        for drill in sample.says("drill", server, "--json").json:
            assert (drill["outcome"], drill["differences"]) == ("done", []), drill
