from pathlib import Path

import pytest

from tuibackup.config import place


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", place.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(place, "SYSTEM", tmp_path / "etc" / "config.toml")
    return tmp_path
