"""What is asked of a server: every file as the inventory saw it, where it lies there."""

from pathlib import Path

import pytest

from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import IndexWriter

FILE = Entry(b"", Kind.FILE, 0o644, 1, 2, b"u", b"g", 5, -1, 2, (1 << 64) - 1, (1 << 64) - 2, 1, b"ext4")
FOLDER = FILE._replace(kind=Kind.FOLDER, uid=7, user=b"", fstype=b"xfs")


@pytest.mark.parametrize(
    ("folder", "there"), [(b"/srv", b"/srv"), (b"/srv", b"/mnt/x"), (b"/", b"/"), (b"/srv", b"/")]
)
def test_a_wanted_file_is_what_the_inventory_saw(tmp_path: Path, folder: bytes, there: bytes) -> None:
    with IndexWriter(tmp_path / "i") as writer:
        root, other = writer.add_root(folder, there), writer.add_root(b"/other", b"/other")
        inside = [
            FOLDER._replace(path=b"d"),
            *(FILE._replace(path=b"d/%d" % number, inode=number + 1) for number in range(3_000)),
        ]
        inside.append(FILE._replace(path=b"last", size=0))
        writer.add(root, [FOLDER, *inside])
        writer.add(other, [FOLDER, FILE._replace(path=b"x")])
        found = list(writer.wanted(folders=True))
        assert [one.entry.kind for one in found] == [Kind.FILE] * 3_002 + [Kind.FOLDER] * 3
        found.sort()  # by number: as they were added
        assert [one.entry for one in found] == [FOLDER, *inside, FOLDER, FILE._replace(path=b"x")]
        assert [one.root for one in found] == [root] * (len(inside) + 1) + [other] * 2
        below = [b"", *(b"/" + one.path for one in inside)]
        assert [one.path for one in found[:-2]] == [folder.rstrip(b"/") + path or b"/" for path in below]
        assert [one.place for one in found[:-2]] == [there.rstrip(b"/") + path or b"/" for path in below]
        assert [(one.path, one.place) for one in found[-2:]] == [(b"/other",) * 2, (b"/other/x",) * 2]
        assert [one.entry.path for one in writer.wanted(root, empty=True)] == [b"last"]
        assert all(writer.find(one.root, one.entry.path) == one.id for one in found[-5:])
