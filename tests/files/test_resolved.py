"""What is said of a folder at the end of a run, by where it lay at its beginning."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.remote.test_command import SHELLS
from tuibackup.files.links_out import tell_of_places
from tuibackup.files.resolved import Place, parse_places, resolving_script, what_moved

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


@pytest.mark.parametrize("shell", SHELLS, ids="-".join)
def test_places_are_told_by_the_shell_itself(shell: list[str], tmp_path: Path) -> None:
    app = tmp_path / "it's the app"
    app.mkdir()
    (tmp_path / "current").symlink_to(app)
    (tmp_path / "file").touch()
    (tmp_path / "-odd\n").mkdir()
    paths = [tmp_path / name for name in ("current", "missing", "file", "-odd\n")] + [Path("/")]
    text = resolving_script([bytes(path) for path in paths], sudo=False, gnu=True, identities=False)
    environment = {"PATH": "/nonexistent", "CDPATH": f"/:{tmp_path}"}
    done = subprocess.run(
        [shutil.which(shell[0]) or "", *shell[1:], "-c", text], capture_output=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, b"")
    places = [Place(bytes(app)), None, None, Place(bytes(tmp_path / "-odd\n")), Place(b"/")]
    assert parse_places(done.stdout, len(paths)) == places


async def test_a_place_that_many_links_lead_into_is_asked_for_once() -> None:
    found = {b"/share/%d" % number: [b"/app/link%d" % number] for number in range(30)}
    asked: list[bytes] = []

    async def places(folders: Sequence[bytes]) -> list[Place | None]:
        asked.extend(folders)
        return [Place(folder) if folder == b"/share" else None for folder in folders]

    async def gone(error: Exception) -> bool:
        return False

    said = await tell_of_places(found, [], places, gone)
    assert said == ["not in the backup: /share; links that lead there: 30, such as /app/link0"]
    assert sorted(asked) == sorted([*found, b"/share"])
