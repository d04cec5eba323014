"""`tuibackup find`: every version of a name, and the snapshots that hold it; one that cannot be read is said."""

import os
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd) -> tuple[Site, Path, list[str]]:
    """Three snapshots of one folder in which files come, change and go; the folder, and the snapshots' names."""
    folder = tmp_path_factory.mktemp("history")
    site, root = Site(folder), folder / "server/srv"
    (root / "uploads/2026").mkdir(parents=True)
    for number in range(3):
        (root / f"uploads/2026/krs-{number}.pdf").write_bytes(b"%PDF" * (number + 1))
    (root / "Config.php").write_text("1")
    (root / "odd").mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/odd/\xff\x1b[2J.pdf")).touch()
    (root / "current").symlink_to("uploads/2026")
    site.add("siakad", sshd, [root])
    site.add("simpeg", sshd, [root / "odd"], trusted=False)
    assert site.tuibackup("run", "siakad").code == 0
    old = (root / "Config.php").stat().st_mtime_ns
    (root / "Config.php").write_text("22")
    (root / "uploads/2026/krs-0.pdf").unlink()
    assert site.tuibackup("run", "siakad").code == 0
    (root / "Config.php").write_text("1")
    os.utime(root / "Config.php", ns=(old, old))  # it is what it was
    assert site.tuibackup("run", "--all").code == 0
    return site, root, [path.name for path in site.snapshots("siakad", "files")]


def found(site: Site, *words: str, code: int = 0) -> list[dict[str, Any]]:
    said = site.tuibackup("find", "--json", *words)
    assert said.code == code, said
    return list(said.json)


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["path"].rpartition("/")[2] for item in items]


def test_every_version_and_the_snapshots_that_hold_it(history: tuple[Site, Path, list[str]]) -> None:
    site, root, snapshots = history
    specs = [f"siakad/files/{name}" for name in snapshots]
    config = found(site, "Config.php")
    assert [(one["size"], one["snapshots"]) for one in config] == [(1, specs[::2]), (2, specs[1:2])]
    assert {one["path"] for one in config} == {f"{root}/Config.php"}
    (gone,) = found(site, "krs-0.pdf")
    assert gone["snapshots"] == specs[:1]
    assert gone["mtime-ns"] > 0
    assert len(gone["sha256"]) == 64
    said = site.tuibackup("find", "krs-1.pdf", "--read-only")
    assert said.code == 0
    line = said.out.splitlines()[-1]
    for word in (specs[2], " 3 ", snapshots[0], "8 B", f"{root}/uploads/2026/krs-1.pdf"):
        assert word in line, said.out


def patterns(root: Path, last: str) -> dict[tuple[str, ...], list[str]]:
    """Words of the command, and the names that are found."""
    return {
        ("krs-*.pdf",): ["krs-1.pdf", "krs-2.pdf", "krs-0.pdf"],
        ("-i", "CONFIG.*"): ["Config.php"] * 2,
        ("krs-*", last): ["krs-1.pdf", "krs-2.pdf"],
        ("odd", "siakad"): ["odd"],
        (f"{root}/uploads/*.pdf",): ["krs-1.pdf", "krs-2.pdf", "krs-0.pdf"],
        ("krs-*.pdf", "--limit", "2"): ["krs-1.pdf", "krs-2.pdf"],
        ("krs-[!1].pdf",): ["krs-2.pdf", "krs-0.pdf"],
        ("krs-*", "siakad/files/latest"): ["krs-1.pdf", "krs-2.pdf"],
        ("odd", "simpeg"): ["odd"],
        ("odd", "siakad", "simpeg", last): ["odd", "odd"],
        (f"{root}/**/krs-1.pdf",): ["krs-1.pdf"],
        ("2026/krs-1.pdf",): ["krs-1.pdf"],
        ("uploads/",): ["uploads"],
        (str(root),): ["srv"],
        ("srv",): ["srv"],
    }


@pytest.mark.parametrize(
    "chosen", [slice(6), pytest.param(slice(6, None), marks=pytest.mark.long)], ids=["usual", "others"]
)
def test_patterns_and_places(history: tuple[Site, Path, list[str]], chosen: slice) -> None:
    site, root, snapshots = history
    for words, expected in list(patterns(root, f"siakad/files/{snapshots[2]}").items())[chosen]:
        assert names(found(site, *words)) == expected, words


@pytest.mark.long
def test_names_that_are_no_text(history: tuple[Site, Path, list[str]]) -> None:
    site, root, _snapshots = history
    both = found(site, "*.pdf", "simpeg") + found(site, os.fsdecode(b"\xff*"), "siakad")
    assert [b64decode(one["path-base64"]) for one in both] == [
        os.fsencode(root) + b"/odd/\xff\x1b[2J.pdf"
    ] * 2
    said = site.tuibackup("find", "*2J.pdf")
    assert r"/odd/\xff\x1b[2J.pdf" in said.out
    (link,) = found(site, "current")
    assert (link["kind"], link["target"]) == ("l", "uploads/2026")


@pytest.mark.long
def test_nothing_found_and_wrong_words(history: tuple[Site, Path, list[str]]) -> None:
    site, _root, _snapshots = history
    said = site.tuibackup("find", "config.php")
    assert (said.code, said.out) == (1, "")
    assert said.err == "tuibackup: nothing is called config.php in 4 snapshots\n"
    assert found(site, "tiada", code=1) == []
    for words, reason in {
        ("",): "the pattern is empty",
        ("x", "tiada"): "the vault has no snapshots of tiada; tuibackup snapshots lists them\n",
        ("siakad", "x"): "tuibackup snapshots lists them; the pattern comes first",
        ("x", "siakad", "siakad/files/never"): "no such snapshot",
        ("x", "--limit", "0"): "--limit 0 is no number of lines",
    }.items():
        said = site.tuibackup("find", *words)
        assert (said.code, said.out) == (2, ""), words
        assert reason in said.err, said.err


@pytest.mark.long
def test_databases_and_tables(backed_up: BackedUp) -> None:
    items = found(backed_up.site, "akademik.nilai")
    assert [(one["kind"], one["database"], one["name"], one["rows"]) for one in items] == [
        ("table", "akademik", "nilai", 300)
    ]
    assert [one["kind"] for one in found(backed_up.site, "akademik")] == ["database"]
    objects = {(one["kind"], one["name"]) for one in found(backed_up.site, "akademik.*")}
    assert {("view", "ringkas"), ("trigger", "jaga"), ("table", "kosong"), ("routine", "hitung")} <= objects
    said = backed_up.site.tuibackup("find", "ni*")
    assert "akademik.nilai" in said.out
    assert "akademik.ringkas (view)" in backed_up.site.tuibackup("find", "ringkas").out


@pytest.mark.long
def test_a_snapshot_that_cannot_be_read_is_said_and_the_rest_is_found(
    site: Site, history: tuple[Site, Path, list[str]]
) -> None:
    made, _root, snapshots = history
    site.vault.rmdir()
    site.vault.symlink_to(made.vault)
    site.servers.update(made.servers)
    site.write_config()
    index = made.vault / "siakad/files" / snapshots[1] / "index.sqlite"
    old = index.read_bytes()
    index.chmod(0o600)
    try:
        for damage in (old[: len(old) // 2], b"no index"):
            index.write_bytes(damage)
            said = site.tuibackup("find", "Config.php", "--json")
            assert said.code == 3
            assert said.err.count("\n") == 1
            assert f"siakad/files/{snapshots[1]} is not searched: " in said.err
            files = [one for one in said.json if "error" not in one]
            assert [len(one["snapshots"]) for one in files] == [2]
            assert len(said.json) == 2
            said = site.tuibackup("find", "Config.php", f"siakad/files/{snapshots[1]}")
            assert (said.code, said.out.count("Config.php")) == (3, 0)
    finally:
        index.write_bytes(old)


@pytest.mark.long
def test_on_a_terminal_of_80_columns(history: tuple[Site, Path, list[str]]) -> None:
    site, _root, snapshots = history
    words = [str(TUIBACKUP), "find", "krs-*.pdf"]
    with Terminal(words, site.environment(), columns=80, rows=12, cwd=site.home) as seat:
        text = seat.wait_for(f"siakad/files/{snapshots[2]}", f"siakad/files/{snapshots[0]}", "krs-0.pdf")
        assert seat.wait() == 0
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 4, "a heading, and a line each"
    assert all(line.rstrip().endswith(".pdf") for line in lines[1:]), text


@pytest.mark.long
def test_the_first_line_comes_at_once(history: tuple[Site, Path, list[str]]) -> None:
    site, _root, _snapshots = history
    reading = site.reading("find", "*")
    assert reading.stdout is not None
    reading.stdout.readline()
    assert reading.stdout.readline()
    reading.stdout.close()
    deadline = time.monotonic() + 60
    while reading.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert reading.returncode in (0, 141), "nobody reads any more: no traceback, no waiting"
