"""A folder as a place for copies."""

import os
from pathlib import Path

import pytest

from tests.copies.conformance import Conformance
from tuibackup.copies.folder import DRAFT, FolderTarget
from tuibackup.copies.target import AwayError, CopyError


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path)


class TestFolder(Conformance):
    """With what only folders have."""

    def test_what_a_crash_left_is_no_object_and_is_tidied(self, target: FolderTarget) -> None:
        target.create("a/one", b"first")
        draft = target.path / "a" / f"{DRAFT}00"
        draft.write_bytes(b"half")
        assert [one.key for one in target.objects()] == ["a/one"]
        target.tidy()
        assert not draft.exists()

    def test_a_link_leads_nowhere(
        self, target: FolderTarget, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        outside = tmp_path_factory.mktemp("outside")
        (target.path / "a").symlink_to(outside)
        (target.path / "b").symlink_to(outside / "file")
        for key in ("a/one", "b"):
            with pytest.raises(CopyError):
                target.create(key, b"mine")
        assert os.listdir(outside) == []
        (outside / "file").write_bytes(b"secret")
        with pytest.raises(CopyError):
            b"".join(target.read("b"))
        assert list(target.objects()) == []

    def test_a_folder_that_is_gone_is_away_and_not_made_anew(self, target: FolderTarget) -> None:
        target.path.rename(target.path.with_name("unplugged"))
        for ask in (
            lambda: target.create("a/one", b"first"),
            lambda: list(target.objects()),
            lambda: list(target.read("a/one")),
        ):
            with pytest.raises(AwayError):
                ask()
        assert not target.path.exists()
        target.path.with_name("unplugged").rename(target.path)
