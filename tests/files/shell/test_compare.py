"""What a comparison finds, put into the older listing, must give the new one."""

from hypothesis import given
from hypothesis import strategies as st

from tuibackup.files.shell import compare
from tuibackup.files.shell.compare import Comparison

PATHS = st.sampled_from([f"{folder}/{number}".encode() for folder in "abc" for number in range(40)])
LISTINGS = st.lists(st.tuples(PATHS, st.integers(0, 2)), max_size=60, unique_by=lambda one: one[0])


def record(path: bytes, version: int) -> bytes:
    return b"f 644 %d\0\0\0%b\0%b\0" % (version, path, path if version == 2 else b"")


def compared(old: bytes, new: bytes, *, piece: int, doubtful: list[bytes] | None = None) -> Comparison:
    comparison = Comparison(iter([old[:7], old[7:]]), doubtful or [])
    for at in range(0, len(new), piece):
        comparison.feed(new[at : at + piece])
    comparison.close()
    return comparison


@given(LISTINGS, LISTINGS, st.integers(1, 400), st.booleans())
def test_the_differences_lead_from_one_to_the_other(
    one: list[tuple[bytes, int]], other: list[tuple[bytes, int]], piece: int, like: bool
) -> None:
    if like:  # mostly the same, in the same order
        other = [*one[:10], *((path, 1) for path, _ in one[12:14]), *one[15:]]
    old, new = dict(one), dict(other)
    found = compared(
        b"".join(record(*item) for item in old.items()),
        b"".join(record(*item) for item in new.items()),
        piece=piece,
    )
    assert found.hopeful
    assert found.records == len(new)
    result = {path: record(path, version) for path, version in old.items()}
    for path, gone in found.gone.items():
        assert result.pop(path) == gone
    assert not result.keys() & found.came.keys()
    result |= found.came
    assert result == {path: record(path, version) for path, version in new.items()}
    if like:
        assert len(found.came) <= 2


@given(st.integers(0, 299), st.integers(1, 5000))
def test_doubtful_names_count_as_changed(number: int, piece: int) -> None:
    listing = b"".join(record(b"%d" % one, 2) for one in range(300))
    path = b"%d" % number
    found = compared(listing, listing, piece=piece, doubtful=[path, b"not there", b""])
    assert found.came == found.gone == {path: record(path, 2)}


def test_listings_with_little_in_common_are_given_up() -> None:
    old = b"".join(record(b"old%d" % one, 0) for one in range(2000))
    new = b"".join(record(b"new%d" % one, 0) for one in range(2000))
    assert not compared(old, new, piece=1000).hopeful


def test_a_name_that_comes_twice_is_given_up() -> None:
    old = record(b"a", 0) + record(b"b", 0)
    assert not compared(old, record(b"x", 0) + record(b"x", 1) + old, piece=1000).hopeful


def test_a_listing_that_ends_within_a_record_is_given_up() -> None:
    old = record(b"a", 0) + record(b"b", 0)
    assert not compared(old, old[:-2], piece=1000).hopeful


def test_a_record_without_end_is_given_up_at_once() -> None:
    comparison = Comparison(iter([record(b"a", 0)]))
    for _ in range(2 + compare._LONGEST // 65536):
        comparison.feed(b"x" * 65536)
    assert not comparison.hopeful


def test_a_listing_that_has_nothing_in_common_is_counted_and_not_kept() -> None:
    """What came after hope was lost stayed in memory, all of it, and was copied with every piece."""
    comparison = Comparison(iter([]))
    for piece in range(1_000):
        comparison.feed(b"".join(b"f 1\0\0\0%d-%d\0\0" % (piece, number) for number in range(100)))
    assert not comparison.hopeful
    assert len(comparison._new) < 100_000
    assert 98_000 < comparison.records <= 100_000


def test_long_records_are_not_kept_without_end() -> None:
    """A hostile server may tell a name of any length, and a thousand of them are few."""
    long = [record(b"%d" % number + b"n" * 100_000, 1) for number in range(500)]
    found = compared(record(b"a", 0), b"".join(long), piece=256 << 10)
    assert not found.hopeful
    assert sum(map(len, [*found.came.values(), *found.gone.values()])) < 40 << 20
