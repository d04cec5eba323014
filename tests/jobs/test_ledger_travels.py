"""What of the ledger goes to a copy: pieces that follow each other, none twice, and seals; encrypted where all is."""

import shutil
from pathlib import Path

import pyrage

from tuibackup.config import Config, VaultSettings
from tuibackup.copies.crypt import Sealer
from tuibackup.copies.folder import FolderTarget
from tuibackup.jobs.copy.record import send_record
from tuibackup.jobs.ledger import travel
from tuibackup.jobs.ledger.verify import verify_ledger
from tuibackup.ledger import Kind
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_ledger
from tuibackup.run.seal import seal


def fill(config: Config, count: int) -> None:
    with open_ledger(config) as ledger:
        for number in range(count):
            ledger.append(Kind.NOTE, {"text": f"number {number}"}, operator="andi")
        seal(config, ledger, Operator("andi", account="andi"))


def test_what_a_copy_lacks_becomes_one_more_piece_and_shows_what_was_done_at_home(tmp_path: Path) -> None:
    config = Config(tmp_path / "config.toml", tmp_path / "state", VaultSettings(tmp_path / "vault"))
    usb, sealed = tmp_path / "usb", tmp_path / "sealed"
    for place in (usb, sealed, config.vault.path):
        place.mkdir(mode=0o700)
    sealing = Sealer([str(pyrage.x25519.Identity.generate().to_public())])
    for _time in range(2):
        fill(config, 5)
        before = {path.name: path.read_bytes() for path in (usb / "ledger").glob("*")}
        assert list(send_record(config, FolderTarget(usb), None)) == []
        assert list(send_record(config, FolderTarget(sealed), sealing)) == []
        assert all((usb / "ledger" / name).read_bytes() == content for name, content in before.items())
    names = sorted(path.name for path in (usb / "ledger").iterdir())
    assert names[:2] == ["entries-000000001-000000006.jsonl", "entries-000000007-000000012.jsonl"]
    assert [name[:14] for name in names[2:]] == ["seal-000000005"] * 2 + ["seal-000000011"] * 2
    hidden = [path.read_bytes() for path in (sealed / "ledger").iterdir()]
    assert {path.name for path in (sealed / "ledger").iterdir()} == {f"{name}.age" for name in names}
    assert not any(b"number" in content for content in hidden)
    again = verify_ledger(config, None, against=[usb / "ledger"])
    assert (again.problems, again.compared[2]) == ((), 14)
    shutil.rmtree(config.state)
    fill(config, 14)
    found = [problem.text for problem in verify_ledger(config, None, against=[usb / "ledger"]).problems]
    assert any(text.startswith("entry 1 is another one than the export") for text in found), found
    (usb / "ledger" / names[0]).unlink()
    first, *_rest = travel.pieces(config, [path.name for path in (usb / "ledger").iterdir()])
    assert first[0] == "entries-000000001-000000015.jsonl", "a piece that was lost is made anew"
