"""The order of the files asked for: matched in order, bounded in memory, nothing accepted that was not asked for."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.files.shell import order
from tuibackup.files.shell.order import Order
from tuibackup.files.shell.tarstream import StreamError
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import Wanted


def wanted(number: int) -> Wanted:
    path = b"dir/%d" % number
    return Wanted(
        number, 1, b"/srv/" + path, Entry(path, Kind.FILE, 0o644, 0, 0, b"", b"", 1, 0), b"/srv/" + path
    )


def files(count: int) -> Iterator[Wanted]:
    return (wanted(number) for number in range(1, count + 1))


@given(st.sets(st.integers(1, 300)), st.integers(1, 50), st.integers(1, 100))
def test_what_came_is_matched_and_what_did_not_is_passed_over(came: set[int], batch: int, kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_BATCH", batch)
        patch.setattr(order, "_REMEMBERED", kept)
        asked = Order(lambda: files(300))
        names = b"".join(iter(asked.names, b""))
        assert names == b"".join(b"./dir/%d\0" % number for number in range(1, 301))
        passed: list[Wanted] = []
        for number in sorted(came):
            assert asked.match(b"./dir/%d" % number, passed.append).id == number
        passed.extend(asked.rest())
    assert {one.id for one in passed} == set(range(1, 301)) - came
    assert len(passed) == 300 - len(came)


def test_no_more_is_remembered_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "_REMEMBERED", 3_000)
    asked = Order(lambda: files(100_000))
    while asked.names():
        pass
    assert len(asked._sent) <= 3_000 + order._BATCH
    assert asked.match(b"./dir/99999", lambda _: None).id == 99_999


def test_a_folders_name_ends_in_a_slash() -> None:
    asked = Order(lambda: files(2))
    asked.names()
    assert asked.match(b"./dir/2/", lambda _: None).id == 2


@pytest.mark.parametrize("name", [b"./etc/passwd", b"/etc/passwd", b"./dir/1", b"./dir/../dir/2", b"./dir/7"])
def test_a_name_that_was_not_asked_for_or_comes_twice_is_refused(name: bytes) -> None:
    asked = Order(lambda: files(2))
    asked.names()
    asked.match(b"./dir/1", lambda _: None)
    with pytest.raises(StreamError, match="not asked for"):
        asked.match(name, lambda _: None)


def test_an_answer_before_its_question_is_refused() -> None:
    asked = Order(lambda: files(2))
    with pytest.raises(StreamError, match="not asked for"):
        asked.match(b"./dir/1", lambda _: None)
