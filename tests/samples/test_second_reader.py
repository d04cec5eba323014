"""What a reader that was written from the pages alone finds in a vault is what the program restores."""

import os
import shutil
import stat
from pathlib import Path

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
