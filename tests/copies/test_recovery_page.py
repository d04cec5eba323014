"""A copy becomes a vault again by docs/recovery.md, with sh, cat and age alone; tuibackup is not asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.vault.recoverypage import run
from tests.vault.taking import take_dumps
from tuibackup.copies import crypt
from tuibackup.copies import place as pl
from tuibackup.copies import send as sending
from tuibackup.copies.folder import FolderTarget
from tuibackup.copies.send import Place, send
from tuibackup.vault.layout import Snapshot, Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "vault").mkdir()
    return Vault.open(tmp_path / "vault", tmp_path / "state")


@pytest.fixture
def snapshots(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    monkeypatch.setattr(sending, "PART", 4096)
    end = b"\n-- Dump completed on 2026-11-22\n"
    dumps = {"siakad": b"-- " + os.urandom(30_000).hex().encode() + end, "simpeg": end}
    return [take_dumps(vault, dumps, run=f"run{number}") for number in (1, 2)]


def copied(tmp_path: Path, vault: Vault, snapshots: list[Snapshot], recipients: list[str]) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    target = FolderTarget(folder)
    sealing = crypt.Sealer(recipients) if recipients else None
    place = Place(target, pl.claim(target, vault.id, None).id, vault.id, tmp_path / "known", sealing)
    for snapshot in snapshots:
        send(snapshot, place)
    return folder


def same(snapshot: Snapshot, vault: Path) -> None:
    there = vault / snapshot.spec
    run("Is it whole?", SNAPSHOT=there)
    for file in snapshot.path.rglob("*"):
        assert (there / file.relative_to(snapshot.path)).read_bytes() == file.read_bytes()


def test_a_plain_copy(tmp_path: Path, vault: Vault, snapshots: list[Snapshot]) -> None:
    copy = copied(tmp_path, vault, snapshots, [])
    (tmp_path / "back").mkdir()
    run("Out of a copy", COPY=copy, VAULT=tmp_path / "back")
    for snapshot in snapshots:
        same(snapshot, tmp_path / "back")


@pytest.mark.parametrize("kind", ["age", "ssh"])
def test_an_encrypted_copy(tmp_path: Path, vault: Vault, snapshots: list[Snapshot], kind: str) -> None:
    if not shutil.which("age"):
        pytest.skip("no age: apt install age")
    identity = tmp_path / "identity"
    if kind == "age":
        subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
        public = subprocess.run(
            ["age-keygen", "-y", identity], check=True, capture_output=True, text=True
        ).stdout
    else:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity], check=True)
        public = identity.with_suffix(".pub").read_text()
    copy = copied(tmp_path, vault, snapshots, [public.strip()])
    listed = run("Out of an encrypted copy", 0, COPY=copy, IDENTITY=identity).stdout.decode()
    names = {line.split()[5]: line.split()[0] for line in listed.splitlines()}
    assert set(names) == {one.spec for one in snapshots}
    run(
        "Out of an encrypted copy",
        1,
        COPY=copy,
        IDENTITY=identity,
        NAMES=names[snapshots[1].spec],
        VAULT=tmp_path / "back",
    )
    same(snapshots[1], tmp_path / "back")
