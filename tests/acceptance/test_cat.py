"""`tuibackup cat`: exactly the bytes that were stored, never silently short, nothing followed out of the snapshot."""

import json
import os
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.site import TUIBACKUP, Site
from tests.conftest import MariadbStarter
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.text import size

FILES, DATABASES = "siakad/files/latest", "siakad/databases/latest"


def cat(site: Site, *words: str | bytes) -> tuple[int, bytes, str]:
    """Exit code, the bytes of stdout, stderr."""
    command = [os.fsencode(TUIBACKUP), b"cat", *map(os.fsencode, words)]
    done = subprocess.run(
        command, env=site.environment(), cwd=site.home, capture_output=True, check=False, timeout=120
    )
    err = done.stderr.decode()
    assert "Traceback" not in err
    assert err.count("\n") <= 1, "one line"
    return done.returncode, done.stdout, err


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd) -> tuple[Site, Path]:
    """A site whose server has links of all kinds, and names that are no text."""
    folder = tmp_path_factory.mktemp("linked")
    site, root = Site(folder), folder / "server/srv"
    (root / "releases/5").mkdir(parents=True)
    (root / "releases/5/config.php").write_text("<?php\r\n\x1b[2J\x07a\tb\n")
    (root / "app").symlink_to("releases/5")
    (root / "whole").symlink_to(root / "releases/5/config.php")
    (root / "circle").symlink_to("circle")
    (root / "out").symlink_to("/etc/passwd")
    (root / "gone").symlink_to("../../../../../../../../../../etc/passwd")
    (root / "same").hardlink_to(root / "releases/5/config.php")
    (root / "empty").touch()
    (root / "large").write_bytes(os.urandom(9 << 20))
    (root / "binary").write_bytes(b"\0\xff" * 500)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\n name")).write_bytes(b"odd")
    os.mkfifo(root / "pipe")
    entry = folder / "server/entry"
    entry.symlink_to(root)
    site.add("siakad", sshd, [entry])
    assert site.tuibackup("run", "siakad").code in (0, 3)
    return site, entry


def test_a_file_comes_byte_by_byte(linked: tuple[Site, Path]) -> None:
    site, root = linked
    for name in ("releases/5/config.php", "same", "empty", "large", "binary", os.fsdecode(b"\xff\n name")):
        code, out, err = cat(site, FILES, f"{root}/{name}")
        assert (code, out, err) == (0, (root / name).read_bytes(), ""), name
    for written in (f"{root}//releases/./5/../5/config.php", f"{root}/../entry/same"):
        assert cat(site, FILES, written)[1] == (root / "same").read_bytes(), written


@pytest.mark.long
def test_links_are_said_and_followed_only_inside_the_snapshot(linked: tuple[Site, Path]) -> None:
    site, root = linked
    config = (root / "same").read_bytes()
    for name, target in (
        ("app/config.php", "releases/5"),
        ("whole", f"{root.parent}/srv/releases/5/config.php"),
    ):
        code, out, err = cat(site, FILES, f"{root}/{name}")
        assert (code, out) == (2, b"")
        assert f" is a symbolic link to {target}; -L follows it inside the snapshot" in err
        assert cat(site, "-L", FILES, f"{root}/{name}") == (0, config, ""), name
    for name in ("out", "gone"):
        code, out, err = cat(site, FILES, f"{root}/{name}", "-L")
        assert (code, out) == (2, b"")
        assert f"{root}/{name} leads to /etc/passwd, which is not in siakad/files/" in err
    assert "lead in a circle" in cat(site, FILES, f"{root}/circle", "-L")[2]


@pytest.mark.long
def test_what_has_no_content_is_refused_with_the_way_out(linked: tuple[Site, Path]) -> None:
    site, root = linked
    for words, said in {
        (FILES, f"{root}/releases"): "is a folder; tuibackup ls siakad/files/",
        (FILES, f"{root}/pipe"): "is a pipe or socket: it has no content",
        (FILES, f"{root}/nothing"): f"has no {root}/nothing; tuibackup ls siakad/files/",
        (FILES, "srv/same"): "srv/same: paths are absolute, as on the server",
        ("siakad/files/never", "/x"): "no such snapshot",
    }.items():
        code, out, err = cat(site, *words)
        assert (code, out) == (2, b""), words
        assert said in err, words


@pytest.mark.long
def test_a_terminal_is_steered_by_no_file(linked: tuple[Site, Path]) -> None:
    site, root = linked
    words = [str(TUIBACKUP), "cat", FILES, f"{root}/same"]
    with Terminal(words, site.environment(), columns=200, rows=10, cwd=site.home) as seat:
        seat.wait_for(r"\x1b[2J\x07a", "<?php")
        assert seat.wait() == 0
    with Terminal(
        [*words[:-1], f"{root}/binary"], site.environment(), columns=200, rows=10, cwd=site.home
    ) as seat:
        seat.wait_for("is not text; put | less or > FILE behind the command")
        assert seat.wait() == 2


@pytest.mark.long
def test_the_document_has_the_content_in_base64(linked: tuple[Site, Path]) -> None:
    site, root = linked
    for name in ("large", "empty"):
        document = json.loads(cat(site, "--json", FILES, f"{root}/{name}")[1])
        content = (root / name).read_bytes()
        assert b64decode(document["content-base64"]) == content
        assert (document["path"], document["size"]) == (f"{root}/{name}", len(content))
        assert document["error"] is None


def test_a_damaged_file_is_never_silently_short(linked: tuple[Site, Path]) -> None:
    site, root = linked
    (archive,) = site.snapshots("siakad", "files")[0].glob("*.tar.zst")
    old, content = archive.read_bytes(), (root / "large").read_bytes()
    archive.chmod(0o600)
    at = old.index(content[6 << 20 :][:64])
    archive.write_bytes(old[:at] + b"!" + old[at + 1 :])
    try:
        code, out, err = cat(site, "--read-only", FILES, f"{root}/large")
        assert code == 1
        assert content.startswith(out), "what came was right"
        assert "large is damaged in siakad/files/" in err
        assert f"after {size(len(out))} of 9.0 MiB: " in err
        code, out, err = cat(site, "--json", FILES, f"{root}/large")
        assert code == 1
        assert "is damaged" in json.loads(out)["error"]
        assert cat(site, FILES, f"{root}/same")[0] == 0, "the trouble of one file stays its own"
        archive.rename(archive.with_suffix(".away"))
        snapshot = site.snapshots("siakad", "files")[0].name
        code, out, err = cat(site, f"siakad/files/{snapshot}", f"{root}/same")
        assert (code, out) == (1, b"")
        assert "is missing" in err
    finally:
        if archive.with_suffix(".away").exists():
            archive.with_suffix(".away").rename(archive)
        archive.write_bytes(old)


@pytest.mark.long
def test_the_sql_of_a_database_or_a_table(backed_up: BackedUp, start_mariadb: MariadbStarter) -> None:
    site, other = backed_up.site, start_mariadb()
    code, whole, err = cat(site, DATABASES, "akademik")
    assert (code, err) == (0, "")
    (packed,) = site.snapshots("siakad", "databases")[0].glob("akademik.sql.zst")
    assert whole == subprocess.run(["zstd", "-dc", packed], capture_output=True, check=True).stdout
    code, sql, err = cat(site, DATABASES, "akademik.nilai")
    assert (code, err) == (0, "")
    assert b"CREATE DATABASE" not in sql
    assert b"USE " not in sql, "whoever loads it says where"
    # The table refers to another one, which is not there.
    other.sql(b"CREATE DATABASE sini; USE sini;\n" + sql)
    sums = [server.sql(f"CHECKSUM TABLE {name}.nilai").split()[-1] for server, name in
            ((other, "sini"), (backed_up.source, "akademik"))]  # fmt: skip
    assert sums[0] == sums[1]
    code, out, err = cat(site, DATABASES, "akademik.tiada")
    assert (code, out) == (2, b"")
    assert "has no database or table akademik.tiada" in err
    document = json.loads(cat(site, DATABASES, "akademik.nilai", "--json")[1])
    assert b64decode(document["content-base64"]) == sql
    assert (document["database"], document["table"], document["size"]) == ("akademik", "nilai", len(sql))
