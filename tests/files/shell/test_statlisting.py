"""The records of a find that hands names to stat: of real trees, and what a hostile server might send."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files.shell.odd_tree import OddTree
from tests.toolboxes import toolbox
from tuibackup.files.shell.complaints import VANISHED
from tuibackup.files.shell.find import STAT
from tuibackup.files.shell.listing import STRANGE, ListingError
from tuibackup.files.shell.statlisting import StatListing
from tuibackup.vault.archive.entry import Entry


def find(folder: Path, tools: Path) -> bytes:
    command = [b"find", b"-H", os.fsencode(folder) + b"/.", *STAT.inventory_words]
    environment = {"LC_ALL": "C", "PATH": str(tools)}
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout


def parse(data: bytes, start: bytes, piece: int = 1 << 20) -> list[Entry]:
    listing = StatListing(start)
    found: list[Entry] = []
    for at in range(0, len(data), piece):
        found.extend(listing.feed(data[at : at + piece]))
    listing.close()
    return found


@pytest.mark.parametrize("real", [[], ["stat"], ["find", "stat", "readlink", "sh"]])
@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_a_real_tree_is_listed_as_lstat_sees_it(tmp_path: Path, real: list[str], piece: int) -> None:
    tools, top = toolbox(tmp_path / "tools", real=real), tmp_path / "tree"
    target, odd = b"' -> 'nowhere//\nl\xff\n", b"-odd '\" -> \n\x1b\xff\\n"
    tree = OddTree(top, dangling=b"dangling\n", target=target, odd=odd)
    tree.is_listed_as_lstat_sees_it(parse(find(top, tools), os.fsencode(top) + b"/.", piece))


def record(**changes: bytes) -> bytes:
    fields = {
        "raw": b"81a4", "uid": b"0", "gid": b"33", "size": b"10", "blocks": b"8", "block": b"512", "mtime": b"1",
        "ctime": b"2", "device": b"1", "inode": b"2", "links": b"1",
        "modified": b"1970-01-01 00:00:01.500000000 +0000", "changed": b"1970-01-01 00:00:02.000000000",
        "user": b"root", "group": b"33", "path": b"/srv/./a",
    } | changes  # fmt: skip
    values = list(fields.values())
    return b" ".join(values[:11]) + b"".join(b"//" + value for value in values[11:]) + b"//\n"


def batch(*records: bytes, links: bytes = b"") -> bytes:
    return links + b"s" + b"".join(records) + b"\0"


START = b"/srv/."


def test_owners_without_a_name_and_whole_seconds_are_understood() -> None:
    [entry] = parse(batch(record(user=b"UNKNOWN", modified=b"1970-01-01 00:00:01")), START)
    assert (entry.user, entry.group, entry.mtime_ns, entry.ctime_ns) == (b"", b"", 10**9, 2 * 10**9)


def test_a_link_that_comes_or_goes_between_two_looks_is_no_entry() -> None:
    listing = StatListing(START)
    became = batch(
        record(path=b"/srv/./new", raw=b"a1ff"), record(path=b"/srv/./old"), links=b"l/srv/./old\0x\0"
    )
    assert list(listing.feed(became)) == []
    assert listing.strange == [(b"new", VANISHED), (b"old", VANISHED)]


def test_what_is_of_no_known_kind_is_set_apart() -> None:
    listing = StatListing(START)
    assert list(listing.feed(batch(record(raw=b"0")))) == []
    assert listing.strange == [(b"a", STRANGE)]


@pytest.mark.parametrize(
    "data",
    [
        b"hello\0",
        b"\0",
        batch(record(path=b"/etc/passwd")),
        batch(record(path=b"/srv/.b")),
        batch(record(size=b"many")),
        batch(record(raw=b"-")),
        batch(record(mtime=b"9" * 5000)),
        batch(record(user=b"x" * 2000)),
        batch(record(path=b"/srv/./a//b")),
        batch(b"stat: hello\n"),
        batch(record()[:-4]),
        batch(record())[:-1],
        b"l/srv/./a\0",
        b"l/srv/./a\0target\0",
        b"s" + b"x" * (33 << 20),
    ],
)
def test_what_is_no_listing_ends_the_inventory(data: bytes) -> None:
    with pytest.raises(ListingError):
        parse(data, START)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"l", b"s", b"\0", b"//", b"/srv/./a", b"\n", record(), batch(record())])))
def test_nothing_but_a_listing_error_comes_of_any_answer(parts: list[bytes]) -> None:
    try:
        found = parse(b"".join(parts), START)
    except ListingError:
        return
    assert all(not entry.path.startswith(b"/") for entry in found)
