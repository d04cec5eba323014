"""A vault of its own for each test, and trees full of everything that is hard to restore."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault import trees
from tuibackup.vault.layout import Vault


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other accounts may enter (pytest's own are private); removed whatever modes are in it."""
    folder = Path(tempfile.mkdtemp(prefix="tuibackup-"))
    folder.chmod(0o755)
    yield folder
    for below, _, _ in os.walk(folder):
        os.chmod(below, 0o700)
    shutil.rmtree(folder)


@pytest.fixture
def vault(place: Path) -> Vault:
    (place / "vault").mkdir()
    return Vault.open(place / "vault", place / "state")


@pytest.fixture
def tricky(place: Path) -> Path:
    """A tree with everything that restores badly."""
    return trees.tricky(place / "source")
