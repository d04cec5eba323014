"""A ledger, and where it lies. Test files with ledgers of their own kind have fixtures of the same names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tuibackup.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, host="jump01") as ledger:
        yield ledger
