"""In Indonesian everything that a person reads is Indonesian; the record is English, and shown in English to others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Said, Site
from tuibackup.demo.sshd import PrivateSshd

INDONESIAN = {"LANG": "id_ID.UTF-8"}
# Words that stand in every English sentence of a certain length, and in no Indonesian one.
ENGLISH = re.compile(r"\b(the|is|are|was|were|of|and|with|which|cannot|this|that|there|not)\b")


@pytest.fixture(scope="module")
def humble(humble_sshd: PrivateSshd, tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Site]:
    """One server with a file that its account may not read, a folder that is gone; and one where nothing listens."""
    site = Site(tmp_path_factory.mktemp("site"))
    application = place / "app"
    application.mkdir(mode=0o755)
    (application / "index.php").write_text("<?php")
    (application / "secret.php").write_text("secret")
    (application / "secret.php").chmod(0)
    site.add("siakad", humble_sshd, [application, place / "gone"])
    site.servers["mati"] = '[servers.mati]\nhost = "127.0.0.1"\nport = 1\nuser = "x"\nfolders = ["/srv"]\n'
    site.write_config()
    yield site
    (application / "secret.php").chmod(0o644)


def english(site: Site, said: Said) -> list[str]:
    """The lines of what was printed that hold English."""
    return [line for line in site.tidy(said.out + said.err).splitlines() if ENGLISH.search(line)]


def recorded(site: Site) -> list[dict[str, Any]]:
    """The bodies of the ledger's entries, but for the seals, the newest first."""
    entries = reversed(site.tuibackup("log", "--json").json)
    return [entry["body"] for entry in entries if entry["kind"] != "seal"]


@pytest.mark.long
def test_a_run_that_fails(humble: Site) -> None:
    said = humble.tuibackup("run", "mati", env=INDONESIAN)
    assert said.code == 1
    assert "127.0.0.1 port 1 menolak; apakah sshd berjalan di sana?" in said.err
    assert not english(humble, said)
    finished = json.loads(humble.journals[0].read_text().splitlines()[-1])
    assert finished["error"] == "127.0.0.1 port 1 refused; is sshd running there?"
    where = {"message": "{host} port {port}", "values": {"host": "127.0.0.1", "port": "1"}}
    parts = finished["said"]["error"]["values"]
    assert parts["part1"] == {"message": "{where} refused", "values": {"where": where}}
    body = recorded(humble)[0]
    assert body["error"] == finished["error"]
    assert body["said"]["error"] == finished["said"]["error"]


@pytest.mark.long
def test_a_run_with_warnings_and_its_record_in_either_language(humble: Site) -> None:
    said = humble.tuibackup("run", "siakad", env=INDONESIAN)
    assert said.code == 3
    assert "tidak ada di server" in said.out
    assert "secret.php: tidak boleh dibaca: buat aturan sudo untuk akun di server" in said.out
    assert not english(humble, said)
    in_indonesian = humble.tuibackup("log", "--all", env=INDONESIAN)
    assert "secret.php: tidak boleh dibaca" in in_indonesian.out
    assert not english(humble, in_indonesian)
    in_english = humble.tuibackup("log", "--all")
    assert "secret.php: may not be read: a sudo rule for the server's account" in in_english.out
    followed = humble.tuibackup("status", env=INDONESIAN)
    assert not english(humble, followed)
    missing = humble.tuibackup("restore", "siakad/files/2020-01-01T000000Z", "--to", "x", env=INDONESIAN)
    assert (missing.code, "snapshot itu tidak ada" in missing.err) == (2, True), missing.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "nobody"), 'tidak ada server "nobody"'),
        (("run",), "sebutkan servernya"),
        (("frobnicate",), "tidak ada perintah frobnicate"),
        (("run", "--frobnicate"), "argumen tidak dikenal: --frobnicate"),
        (("restore", "siakad/files/latest"), "salah satu argumen --to --into harus diberikan"),
        (("find",), "argumen berikut harus diberikan: PATTERN"),
        (("check", "mati"), "menolak; apakah sshd berjalan di sana?"),
        (("check", "siakad"), "tidak boleh dibaca"),
        (("--help",), "pakai: tuibackup"),
        (("restore", "--help"), "pakai: tuibackup restore"),
    ],
)
def test_what_the_command_line_says(humble: Site, words: tuple[str, ...], expected: str) -> None:
    said = humble.tuibackup(*words, env=INDONESIAN)
    assert expected in " ".join((said.out + said.err).split())
    assert not english(humble, said)


def test_a_configuration_that_is_wrong(humble: Site) -> None:
    before = humble.config.read_text()
    humble.config.write_text(
        before.replace('"x"', "x") + 'frobnicate = true\nkey = "a"\nfolders = ["relative"]\n'
    )
    try:
        said = humble.tuibackup("status", env=INDONESIAN)
    finally:
        humble.config.write_text(before)
    assert said.code == 2
    assert "teks harus dalam tanda kutip" in said.err
    assert not english(humble, said)


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("run", "--frobnicate"), ("status",)])
def test_the_configuration_names_the_language_also_of_what_is_said_before_it_is_read(
    humble: Site, words: tuple[str, ...]
) -> None:
    before = humble.config.read_text()
    humble.config.write_text('language = "id"\n' + before + "frobnicate = true\n")
    try:
        said = humble.tuibackup(*words)
    finally:
        humble.config.write_text(before)
    assert said.out + said.err
    assert not english(humble, said)
