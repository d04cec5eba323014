"""A recovery takes what is sound, and says what is not: damaged snapshots, none at all, facts that cannot be read."""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.site import Site
from tests.acceptance.test_recover import empty, lost
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

__all__ = ["empty", "lost"]
pytestmark = pytest.mark.long


def damage(path: Path) -> None:
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def largest(snapshot: Path, ending: str) -> Path:
    return max(snapshot.glob(f"*{ending}"), key=lambda path: path.stat().st_size)


def test_the_newest_sound_snapshot_is_taken_and_the_damaged_one_is_named(
    site: Site, backed_up: BackedUp, empty: PrivateMariadb, sshd: PrivateSshd
) -> None:
    """Recover took the newest, whatever verify had found in it; its page called it "read again and compared"."""
    backed_up.copy_to(site)
    site.add("baru", sshd, ["/srv"], database=f'user = "{account()}"\nsocket = "{empty.socket}"\n')
    assert site.tuibackup("run", "siakad", "--full").code == 0
    sound, broken = site.snapshots("siakad", "files")
    older, broken_dump = site.snapshots("siakad", "databases")
    damage(largest(broken, ".tar.zst"))
    damage(broken_dump / "akademik.sql.zst")
    assert site.tuibackup("verify").code == 1
    document = site.tuibackup("recover", "siakad", "--json").json
    assert [one["snapshot"].split("/")[2] for one in document["sources"]] == [sound.name, older.name]
    passed = {one["snapshot"].split("/")[2]: one["damage"] for one in document["passed-over"]}
    assert set(passed) == {broken.name, broken_dump.name}
    assert all("is damaged" in why for why in passed.values())
    page = " ".join(site.tuibackup("recover", "siakad").out.split())
    assert f"siakad/files/{broken.name} is newer and not used, because it is damaged" in page
    assert f"tuibackup verify siakad/files/{sound.name}" in page
    said = site.tuibackup("recover", "siakad", "--onto", "baru", "--json")
    try:
        assert said.code == 0, said.out + said.err
        assert f"siakad/databases/{broken_dump.name} is newer and not used" in said.err
        assert [one["outcome"] for one in said.json["steps"]] == ["done", "done"]
    finally:
        for new in (backed_up.site.folder / "server/var/www").glob("*.recovered"):
            shutil.rmtree(new)
    # Where none is sound the newest is taken, and what cannot come back is named.
    for snapshot, ending in ((sound, ".tar.zst"), (older, "akademik.sql.zst")):
        damage(largest(snapshot, ending))
    assert site.tuibackup("verify").code == 1
    document = site.tuibackup("recover", "siakad", "--json").json
    assert [one["snapshot"].split("/")[2] for one in document["sources"]] == [broken.name, broken_dump.name]
    assert all("is damaged" in one["damage"] for one in document["sources"])
    page = " ".join(site.tuibackup("recover", "siakad").out.split())
    assert page.count("what is whole comes back") == 2
    assert "read again and compared" not in page
    tried = site.tuibackup("recover", "siakad", "--onto", "baru", "--dry-run", "--json")
    assert tried.json["steps"][0]["outcome"] == "warnings"
    assert "is damaged" in tried.json["steps"][0]["detail"]


def test_what_has_no_good_snapshot_is_no_whole_recovery(lost: tuple[Site, Path]) -> None:
    """Without any snapshot of the databases it brought the folders back, and was *done*."""
    site, _source = lost
    shutil.rmtree(site.vault / "siakad/databases")
    for words in (("--dry-run",), ()):
        said = site.tuibackup("recover", "siakad", "--onto", "baru", "--json", *words)
        assert said.code == 3, said.out + said.err
        folder, databases = said.json["steps"]
        assert folder["outcome"] == "done"
        assert (databases["what"], databases["outcome"]) == ("databases", "warnings")
        assert databases["detail"] == "no good snapshot of its databases"
    assert site.tuibackup("recover", "siakad", "--onto", "baru", "--only", "files").code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("garbage", "server.json is damaged"),
        ('{"format": 99}', "has format 99, this program knows 1"),
        ('{"format": 1, "server": "siakad", "gathered": "x"}', "server.json is damaged"),
        ('{"format": 1, "server": "siakad", "gathered": "2026-01-01T00:00:00", "parts": []}', ""),
    ],
)
def test_facts_that_cannot_be_read_are_said_and_hinder_nothing(
    lost: tuple[Site, Path], text: str, told: str
) -> None:
    site, _source = lost
    newest = site.snapshots("siakad", "files")[-1]
    newest.chmod(0o700)
    (newest / "server.json").write_text(text)
    said = site.tuibackup("recover", "siakad")
    assert said.code == 0, said.err
    assert told in " ".join(said.out.split())
    assert "tuibackup recover siakad --onto siakad-new" in said.out


def test_databases_that_a_failed_recovery_left_are_named_with_the_way_out(
    lost: tuple[Site, Path], empty: PrivateMariadb
) -> None:
    site, _source = lost
    (dumps,) = site.snapshots("siakad", "databases")
    dump = dumps / "akademik.sql.zst"
    whole = dump.read_bytes()
    damage(dump)
    words = ("recover", "siakad", "--onto", "baru", "--only", "databases", "--json")
    assert site.tuibackup(*words).code == 1
    dump.write_bytes(whole)
    said = site.tuibackup(*words)
    assert said.code == 1
    detail = said.json["steps"][0]["detail"]
    assert "an earlier recovery of siakad failed and left arsip on baru" in detail
    assert detail.endswith("DROP DATABASE `arsip`;")
    empty.sql(detail.rpartition(": ")[2])
    assert site.tuibackup(*words).code == 0
    # Done, and then somebody dropped one and made another: that is no longer what was recovered.
    empty.sql("DROP DATABASE akademik; CREATE DATABASE wiki")
    said = site.tuibackup(*words)
    assert said.code == 1
    assert "is not empty, it has wiki" in said.json["steps"][0]["detail"]
