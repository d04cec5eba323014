"""Downloads from servers that a test plays."""

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.files.conftest import Bench
from tests.files.played import PlayedSftp
from tuibackup.errors import DownloadError, RemoteCommandError, TuibackupError
from tuibackup.vault.layout import Vault


class Against:
    """Downloads from a played server into a vault."""

    def __init__(self, place: Path, vault: Vault) -> None:
        self.place = place
        self.vault = vault

    @asynccontextmanager
    async def bench(self, server: PlayedSftp) -> Any:
        async with server.served(self.place):
            yield Bench(self.place, self.vault, server)  # type: ignore[arg-type]

    async def restored(self, server: PlayedSftp, **settings: Any) -> tuple[Bench, Any, Path]:
        async with self.bench(server) as bench:
            result, target = await bench.restored(bench.server(Path("/srv/app"), **settings))
            return bench, result, target / "srv/app"

    async def fails(self, server: PlayedSftp) -> str:
        async with self.bench(server) as bench:
            with pytest.raises(TuibackupError) as caught:
                await bench.fetch(bench.server(Path("/srv/app")))
            assert isinstance(caught.value, DownloadError | RemoteCommandError)
            return str(caught.value)


@pytest.fixture
def against(place: Path, vault: Vault) -> Against:
    return Against(place, vault)
