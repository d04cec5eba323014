"""A small vault with a snapshot of each clock, and a record, for jobs that no face starts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vault.taking import take, take_dumps
from tuibackup.config import Config
from tuibackup.jobs.recorder import Recorder
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_vault

SQL = b"CREATE DATABASE `akademik`;\nUSE `akademik`;\nCREATE TABLE `nilai` (`nim` int);\n-- Dump completed\n"


@pytest.fixture
def config(configure: Callable[..., Config], tmp_path: Path) -> Config:
    """With two files and one database of "siakad" in the vault."""
    read = configure()
    folder = tmp_path / "www"
    (folder / "upload").mkdir(parents=True)
    (folder / "index.php").write_text("<?php\n")
    (folder / "upload" / "krs.pdf").write_bytes(b"%PDF" * 100)
    vault = open_vault(read)
    take(vault, folder)
    take_dumps(vault, {"akademik": SQL}, run="run2")
    return read


@pytest.fixture
def recorder(config: Config) -> Iterator[Recorder]:
    made = Recorder(config, Operator("siti", login="siti", client="10.0.0.7"))
    yield made
    made.close()
