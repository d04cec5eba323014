"""What is said of a folder at the end of a run, by where it lay at its beginning."""

import pytest

from tuibackup.files.resolved import Place, parse_places, what_moved

HERE = Place(b"/srv/app", b"1:2:3")


@pytest.mark.parametrize("now", [None, Place(b"/srv/app"), HERE, Place(b"/srv/other", b"4:5:6")])
def test_a_folder_whose_place_was_never_told_is_accused_of_nothing(now: Place | None) -> None:
    assert what_moved(b"/srv/app", Place(b"/srv/app", told=False), now, now) == ("", False)


def test_one_whose_place_was_told_and_is_gone_is() -> None:
    said, spoilt = what_moved(b"/srv/app", HERE, None, None)
    assert spoilt
    assert "was removed or renamed" in said


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (b"/srv/app\n\x002049:7:12\nef53\n\0\0", Place(b"/srv/app", b"2049:7:12\nef53")),
        (b"/srv/app\n\x0049:7:0\n65735546\n\0\0", Place(b"/srv/app")),
        (b"/srv/app\n\x002049:7: ext4\0\0", Place(b"/srv/app", b"2049:7: ext4")),
        (b"/srv/app\n\x0049:7: fuse.sshfs\0\0", Place(b"/srv/app")),
        (b"\0", None),
    ],
)
def test_an_identity_is_what_stat_or_find_tells_but_not_that_of_fuse(
    answer: bytes, place: Place | None
) -> None:
    assert parse_places(answer, 1) == [place]
