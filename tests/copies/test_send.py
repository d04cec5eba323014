"""One snapshot is copied to a place, part by part; its manifest is the last thing there."""

import os
from pathlib import Path

import pytest

from tests.vault.taking import take_dumps
from tuibackup.copies import manifest as mf
from tuibackup.copies import place as pl
from tuibackup.copies import send as sending
from tuibackup.copies.folder import FolderTarget
from tuibackup.copies.send import Place, send
from tuibackup.copies.target import AwayError, CopyError
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.vault.layout import Snapshot, Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "vault").mkdir()
    return Vault.open(tmp_path / "vault", tmp_path / "state")


@pytest.fixture
def snapshot(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    monkeypatch.setattr(sending, "PART", 4096)
    sql = b"-- " + os.urandom(20_000).hex().encode() + b"\n-- Dump completed on 2026-11-22\n"
    return take_dumps(vault, {"siakad": sql, "simpeg": b"\n-- Dump completed on 2026-11-22\n"})


@pytest.fixture
def place(tmp_path: Path, vault: Vault) -> Place:
    (tmp_path / "usb").mkdir()
    target = FolderTarget(tmp_path / "usb")
    return Place(target, pl.claim(target, vault.id, None).id, vault.id, tmp_path / "state" / "usb")


def objects(place: Place) -> dict[str, bytes]:
    return {one.key: b"".join(place.target.read(one.key)) for one in place.target.objects()}


def test_it_lies_there_as_in_the_vault_in_parts_that_cat_joins(place: Place, snapshot: Snapshot) -> None:
    manifest, sent = send(snapshot, place)
    there = objects(place)
    folder = f"siakad/databases/{snapshot.name}"
    assert sent == manifest.size
    assert mf.decode(there[f"{folder}{mf.SUFFIX}"], "") == manifest
    for file in snapshot.path.rglob("*"):
        key = f"{folder}/{file.relative_to(snapshot.path)}"
        parts = sorted(one for one in there if one == key or one.startswith(f"{key}.part-"))
        assert b"".join(there[one] for one in parts) == file.read_bytes()
        assert (len(parts) > 1) == (file.stat().st_size > 4096)


def test_sent_again_nothing_is_sent(place: Place, snapshot: Snapshot) -> None:
    manifest, _ = send(snapshot, place)
    assert send(snapshot, place) == (manifest, 0)
    target = FolderTarget(place.target.path)  # type: ignore[attr-defined]
    forgetful = Place(target, place.id, place.vault_id, place.known / "other")
    assert send(snapshot, forgetful) == (manifest, 0)


def test_without_a_manifest_or_an_object_it_is_sent_again(place: Place, snapshot: Snapshot) -> None:
    manifest, _ = send(snapshot, place)
    place.target.delete(place.keys.manifest(snapshot.spec))
    again, sent = send(snapshot, place)
    assert sent == 0
    assert again.objects == manifest.objects
    place.target.delete(place.keys.manifest(snapshot.spec))
    place.target.delete(manifest.objects[0].key)
    _, sent = send(snapshot, place)
    assert sent == manifest.objects[0].size


def test_what_another_put_there_is_kept_and_said(place: Place, snapshot: Snapshot) -> None:
    key = f"siakad/databases/{snapshot.name}/snapshot.json"
    place.target.create(key, b"other")
    with pytest.raises(CopyError, match="is there already and is something else"):
        send(snapshot, place)
    assert objects(place)[key] == b"other"
    assert not any(one.endswith(mf.SUFFIX) for one in objects(place))


def test_a_damaged_vault_is_not_copied(place: Place, snapshot: Snapshot) -> None:
    dump = next(snapshot.path.glob("siakad*"))
    dump.chmod(0o600)
    content = bytearray(dump.read_bytes())
    content[5000] ^= 1
    dump.write_bytes(content)
    for _ in range(2):
        with pytest.raises(VaultError, match="has another hash than SHA256SUMS"):
            send(snapshot, place)
    assert not any(one.endswith(mf.SUFFIX) for one in objects(place))


def test_an_interrupted_copy_goes_on_where_it_was(place: Place, snapshot: Snapshot) -> None:
    class Dying(FolderTarget):
        left = 4

        def create(self, key: str, data: bytes | memoryview, sha256: str = "") -> str:
            if self.left == 0:
                raise AwayError("unplugged")
            self.left -= 1
            return super().create(key, data, sha256)

    target = Dying(place.target.path)  # type: ignore[attr-defined]
    with pytest.raises(AwayError):
        send(snapshot, Place(target, place.id, place.vault_id, place.known))
    before = objects(place)
    manifest, sent = send(snapshot, place)
    assert sent == manifest.size - sum(len(data) for key, data in before.items() if key != pl.IDENTITY)


def test_a_place_is_one_vaults_and_stays_the_same(tmp_path: Path, place: Place) -> None:
    target = place.target
    assert pl.claim(target, place.vault_id, place.id).id == place.id
    with pytest.raises(CopyError, match="another vault"):
        pl.claim(target, "another", None)
    with pytest.raises(CopyError, match="another place"):
        pl.claim(target, place.vault_id, "another")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AwayError, match="does not hold"):
        pl.claim(FolderTarget(tmp_path / "empty"), place.vault_id, place.id)
    (tmp_path / "empty" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(TuibackupError, match=r"not empty.*holiday"):
        pl.claim(FolderTarget(tmp_path / "empty"), place.vault_id, None)


def test_a_newer_format_is_refused(place: Place, snapshot: Snapshot) -> None:
    manifest, _ = send(snapshot, place)
    newer = mf.encode(manifest).replace(b'"format": 1', b'"format": 2, "objects": {}')
    with pytest.raises(CopyError, match=r"format 2.*knows 1"):
        mf.decode(newer, "x")
