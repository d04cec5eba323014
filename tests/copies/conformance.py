"""What every place for copies has to do: one set of tests, which each kind of place gives its own `target`.

A kind of place is a class that inherits `Conformance` and has a fixture `target`: an empty place.
"""

import threading

import pytest

from tuibackup.copies.target import AlreadyThereError, MissingError, Target

CONTENT = bytes(range(256)) * 5000  # longer than one piece of any place


def whole(target: Target, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join(target.read(key, start, length))


class Conformance:
    """`target` is empty at the beginning of each test."""

    def test_what_is_created_reads_back_and_is_listed(self, target: Target) -> None:
        target.create("siakad/files/one/a.tar.zst.part-00001", CONTENT)
        target.create("siakad/files/one.manifest.json", memoryview(b"{}"))
        target.create("empty", b"")
        assert whole(target, "siakad/files/one/a.tar.zst.part-00001") == CONTENT
        assert whole(target, "siakad/files/one.manifest.json") == b"{}"
        assert whole(target, "empty") == b""
        listed = {one.key: one.size for one in target.objects()}
        assert listed == {
            "siakad/files/one/a.tar.zst.part-00001": len(CONTENT),
            "siakad/files/one.manifest.json": 2,
            "empty": 0,
        }
        assert {one.key for one in target.objects("siakad/files/one/")} == {
            "siakad/files/one/a.tar.zst.part-00001"
        }
        assert {one.key for one in target.objects("siakad/files/on")} == set(listed) - {"empty"}
        assert list(target.objects("other/")) == []

    def test_nothing_is_replaced(self, target: Target) -> None:
        target.create("a/one", b"first")
        with pytest.raises(AlreadyThereError):
            target.create("a/one", b"second")
        assert whole(target, "a/one") == b"first"

    def test_a_range_is_read(self, target: Target) -> None:
        target.create("a/one", CONTENT)
        assert whole(target, "a/one", 1000, 3000) == CONTENT[1000:4000]
        assert whole(target, "a/one", len(CONTENT) - 7) == CONTENT[-7:]
        assert whole(target, "a/one", len(CONTENT) - 7, 100) == CONTENT[-7:]
        assert whole(target, "a/one", 0, 0) == b""

    def test_what_is_missing_is_said(self, target: Target) -> None:
        with pytest.raises(MissingError):
            whole(target, "no/such")

    def test_what_is_deleted_is_gone_and_may_come_again(self, target: Target) -> None:
        target.create("a/b/one", b"first")
        target.create("a/two", b"other")
        target.delete("a/b/one")
        target.delete("a/b/one")
        target.delete("never/was")
        assert [one.key for one in target.objects()] == ["a/two"]
        target.create("a/b/one", b"second")
        assert whole(target, "a/b/one") == b"second"

    def test_of_many_who_create_the_same_one_succeeds(self, target: Target) -> None:
        outcomes: list[int | None] = []

        def create(number: int) -> None:
            try:
                target.create("a/race", bytes([number]) * 100_000)
            except AlreadyThereError:
                outcomes.append(None)
            else:
                outcomes.append(number)

        threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        [winner] = [one for one in outcomes if one is not None]
        assert whole(target, "a/race") == bytes([winner]) * 100_000
        assert [one.key for one in target.objects()] == ["a/race"]

    def test_tidying_removes_no_object(self, target: Target) -> None:
        target.create("a/one", b"first")
        target.tidy()
        assert whole(target, "a/one") == b"first"
