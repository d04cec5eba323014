import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.config.texts import put, read
from tuibackup.config import (
    Database,
    SecretSource,
    Server,
    example,
    load,
)
from tuibackup.config.write import add_server, set_value
from tuibackup.errors import ConfigError

COMMENTED = """# our servers
language = "id"   # for all of us

[vault]
path = "/srv/backup"  # the blue disk

[servers.siakad]   # the first
host = "10.10.0.5"
folders = [
    "/var/www/siakad",  # the application
]
# the end
"""


def test_a_value_is_set_and_everything_else_stays(home: Path) -> None:
    path = put(home / "config.toml", COMMENTED)
    assert set_value(path, "language", "en").language == "en"
    assert path.read_text() == COMMENTED.replace('"id"', '"en"')
    assert set_value(path, "run.parallel", 5).run.parallel == 5
    assert "# the blue disk" in path.read_text()


def test_a_server_is_added_as_it_is_and_everything_else_stays(home: Path) -> None:
    path = put(home / "config.toml", COMMENTED)
    new = Server(
        name="e-office",
        host="e.example",
        port=2222,
        user="tuibackup",
        key=Path("/root/key"),
        password=SecretSource(),
        sudo=True,
        folders=("/srv/a", "/srv/b"),
        exclude=("*.log",),
        database=Database("backup", SecretSource(prompt=True), host="127.0.0.1", port=3307),
    )
    plain = Server("dns1", "dns1", database=Database())
    assert add_server(path, new).servers["e-office"] == new
    assert add_server(path, plain).servers["dns1"] == plain
    assert load(path).servers == {**read(COMMENTED).servers, "e-office": new, "dns1": plain}
    assert path.read_text().startswith(COMMENTED.removesuffix("# the end\n"))


def test_the_first_server_goes_into_a_copy_of_the_example(home: Path) -> None:
    path = put(home / "config.toml", example().read_text())
    new = Server("siakad", "10.10.0.5", folders=("/var/www",))
    assert add_server(path, new).servers == {"siakad": new}
    assert path.read_text().startswith(example().read_text().rstrip())


def test_a_change_that_would_make_the_file_wrong_is_refused_and_leaves_it(home: Path) -> None:
    path = put(home / "config.toml", COMMENTED)
    changes: list[Callable[[], object]] = [
        lambda: set_value(path, "run.parallel", 0),
        lambda: set_value(path, "parallel", 3),
        lambda: add_server(path, Server("siakad", "h", folders=("/x",))),
        lambda: add_server(path, Server("-x", "h", folders=("/x",))),
    ]
    for change in changes:
        with pytest.raises(ConfigError):
            change()
        assert path.read_text() == COMMENTED
    assert os.listdir(home) == ["config.toml"]


def test_the_file_keeps_its_mode_and_its_symlink(home: Path) -> None:
    path = put(home / "real" / "config.toml", COMMENTED)
    path.chmod(0o640)
    link = home / "config.toml"
    link.symlink_to(path)
    set_value(link, "mouse", True)
    assert link.is_symlink()
    assert load(link).mouse
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_importing_the_configuration_loads_no_tomlkit() -> None:
    """Only a change needs it; every start of the program imports this."""
    script = "import sys, tuibackup.config; sys.exit('tomlkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
