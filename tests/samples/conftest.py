"""A sample as a test finds it: the world of a released version, thawed into a folder of the test's own."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Said, Site
from tests.histories import fingerprint, unequal
from tests.samples.expected import Told, seen
from tests.samples.world import ROOT

SAMPLES = Path(__file__).parent
UNPACK = ["tar", "--zstd", "--xattrs", "--xattrs-include=*", "--acls", "-xp"]
VERSIONS = sorted(path.name for path in SAMPLES.glob("[0-9]*"))


@dataclass(frozen=True)
class Sample:
    """`site` has the home and the vault as that version left them; `expected` is what the snapshots must give back."""

    version: str
    site: Site
    expected: dict[str, Any]

    @property
    def specs(self) -> list[str]:
        """All its snapshots."""
        return [*self.expected["files"], *self.expected["databases"]]

    def says(self, *words: str, code: int = 0) -> Said:
        """What the installed program answers; a failure tells of which version's sample."""
        said = self.site.tuibackup(*words)
        assert said.code == code, (
            f"{self.version}: {' '.join(words)} ended with {said.code}: {said.out}{said.err}"
        )
        return said

    def comes_back(self, spec: str, folders: dict[str, Told]) -> None:
        """Restore a snapshot by the program and by its restore.sh, and find what the server had in `folders`."""
        target = self.site.folder / "restored"
        root = os.geteuid() == 0
        self.says("restore", spec, "--to", str(target), code=0 if root else 3)  # 3: only root may give owners
        is_back(target, folders, f"{self.version}: {spec} by the program")
        shutil.rmtree(target)
        script = self.site.vault / spec / "restore.sh"
        for words in (["--check"], [str(target)]):
            done = subprocess.run(["sh", script, *words], capture_output=True, check=False)
            assert done.returncode == 0, f"{self.version}: {spec}: restore.sh {words}: {done.stderr!r}"
        is_back(target, folders, f"{self.version}: {spec} by restore.sh")
        shutil.rmtree(target)

    def ledger(self) -> dict[str, Any]:
        """What `check` says of the ledger."""
        checks = self.site.tuibackup("check", "--json").json
        (said,) = [one for one in checks if one["server"] is None and one["check"] == "ledger"]
        return dict(said)

    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every file that is published in the vault."""
        return {
            str(path.relative_to(self.site.vault)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.site.vault.glob("*/*/2*/**/*"))
            if path.is_file()
        }


def is_back(target: Path, folders: dict[str, Told], how: str) -> None:
    """Below `target` lies what the server had in `folders`."""
    root = os.geteuid() == 0
    for folder, told in folders.items():
        difference = unequal(seen(told, owners=root), fingerprint(Path(f"{target}{folder}"), owners=root))
        assert not difference, f"{how}: {folder}\n{difference}"


def thaw(version: str, site: Site) -> None:
    """Unpack a sample as `site`: what names the place where it was made, names this one then."""
    for made in (site.home / ".ssh", site.home, site.vault):
        made.rmdir()
    subprocess.run(
        [*UNPACK, "-f", SAMPLES / version / "world.tar.zst", "-C", site.folder, "home", "vault"],
        check=True,
    )
    for path in (site.config, site.state / "vaults.json"):
        path.write_text(path.read_text().replace(str(ROOT / "vault"), str(site.vault)))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each released version in turn."""
    return str(request.param)


@pytest.fixture
def sample(tmp_path: Path, version: str) -> Sample:
    """Its sample."""
    site = Site(tmp_path)
    thaw(version, site)
    return Sample(version, site, json.loads((SAMPLES / version / "expected.json").read_text()))
