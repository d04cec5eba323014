"""A site whose two snapshots of files (the second points into the first) and no more go to an object store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.conftest import make_application
from tests.acceptance.site import Site
from tests.stores.servers import Store
from tests.ticking import ticking_ahead, ticking_sshd


@dataclass
class Kept:
    """`site` has the configuration of one copy, `kampus`; `application` is the folder that was backed up."""

    site: Site
    application: Path
    settings: str

    def to(
        self, store: Store, place: str, port: int | None = None, *, credentials: str = "", more: str = ""
    ) -> None:
        """Let the copy go to `place` ("s3://tapes/one") of `store`, behind `port` where one is given."""
        key = self.site.folder / "key"
        key.write_text(credentials or store.credentials)
        key.chmod(0o600)
        endpoint = store.endpoint if port is None else store.endpoint.replace(f":{store.port}", f":{port}")
        self.site.settings = self.settings + (
            f'[copies.kampus]\nto = "{place}"\nendpoint = "{endpoint}"\ncredentials_file = "{key}"\n{more}\n'
        )
        self.site.write_config()

    def fresh(self, name: str) -> Site:
        """Another account: nothing but the configuration of the copy."""
        site = Site(self.site.folder / name, settings=self.site.settings)
        site.vault.rmdir()
        site.config.parent.mkdir(mode=0o700, parents=True)
        site.config.write_text(site.settings)
        site.config.chmod(0o600)
        return site


@contextmanager
def kept(folder: Path, large: int = 0) -> Iterator[Kept]:
    """Two snapshots; `large`: bytes of a file that does not compress."""
    application = make_application(folder)
    if large:
        with open("/dev/urandom", "rb") as random:
            (application / "large").write_bytes(random.read(large))
    with ticking_sshd(folder) as sshd:
        (folder / "drills").mkdir(mode=0o700)
        site = Site(folder)
        settings = f'[drill]\nfolder = "{folder}/drills"\n'
        site.settings = settings
        site.add("siakad", sshd, [application])
        ticking_ahead(folder, 100)
        assert site.tuibackup("run", "siakad").code == 0
        (application / "new").write_text("new")
        assert site.tuibackup("run", "siakad").code == 0
        yield Kept(site, application, settings)
