"""Names on the backup disk, the right-disk rule, and which snapshot is the latest."""

import json
import multiprocessing
import os
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vault.taking import summary, take
from tuibackup.errors import UsageError, VaultError
from tuibackup.sop import Clock, Outcome
from tuibackup.vault import disk
from tuibackup.vault import summary as described
from tuibackup.vault.disk import RoomGuard
from tuibackup.vault.identity import IDENTITY, KNOWN
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.layout import Vault
from tuibackup.vault.names import file_name


@given(st.binary(max_size=300))
def test_a_file_name_is_harmless_whatever_the_name(name: bytes) -> None:
    for distinct in (False, True):
        found = file_name(name, distinct=distinct)
        assert re.fullmatch(r"[A-Za-z0-9_%-][A-Za-z0-9._%-]{0,119}", found)
        assert found not in ("", ".", "..")


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=300))
def test_different_names_have_different_file_names(one: bytes, other: bytes) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)
    assert (file_name(one, distinct=True).casefold() == file_name(other, distinct=True).casefold()) == (
        one == other
    )


def test_plain_names_stay_readable() -> None:
    assert file_name("siakad") == "siakad"
    assert file_name(b"var/www/siakad") == "var%2Fwww%2Fsiakad"
    assert file_name(b".hidden") == "%2Ehidden"
    assert file_name("näme") == "n%C3%A4me"


def test_names_that_differ_in_case_are_distinct_on_the_disk(vault: Vault) -> None:
    incoming = Incoming.create(vault, "siakad", "run1", Clock.DATABASES)
    found = [incoming.dump(name).name.casefold() for name in ("Siakad", "siakad", "SIAKAD", "other")]
    assert len(set(found)) == 4
    assert incoming.dump("Siakad").name == "Siakad.sql.zst"


def test_an_empty_folder_becomes_a_vault_at_first_use(tmp_path: Path) -> None:
    path, state = tmp_path / "vault", tmp_path / "state"
    (path / "lost+found").mkdir(parents=True)
    with pytest.raises(VaultError, match="no vault yet"):
        Vault.open(path, state, create=False)
    vault = Vault.open(path, state)
    assert vault.created
    assert path.stat().st_mode & 0o777 == 0o700
    again = Vault.open(path, state, create=False)
    assert (again.created, again.id) == (False, vault.id)
    room = vault.room()
    assert 0 < room.free <= room.total
    assert room.device
    assert json.loads((state / KNOWN).read_text()) == {str(path): vault.id}


@pytest.mark.long
def test_many_may_make_the_same_folder_a_vault_at_once(tmp_path: Path) -> None:
    """The runs of a first request did: all but one said "is no vault and not empty"."""
    (tmp_path / "vault").mkdir()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        ids = set(pool.map(_opened, [tmp_path] * 16))
    assert len(ids) == 1


def _opened(folder: Path) -> str:
    return Vault.open(folder / "vault", folder / "state").id


def test_a_missing_folder_is_no_vault(tmp_path: Path) -> None:
    with pytest.raises(
        VaultError, match=r"no such folder; backup disk not mounted\? \(for a new vault: mkdir -p"
    ):
        Vault.open(tmp_path / "vault", tmp_path / "state")
    (tmp_path / "file").touch()
    with pytest.raises(VaultError, match="is not a folder"):
        Vault.open(tmp_path / "file", tmp_path / "state")


def test_after_first_use_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    path, state = tmp_path / "vault", tmp_path / "state"
    path.mkdir()
    Vault.open(path, state)
    (path / IDENTITY).unlink()
    with pytest.raises(VaultError, match=r"gone; backup disk not mounted\?"):
        Vault.open(path, state)
    assert os.listdir(path) == []
    path.rmdir()
    with pytest.raises(VaultError, match=r"no such folder; backup disk not mounted\?$"):
        Vault.open(path, state)


def test_another_vault_in_its_place_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Vault.open(tmp_path / name, tmp_path / "state")
    shutil.copy(tmp_path / "two" / IDENTITY, tmp_path / "one" / IDENTITY)
    with pytest.raises(VaultError, match="another vault"):
        Vault.open(tmp_path / "one", tmp_path / "state")
    other_host = Vault.open(tmp_path / "two", tmp_path / "another state", create=False)
    assert not other_host.created


def test_a_folder_with_something_in_it_is_no_new_vault(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault/thesis.odt").touch()
    with pytest.raises(VaultError, match="not empty"):
        Vault.open(tmp_path / "vault", tmp_path / "state")
    assert os.listdir(tmp_path / "vault") == ["thesis.odt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = 2\nid = 'x'\n", "newer"),
        ("nonsense", "damaged"),
        ("format = 1\n", "damaged"),
        ("", "damaged"),
    ],
)
def test_a_strange_identity_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / IDENTITY).write_text(text)
    with pytest.raises(VaultError, match=message):
        Vault.open(tmp_path, tmp_path / "state")


def test_the_disk_is_judged() -> None:
    def room(fstype: str, mount_point: str = "/mnt") -> disk.Room:
        return disk.Room(1, 2, "/dev/sdb1", fstype, mount_point)

    assert "FAT" in room("vfat").refusal
    assert room("ext4").refusal == room("exfat").refusal == room("xfs").warning == ""
    assert "system disk" in room("ext4", "/").warning
    assert "lost after a restart" in room("tmpfs").warning
    assert "power cut" in room("fuse.sshfs").warning


def test_latest_is_the_newest_good_by_sequence(vault: Vault, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    first = take(vault, source, run="1", started="2026-11-22T01:30:00Z")
    second = take(vault, source, run="2", started="2026-11-21T00:00:00Z")  # the clock went back
    assert (first.name, second.name) == ("2026-11-22T013000Z", "2026-11-22T013001Z")
    assert [first.summary.sequence, second.summary.sequence] == [1, 2]
    for run, outcome, whole in (("3", Outcome.WARNINGS, False), ("4", Outcome.FAILED, True)):
        incoming = Incoming.create(vault, "siakad", run, Clock.FILES)
        incoming.index().finish()
        incoming.publish(summary("siakad", run, Clock.FILES, outcome=outcome, whole=whole))
    assert vault.latest("siakad", Clock.FILES) == second
    assert vault.find("siakad/files/latest") == second
    assert vault.find(f"siakad/files/{first.name}") == first
    assert [one.sequence for one in vault.snapshots()] == [1, 2, 3, 4]
    assert vault.latest("siakad", Clock.DATABASES) is None
    assert vault.servers() == ["siakad"]
    with pytest.raises(VaultError, match="no good snapshot"):
        vault.find("siakad/databases/latest")
    for spec in (
        "siakad",
        "siakad/x/latest",
        "siakad/files/2020-01-01T000000Z",
        "../files/latest/x",
        "a/files/..",
    ):
        with pytest.raises(UsageError):
            vault.find(spec)


def test_a_snapshot_that_cannot_be_read_is_shown_but_never_latest(vault: Vault, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    good = take(vault, source, run="1")
    bad = take(vault, source, run="2")
    (bad.path / "snapshot.json").chmod(0o600)
    (bad.path / "snapshot.json").write_text("{")
    assert vault.latest("siakad", Clock.FILES) == good
    assert {one.name for one in vault.snapshots()} == {good.name, bad.name}


def test_the_room_is_looked_at_again_while_much_is_written(tmp_path: Path) -> None:
    RoomGuard(tmp_path, 0).coming(10 * RoomGuard.EVERY)
    greedy = RoomGuard(tmp_path, 1 << 60)
    greedy.coming(RoomGuard.EVERY - 1)
    with pytest.raises(VaultError, match=r"vault nearly full: .* free, .* are to stay free"):
        greedy.coming(1)


def test_a_machine_that_went_down_while_it_made_a_vault_makes_it_the_next_time(tmp_path: Path) -> None:
    path, state = tmp_path / "vault", tmp_path / "state"
    path.mkdir()
    (path / f".{IDENTITY}.new").write_text("# half")
    assert Vault.open(path, state).created
    assert {one.name for one in path.iterdir()} == {IDENTITY}


def test_the_newest_good_is_found_at_once_however_many_bad_ones_follow(
    vault: Vault, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """… and where it was removed by hand the one before it is, also among snapshots of a version that told nothing."""
    (place / "source").mkdir()
    goods = [take(vault, place / "source", run=f"good-{number}") for number in range(2)]
    for number in range(4):
        incoming = Incoming.create(vault, "siakad", f"bad-{number}", Clock.FILES)
        incoming.index().finish()
        incoming.publish(
            summary("siakad", f"bad-{number}", Clock.FILES, outcome=Outcome.WARNINGS, whole=False)
        )
    read: list[str] = []
    really = described.read

    def counting(folder: Path) -> described.SnapshotSummary:
        read.append(folder.name)
        return really(folder)

    monkeypatch.setattr(described, "read", counting)
    assert vault.latest("siakad", Clock.FILES) == goods[1]
    assert len(read) == 2, "the newest, and the one it names"
    assert vault.next_sequence("siakad") == 7
    newest = vault.names("siakad", Clock.FILES)[-1]
    goods[1].path.rename(place / "away")
    assert vault.latest("siakad", Clock.FILES) == goods[0]
    snapshot_json = vault.path / "siakad/files" / newest / "snapshot.json"
    snapshot_json.chmod(0o600)
    old = {
        key: value
        for key, value in json.loads(snapshot_json.read_text()).items()
        if not key.endswith("_before")
    }
    snapshot_json.write_text(json.dumps(old))
    assert vault.latest("siakad", Clock.FILES) == goods[0]
    snapshot_json.unlink()
    assert vault.latest("siakad", Clock.FILES) == goods[0], "half removed"
