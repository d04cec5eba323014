"""Fixtures of the tests that drive the installed program like a user."""

from pathlib import Path

import pytest

from tests.acceptance.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A fresh home, vault and (empty) configuration."""
    made = Site(tmp_path)
    made.write_config()
    return made


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A small application folder with the kinds of files that real ones have."""
    root = tmp_path / "server/var/www/siakad"
    (root / "uploads/2026").mkdir(parents=True)
    (root / "cache").mkdir()
    (root / "index.php").write_text("<?php echo 'siakad';\n")
    for number in range(40):
        (root / f"uploads/2026/krs-{number:04}.pdf").write_bytes(b"%PDF" + bytes([number]) * (997 * number))
    (root / "current").symlink_to("uploads/2026")
    (root / "same.php").hardlink_to(root / "index.php")
    (root / "empty").touch()
    (root / "name with\nnewline").write_text("odd\n")
    return root
