"""Columns of find's records say what the records say one by one, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.files.shell.columns import nanoseconds, numbers, octal, repeated, times, words

WORD = st.binary(max_size=4).filter(lambda word: b"\0" not in word and b" " not in word)


@given(st.lists(st.lists(WORD, min_size=1, max_size=5), min_size=1, max_size=6), st.integers(1, 5))
def test_columns_are_cut_only_where_every_record_has_as_many_words(
    rows: list[list[bytes]], width: int
) -> None:
    found = words([b" ".join(row) for row in rows], width)
    if all(len(row) == width for row in rows):
        assert found == [list(column) for column in zip(*rows, strict=True)]
    else:
        assert found is None


PLAIN = st.tuples(st.integers(10**9, 10**10 - 1), st.integers(0, 10**10 - 1)).map(lambda it: b"%d.%010d" % it)
OTHER = st.sampled_from(
    [
        b"0.0000000000",
        b"-1.5000000000",
        b"12",
        b"1700000000.5",
        b"9999999999.9999999999",
        b"99999999999.0000000000",
    ]
)


@given(st.lists(st.one_of(PLAIN, OTHER), min_size=1, max_size=8))
def test_times_are_read_as_each_of_them(column: list[bytes]) -> None:
    assert times(column) == [nanoseconds(one) for one in column]


@pytest.mark.parametrize("word", [b"", b"-1", b"+1", b"1_0", b"x"])
def test_a_number_that_is_written_in_another_way_is_left_to_a_closer_look(word: bytes) -> None:
    for read in (numbers, repeated):
        assert read([b"3", b"12", b"3"]) == [3, 12, 3]
        with pytest.raises(ValueError):  # noqa: PT011 # nobody reads its text
            read([b"3", word])
    with pytest.raises(ValueError):  # noqa: PT011 # nobody reads its text
        repeated([b"644", b"888"], octal)
