"""Whatever is done to a ledger is found, and docs/ledger.md says how much of it by what."""

from pathlib import Path

import pytest

from tests.ledger.tampering import Place, every, table, tried


def test_a_bit_of_each_kind_of_tampering_is_found(tmp_path: Path) -> None:
    """One of each kind; all of them are tried in the test below."""
    place = Place(tmp_path)
    place.make()
    assert place.found() == [False, False, False], "nobody touched it"
    kinds = dict(reversed(list(every(place, 1))))
    missed = []
    for what, do in kinds.items():
        if what != "a bit flipped anywhere in the file":  # that may lie where nothing is
            do(place)
            if not any(place.found()):
                missed.append(what)
            place.put_back()
    assert missed == []
    assert len(kinds) > 20


@pytest.mark.long
def test_all_kinds_of_tampering_are_found_as_the_page_says(tmp_path: Path) -> None:
    counts = tried(tmp_path, 2)
    assert {what: (count.tried, count.any) for what, count in counts.items() if count.any < count.tried} == {}
    page = (Path(__file__).parents[2] / "docs/ledger.md").read_text()
    for what in counts:
        assert f"| {what} | " in page, table(counts)
