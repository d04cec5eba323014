"""A configuration with two servers that nobody reaches, a vault, a ledger: for commands that only look."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tuibackup.cli.main import main
from tuibackup.config import Config, load
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Written to a file that `$TUIBACKUP_CONFIG` names; state and vault lie in the test's folder."""
    path = tmp_path / "config.toml"
    path.write_text(
        f'state = "{tmp_path}/state"\n[vault]\npath = "{tmp_path}/vault"\n'
        '[servers.siakad]\nlabel = "SIAKAD"\nhost = "192.0.2.1"\nfolders = ["/var/www/siakad"]\n'
        "[servers.siakad.database]\n"
        '[servers.arsip]\nhost = "192.0.2.2"\nfolders = ["/srv/arsip"]\n'
    )
    path.chmod(0o600)
    (tmp_path / "vault").mkdir()
    monkeypatch.setenv("TUIBACKUP_CONFIG", str(path))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return load(path)


Record = Callable[..., None]


@pytest.fixture
def record_run(config: Config) -> Record:
    """Records a finished run some days ago, as a run process does."""

    def record(
        server: str, days: int, *clocks: str, outcome: str = "done", error: str = "", operator: str = "andi"
    ) -> None:
        started = datetime.now(UTC) - timedelta(days=days)
        body: dict[str, Any] = {
            "outcome": outcome,
            "seconds": 72.0,
            "error": error,
            "clocks": {
                clock: {
                    "outcome": outcome,
                    "whole": outcome == "done",
                    "started": started.isoformat(),
                    "snapshot": f"{server}/{clock}/{started:%Y-%m-%dT%H%M%SZ}" if outcome == "done" else "",
                    "detail": "8,114 files",
                }
                for clock in clocks
            },
        }
        run = f"{started:%Y-%m-%dT%H%M%SZ}-{server}-ab12"
        with Ledger.open(config.state / "ledger.sqlite", host="jump01") as ledger:
            ledger.append(Kind.RUN, body, operator=operator, server=server, run=run, time=started)

    return record


class Called:
    """What one call of `main` gave."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Tuibackup = Callable[..., Called]


@pytest.fixture
def tuibackup(capsys: pytest.CaptureFixture[str]) -> Tuibackup:
    """`main` in this process."""

    def call(*words: str) -> Called:
        capsys.readouterr()
        try:
            code = main(list(words))
        except SystemExit as end:  # argparse's --help and --version
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Called(code, said.out, said.err)

    return call
