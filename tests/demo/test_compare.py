"""The demo's own judge of a restore: it must see every kind of difference."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tuibackup.demo.application import make_tree
from tuibackup.demo.compare import compare


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    source, restored = tmp_path / "source", tmp_path / "restored"
    make_tree(source, code=5, uploads=5)
    shutil.copytree(source, restored, symlinks=True)
    # copytree separates hard links
    status = restored.stat()
    (restored / "home.php").unlink()
    os.link(restored / "index.php", restored / "home.php")
    os.utime(restored, ns=(status.st_atime_ns, status.st_mtime_ns))
    return source, restored


def test_equal_trees_have_no_difference(trees: tuple[Path, Path]) -> None:
    found = compare(*trees, owners=False)
    assert found.differences == []
    assert found.files >= 15
    assert found.others > 5


def _other_content(tree: Path) -> None:
    path = tree / "index.php"
    status = path.stat()
    path.write_text(path.read_text().replace("require", "REQUIRE"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _other_link(tree: Path) -> None:
    (tree / "current").unlink()
    (tree / "current").symlink_to("uploads")


def _apart(tree: Path) -> None:
    status = (tree / "home.php").stat()
    (tree / "home.php").unlink()
    shutil.copy2(tree / "index.php", tree / "home.php")
    os.utime(tree / "home.php", ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tree: (tree / "empty").unlink(), "empty is missing"),
        (lambda tree: (tree / "more").touch(), "more is not in the source"),
        (lambda tree: (tree / "cron.sh").chmod(0o644), "cron.sh: mode"),
        (lambda tree: (tree / "cache").chmod(0o700), "cache: mode"),
        (lambda tree: os.utime(tree / "empty", ns=(0, 1)), "empty: time"),
        (_other_content, "index.php: another content"),
        (_other_link, "current: the link leads elsewhere"),
        (_apart, "hard links differ"),
    ],
)
def test_each_kind_of_difference_is_seen(
    trees: tuple[Path, Path], change: Callable[[Path], None], words: str
) -> None:
    change(trees[1])
    assert any(words in line for line in compare(*trees, owners=False).differences)
