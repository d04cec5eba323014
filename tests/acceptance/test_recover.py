"""A lost server is recovered onto another one, by the installed command, real sshd and mariadbd; and the page."""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.jobs import process_of
from tests.acceptance.site import Site
from tests.acceptance.test_restore_on_server import tree
from tests.conftest import starting
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture
def empty(memory: Path, mariadb_template: Path) -> Iterator[PrivateMariadb]:
    with starting(memory, mariadb_template) as start:
        yield start()


@pytest.fixture
def lost(
    site: Site, backed_up: BackedUp, empty: PrivateMariadb, sshd: PrivateSshd, tmp_path: Path
) -> Iterator[tuple[Site, Path]]:
    """The site, with an empty server "baru" beside; and the folder of the lost server, which is away."""
    backed_up.copy_to(site)
    source = backed_up.site.folder / "server/var/www/siakad"
    away = source.with_name("away")
    database = f'user = "{account()}"\nsocket = "{empty.socket}"\n'
    site.add("baru", sshd, ["/srv"], database=database)
    source.rename(away)
    try:
        yield site, source
    finally:
        for new in source.parent.glob("*.recovered"):
            shutil.rmtree(new)
        shutil.rmtree(source, ignore_errors=True)
        away.rename(source)


@pytest.mark.long
def test_a_server_is_recovered_onto_an_empty_one_and_the_swap_works(
    lost: tuple[Site, Path], backed_up: BackedUp, empty: PrivateMariadb
) -> None:
    site, source = lost
    tried = site.tuibackup("recover", "siakad", "--onto", "baru", "--dry-run", "--json")
    assert tried.code == 0, tried.out + tried.err
    assert not list(source.parent.glob("*.recovered"))
    assert empty.sql("SHOW DATABASES LIKE 'a%'").split() == []
    said = site.tuibackup("recover", "siakad", "--onto", "baru", "--json")
    assert said.code == 0, said.out + said.err
    result = said.json
    folder, databases = result["steps"]
    assert (folder["outcome"], databases["outcome"]) == ("done", "done"), result
    assert databases["what"] == "2 databases: akademik, arsip"
    subprocess.run(["sh", "-ec", "\n".join(folder["swap"])], check=True)
    assert tree(source) == tree(source.with_name("away"))
    for query in (
        "SELECT COUNT(*) FROM akademik.nilai",
        "SELECT * FROM arsip.balik LIMIT 3",
        "CHECKSUM TABLE akademik.nilai",
    ):
        assert empty.sql(query) == backed_up.source.sql(query)
    entries = [one["body"] for one in site.tuibackup("log", "--json").json if one["kind"] == "restore"]
    whole = [one for one in entries if "steps" in one]
    assert [one["outcome"] for one in whole] == ["done"]
    assert len([one for one in entries if "steps" not in one and "outcome" in one]) == 2, "each step, too"
    # The same again finds the databases done; the folder was moved away, so that it is restored once more.
    again = site.tuibackup("recover", "siakad", "--onto", "baru")
    assert again.code == 0, again.out + again.err
    assert "done before, and left as it is" in again.out


def test_the_page_names_snapshots_order_and_commands_in_both_languages(lost: tuple[Site, Path]) -> None:
    site, source = lost
    said = site.tuibackup("recover", "siakad", "--format", "md")
    assert said.code == 0, said.err
    spec = f"siakad/files/{site.snapshots('siakad', 'files')[-1].name}"
    assert f"tuibackup verify {spec}\n" in said.out
    assert f"tuibackup restore {spec} {source} --into siakad-new:{source}.recovered\n" in said.out
    assert "\n# Recover siakad\n" in "\n" + said.out
    site.settings = 'language = "id"\n'
    site.write_config()
    page = site.tuibackup("recover", "siakad").out
    assert page.startswith("Pulihkan siakad\n"), page
    document = site.tuibackup("recover", "siakad", "--json").json
    assert next(one["snapshot"] for one in document["sources"]) == spec
    for command in document["commands"]:
        words = command.split(" ")[1:]
        if words[0] in ("verify", "hold", "release"):
            assert site.tuibackup(*shlex.split(" ".join(words))).code == 0, command


@pytest.mark.long
def test_a_recovery_that_was_killed_goes_on(lost: tuple[Site, Path], empty: PrivateMariadb) -> None:
    site, _source = lost
    started = site.start("recover", "siakad", "--onto", "baru")
    end = time.monotonic() + 60
    while time.monotonic() < end and not any(
        one["body"].get("begun") for one in (site.tuibackup("log", "--json").json if site.jobs else [])
    ):
        time.sleep(0.05)
    try:
        os.kill(process_of(site, site.jobs[0].stem), signal.SIGKILL)
    except AssertionError:
        pytest.skip("it was faster than the kill")
    started.wait(30)
    said = site.tuibackup("recover", "siakad", "--onto", "baru", "--json")
    assert said.code == 0, said.out + said.err
    assert [one["outcome"] for one in said.json["steps"]] == ["done", "done"]
    assert said.json["steps"][0]["done-before"]


def test_a_database_server_that_is_not_empty_is_left_alone(
    lost: tuple[Site, Path], empty: PrivateMariadb
) -> None:
    site, _source = lost
    empty.sql("CREATE DATABASE akademik; CREATE TABLE akademik.own (i INT)")
    said = site.tuibackup("recover", "siakad", "--onto", "baru", "--only", "databases")
    assert said.code == 1
    assert "the database server of baru is not empty, it has akademik" in " ".join(said.out.split())
    assert empty.sql("SHOW TABLES FROM akademik").split() == ["own"]
    site.settings = "[restore]\napproval = true\n"
    site.write_config()
    refused = site.tuibackup("recover", "siakad", "--onto", "baru")
    assert refused.code == 2
    assert "--approved-by NAME --reason TEXT" in refused.err


@pytest.mark.long
def test_a_server_comes_back_out_of_a_copy_when_the_vault_is_lost(
    lost: tuple[Site, Path], backed_up: BackedUp, empty: PrivateMariadb, tmp_path: Path
) -> None:
    site, source = lost
    copy = tmp_path / "copy"
    copy.mkdir()
    site.settings = f'[copies.usb]\nto = "{copy}"\n[drill]\nfolder = "{tmp_path}"\n'
    site.write_config()
    said = site.tuibackup("copy", "siakad", "--to", "usb")
    assert said.code == 0, said.out + said.err
    subprocess.run(["chmod", "-R", "u+w", site.vault], check=True)
    shutil.rmtree(site.vault)
    shutil.rmtree(site.state)
    page = site.tuibackup("recover", "siakad", "--from", "usb")
    assert page.code == 0, page.err
    assert "--from usb" in page.out
    assert "They lie in the copy usb." in page.out
    said = site.tuibackup("recover", "siakad", "--onto", "baru", "--from", "usb", "--json")
    assert said.code == 0, said.out + said.err
    subprocess.run(["sh", "-ec", "\n".join(said.json["steps"][0]["swap"])], check=True)
    assert tree(source) == tree(source.with_name("away"))
    query = "CHECKSUM TABLE akademik.nilai"
    assert empty.sql(query) == backed_up.source.sql(query)
