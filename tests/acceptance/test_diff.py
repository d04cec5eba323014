"""`tuibackup diff`: everything that differs between two snapshots and nothing else; 0 equal, 1 different, 2 trouble."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.backedup import BackedUp, tampered
from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import account
from tuibackup.demo.sshd import PrivateSshd


def make(root: Path) -> None:
    (root / "a/b").mkdir(parents=True)
    (root / "gone/deep").mkdir(parents=True)
    (root / "gone/deep/file").write_bytes(b"x" * 1000)
    (root / "type").mkdir()
    (root / "type/inside").write_text("1")
    for name in ("same", "a/b/content", "mode", "time", "owner", "back", "equal-size"):
        (root / name).write_text("old")
    (root / "link").symlink_to("same")
    (root / "linked").hardlink_to(root / "a/b/content")
    (root / "a.b").write_text("sorts before a/b by bytes")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\x1b")).write_text("odd")


def change(root: Path) -> None:
    (root / "a/b/content").write_text("longer than it was")
    (root / "equal-size").write_text("new")
    (root / "mode").chmod(0o600)
    os.utime(root / "time", (1, 1))
    os.chown(root / "owner", 12, 34)
    shutil.rmtree(root / "gone")
    shutil.rmtree(root / "type")
    (root / "type").write_text("now a file")
    (root / "link").unlink()
    (root / "link").symlink_to("mode")
    (root / "new").mkdir()
    (root / "new/file").write_bytes(b"y" * 2000)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\x1b")).unlink()


EXPECTED = {
    "": ("metadata", ["time"]), "a/b/content": ("content", ["content", "time"]),
    "linked": ("content", ["content", "time"]), "equal-size": ("content", ["content", "time"]),
    "mode": ("metadata", ["mode"]), "time": ("metadata", ["time"]), "owner": ("metadata", ["owner"]),
    "gone": ("removed", []), "gone/deep": ("removed", []), "gone/deep/file": ("removed", []),
    "type": ("content", ["type"]), "type/inside": ("removed", []), "link": ("content", ["target", "time"]),
    "new": ("added", []), "new/file": ("added", []), "\\xff\\x1b": ("removed", []),
}  # fmt: skip


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd) -> tuple[Site, Path, list[str]]:
    """Three snapshots of a tree: before and after many changes, and once more without one. The inner folder is one that
    is configured by itself from the second one on."""
    folder = tmp_path_factory.mktemp("changed")
    site, root = Site(folder), folder / "server/srv"
    make(root)
    site.add("siakad", sshd, [root])
    assert site.tuibackup("run", "siakad").code == 0
    change(root)
    site.add("siakad", sshd, [root, root / "a"], trusted=False)
    assert site.tuibackup("run", "siakad").code in (0, 3)
    assert site.tuibackup("run", "siakad").code in (0, 3)
    return site, root, [f"siakad/files/{path.name}" for path in site.snapshots("siakad", "files")]


def told(document: dict[str, Any], root: Path) -> dict[str, tuple[str, list[str]]]:
    return {
        one["path"].removeprefix(str(root)).lstrip("/"): (one["change"], one["differs"])
        for one in document["changes"]
    }


@pytest.mark.long
def test_all_that_differs_and_nothing_else(changed: tuple[Site, Path, list[str]]) -> None:
    site, root, (before, after, again) = changed
    said = site.tuibackup("diff", before, after, "--json")
    assert said.code == 1, said
    document = said.json
    assert told(document, root) == EXPECTED
    summary = {kind: one["number"] for kind, one in document["summary"].items()}
    assert summary == {"added": 2, "removed": 5, "content": 5, "metadata": 4}
    assert document["summary"]["added"]["bytes-after"] == 2000
    paths = [one["path"] for one in document["changes"] if "/srv/a" not in one["path"]]
    assert paths.pop() == rf"{root}/\xff\x1b", "in the order of bytes"
    assert paths == sorted(paths, key=lambda path: path.split("/")), "in the order of paths"
    said = site.tuibackup("diff", after, again, "--read-only")
    assert (said.code, said.out) == (0, "no difference\n")
    opposite = told(site.tuibackup("diff", after, before, "--json").json, root)
    assert opposite["new/file"][0] == "removed"
    assert opposite["gone/deep/file"][0] == "added"
    said = site.tuibackup("diff", before, after)
    assert said.out.endswith(
        "2 added (2.0 KiB), 5 removed (1004 B), 5 changed (9 B → 49 B), 4 only in metadata\n"
    )
    assert r"/srv/\xff\x1b" in said.out


@pytest.mark.long
def test_below_a_path(changed: tuple[Site, Path, list[str]]) -> None:
    site, root, (before, after, _again) = changed
    for path, code, names in (
        (root / "a", 1, {"a/b/content"}),
        (root / "a/b/content", 1, {"a/b/content"}),
        (root / "same", 0, set()),
        (f"{root}/gone/", 1, {"gone", "gone/deep", "gone/deep/file"}),
        (root / "type", 1, {"type", "type/inside"}),
        (root.parent, 1, set(EXPECTED)),
        ("/", 1, set(EXPECTED)),
    ):
        said = site.tuibackup("diff", before, after, str(path), "--json")
        assert (said.code, set(told(said.json, root))) == (code, names), path


@pytest.mark.long
def test_trouble_is_2(changed: tuple[Site, Path, list[str]], backed_up: BackedUp) -> None:
    site, _root, (before, after, _again) = changed
    for words, reason in {
        (before, after, "/nowhere"): f"neither {before} nor {after} has /nowhere; tuibackup ls",
        (before, after, "nowhere"): "nowhere: paths are absolute, as on the server",
        (before, "siakad/files/never"): "no such snapshot",
        (before,): "see tuibackup diff --help",
    }.items():
        said = site.tuibackup("diff", *words)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1), words
        assert reason in said.err
    said = backed_up.site.tuibackup("diff", "siakad/files/latest", "siakad/databases/latest")
    assert said.code == 2
    assert "are not of one server and clock" in said.err
    index = site.vault / before / "index.sqlite"
    old = index.read_bytes()
    index.chmod(0o600)
    index.write_bytes(old[: len(old) // 2])
    said = site.tuibackup("diff", before, after)
    index.write_bytes(old)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "the index is damaged" in said.err


@pytest.mark.long
def test_databases(site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter) -> None:
    mariadb = start_mariadb()
    mariadb.sql("""
        CREATE DATABASE a; CREATE DATABASE b; CREATE DATABASE lama; USE a;
        CREATE TABLE same (i INT PRIMARY KEY, t VARCHAR(9)); INSERT INTO same VALUES (1, 'x'), (2, 'y');
        CREATE TABLE rows_ LIKE same; INSERT INTO rows_ SELECT * FROM same;
        CREATE TABLE nilai LIKE same; INSERT INTO nilai SELECT * FROM same;
        CREATE TABLE renamed LIKE same; INSERT INTO renamed SELECT * FROM same;
        CREATE TABLE gone LIKE same; CREATE VIEW v AS SELECT i FROM same; USE b; CREATE TABLE t (i INT)""")
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{mariadb.socket}"\n')
    assert site.dump().code == 0
    mariadb.sql("""
        DROP DATABASE lama; CREATE DATABASE baru; USE a; DELETE FROM rows_ WHERE i = 1; DROP TABLE gone;
        UPDATE nilai SET t = 'z' WHERE i = 1; ALTER TABLE renamed CHANGE t u VARCHAR(9);
        CREATE TABLE new (i INT); CREATE OR REPLACE VIEW v AS SELECT t FROM same""")
    assert site.dump().code == 0
    assert site.dump().code == 0
    before, after, again = (f"siakad/databases/{path.name}" for path in site.snapshots("siakad", "databases"))
    said = site.tuibackup("diff", before, after, "--json")
    assert said.code == 1
    found = {(one["database"], one["name"]): (one["change"], one["differs"]) for one in said.json["changes"]}
    assert found[("a", "nilai")] in (("content", ["checksum"]), ("content", ["content"]))
    assert found[("a", "renamed")] in (("content", ["definition"]), ("content", ["content"]))
    assert "rows" in found[("a", "rows_")][1]
    assert found[("a", None)] == ("content", ["definition"])
    assert {name: one[0] for name, one in found.items() if one[0] != "content"} == {
        ("lama", None): "removed", ("baru", None): "added", ("a", "gone"): "removed", ("a", "new"): "added",
    }  # fmt: skip
    assert set(found) == {
        ("lama", None), ("baru", None), *(("a", name) for name in (None, "nilai", "renamed", "rows_", "gone", "new")),
    }  # fmt: skip
    assert site.tuibackup("diff", after, again).out == "no difference\n"
    assert site.tuibackup("diff", before, after, "b").code == 0
    assert "a.nilai" in site.tuibackup("diff", before, after, "a.nilai").out
    tampered(site.vault / after, without_checksums)
    said = site.tuibackup("diff", before, after, "a", "--json")
    assert [one["differs"] for one in said.json["changes"] if one["name"] == "nilai"] == [["content"]]


def without_checksums(tables: dict[str, Any]) -> None:
    for database in tables["databases"]:
        for table in database["tables"]:
            table["checksum"] = None
