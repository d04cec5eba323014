"""What a reader that was written from the pages alone finds in a vault is what the program restores."""

import os
import shutil
import stat
import tomllib
from pathlib import Path

import pytest

from tests.samples import second_reader
from tests.samples.conftest import Sample


def test_it_gives_what_restore_gives(sample: Sample) -> None:
    for spec in sample.specs:
        snapshot, target = sample.site.vault / spec, sample.site.folder / "by-the-program"
        sample.says(
            "restore", spec, "--to", str(target), code=0 if os.geteuid() == 0 or "/databases/" in spec else 3
        )
        if "/databases/" in spec:
            found = dict(second_reader.dumps(snapshot))
            assert sorted(found.values()) == sorted(one.read_bytes() for one in target.glob("*.sql"))
        else:
            for one in second_reader.files(snapshot):
                compare(one, os.fsencode(target) + one.path)
        for archive in (*snapshot.glob("*.tar.zst"), *snapshot.glob("*.sql.zst")):
            second_reader.seek_table(archive)
        shutil.rmtree(target)


@pytest.mark.long
def test_it_reads_a_copy_plain_and_encrypted(sample: Sample) -> None:
    import pyrage

    key = pyrage.x25519.Identity.generate()
    site, vault = sample.site, sample.site.vault
    places = {name: site.folder / name for name in ("plain", "sealed")}
    for place in places.values():
        place.mkdir(mode=0o700)
    text = site.config.read_text()
    site.config.write_text(
        f'{text}\n[copies.plain]\nto = "{places["plain"]}"\n'
        f'[copies.sealed]\nto = "{places["sealed"]}"\nencrypt_to = ["{key.to_public()}"]\n'
    )
    sample.says("copy")
    vault_id = tomllib.loads((vault / "tuibackup-vault.toml").read_text())["id"]
    lengths = set()
    for name, place in places.items():
        opens = (lambda data: pyrage.decrypt(data, [key])) if name == "sealed" else bytes
        found = dict(second_reader.copied(place, vault_id, opens))
        assert sorted(found) == sorted(sample.specs)
        for spec, files in found.items():
            own = {str(path.relative_to(vault)) for path in (vault / spec).rglob("*") if path.is_file()}
            assert own <= set(files), spec
            assert all((vault / file).read_bytes() == content for file, content in files.items()), spec
            # In a folder it is a vault: what the reader of vaults finds in it is proven by its own sums.
            again = site.folder / "again" / name
            for file, content in files.items():
                (again / file).parent.mkdir(parents=True, exist_ok=True)
                (again / file).write_bytes(content)
            read = second_reader.dumps if "/databases/" in spec else second_reader.files
            assert list(read(again / spec))
        lengths.add(len(second_reader.entries(place, opens)))
    assert min(lengths) > len(sample.specs)


def compare(one: second_reader.Found, path: bytes) -> None:
    """What the reader says of a name, with what lies there."""
    if one.kind not in "dflp":
        return  # sockets and devices are recorded, not made
    status = os.lstat(path)
    if one.kind == "l":
        assert os.readlink(path) == one.target
        return
    assert stat.S_IMODE(status.st_mode) == one.mode, path
    assert status.st_mtime_ns == one.mtime_ns, path
    if one.kind == "f":
        assert Path(os.fsdecode(path)).read_bytes() == one.content, path
