"""Fixtures of the tests that drive the installed program like a user."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.backedup import CONTENTS, BackedUp, backed_up_once
from tests.acceptance.site import Site
from tests.acceptance.slow import go_on, slow_sshd
from tests.line import Line
from tests.ticking import ticking_sshd
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A fresh home, vault and (empty) configuration."""
    made = Site(tmp_path)
    made.write_config()
    return made


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every account may enter: pytest keeps its own to itself."""
    with tempfile.TemporaryDirectory(prefix="tuibackup-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def humble_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    """An sshd whose account cannot read what file modes deny it, also when the tests run as root."""
    dropped = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all"
    command = f"""{dropped} sh -c "$SSH_ORIGINAL_COMMAND" """ if os.geteuid() == 0 else None
    with PrivateSshd(tmp_path_factory.mktemp("humble"), force_command=command) as server:
        yield server


@pytest.fixture
def slow(site: Site, application: Path) -> Iterator[Site]:
    """The site, with one server that sends some of its files, and the rest when it is told to `go_on`."""
    with slow_sshd(site) as server:
        site.add("siakad", server, [application])
        yield site
        go_on(site)  # nothing of the server's stays


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[PrivateSshd]:
    """A server whose clock `ticking_ahead(site.folder, …)` sets ahead."""
    with ticking_sshd(tmp_path) as sshd:
        yield sshd


@pytest.fixture(scope="session")
def backed_up(
    tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd, memory: Path, mariadb_template: Path
) -> Iterator[BackedUp]:
    """A server that was backed up once, files and databases; tests copy what they need of it."""
    folder = tmp_path_factory.mktemp("backed-up")
    folders = [make_application(folder)]
    with backed_up_once(
        Site(folder), sshd, folders, memory, mariadb_template, lambda source: source.sql(CONTENTS)
    ) as made:
        yield made


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A small application folder with the kinds of files that real ones have."""
    return make_application(tmp_path)


def make_application(folder: Path) -> Path:
    """That folder, below `folder`."""
    root = folder / "server/var/www/siakad"
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


@pytest.fixture
def line(sshd: PrivateSshd) -> Iterator[Line]:
    with Line(sshd.port) as line:
        yield line


@pytest.fixture
def site_over(site: Site, sshd: PrivateSshd, line: Line, tmp_path: Path) -> Callable[..., Path]:
    """Configures siakad behind the line; returns its folder."""

    def configure(*folders: Path, patience: int = 60) -> Path:
        root = tmp_path / "server/srv"
        root.mkdir(parents=True, exist_ok=True)
        site.settings = f'[sop]\nconnect_within = "{patience} seconds"\n'
        site.add("siakad", sshd, folders or [root])
        site.servers["siakad"] = site.servers["siakad"].replace(f"port = {sshd.port}", f"port = {line.port}")
        with (site.home / ".ssh/known_hosts").open("a") as known:
            known.writelines(
                one.replace(f":{sshd.port} ", f":{line.port} ") + "\n" for one in sshd.known_hosts_lines
            )
        site.write_config()
        return root

    return configure
