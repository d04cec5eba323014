"""`install-timer`: units that systemd understands, whatever the paths; a file that was changed by hand stays."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.site import Site


@pytest.fixture
def odd(tmp_path: Path) -> Site:
    """A site whose configuration has a path that systemd and shells may stumble over."""
    site = Site(tmp_path / 'a "b" 100% $HOME')
    site.settings = (
        '[notify]\nsummary = "weekly mon 07:00"\npost = ["http://127.0.0.1:1/"]\n'
        f'[copies.usb]\nto = "{tmp_path}/usb"\n'
    )
    site.write_config(vault=tmp_path / "vault")
    return site


def units_of(printed: str, folder: Path) -> dict[str, str]:
    """The files that --print shows, by name."""
    found = re.split(rf"^# {re.escape(str(folder))}/(\S+)\n", printed, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_units_are_written_kept_and_removed(odd: Site) -> None:
    folder = odd.home / ".config/systemd/user"
    shown = odd.tuibackup("install-timer", "--user", "--print")
    assert (shown.code, shown.err) == (0, "")
    units = units_of(shown.out, folder)
    assert sorted(units) == sorted(
        f"tuibackup-{name}.{kind}"
        for name in ("run", "verify", "drill", "retention", "copy", "report", "notify")
        for kind in ("service", "timer")
    )
    assert not folder.exists(), "--print changes nothing"
    assert "OnCalendar=Mon *-*-* 07:00:00" in units["tuibackup-notify.timer"]
    assert 'a \\"b\\" 100%% $HOME' in units["tuibackup-run.service"]

    first = odd.tuibackup("install-timer", "--user")
    assert "every hour: back up what is due" in first.out
    assert {path.name: path.read_text().strip() for path in folder.iterdir()} == {
        name: text.strip() for name, text in units.items()
    }
    changed = folder / "tuibackup-drill.timer"
    changed.write_text(changed.read_text().replace("04:53", "02:00"))
    before = changed.read_text()
    again = odd.tuibackup("install-timer", "--user")
    assert again.code == 3
    assert f"▲ {changed}: was changed by hand and stays as it is" in " ".join(again.out.split())
    odd.settings = odd.settings.partition("[copies")[0]
    odd.write_config(vault=odd.folder.parent / "vault")
    without = odd.tuibackup("install-timer", "--user")
    assert f"√ {folder}/tuibackup-copy.timer: removed" in " ".join(without.out.split()), "no copy, no timer"
    assert len(list(folder.iterdir())) == 12
    gone = odd.tuibackup("install-timer", "--user", "--uninstall")
    assert gone.code == 3
    assert [path.name for path in folder.iterdir()] == ["tuibackup-drill.timer"]
    assert changed.read_text() == before
    assert odd.tuibackup("install-timer", "--user", "--uninstall", "--overwrite").code == 0
    assert not list(folder.iterdir())

    lines = odd.tuibackup("install-timer", "--cron").out.splitlines()
    run = next(line for line in lines if line.startswith("17 * * * * "))
    command = run.removeprefix("17 * * * * ").replace("\\%", "%")
    done = subprocess.run(["sh", "-c", command], env=odd.environment(), check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b""), "the line of cron works as it is"
    assert any(line.startswith("0 7 * * 1 ") for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("where", ["--system", "--user"])
def test_systemd_understands_the_units(odd: Site, tmp_path: Path, where: str) -> None:
    shown = odd.tuibackup("install-timer", where, "--print")
    folder = Path("/etc/systemd/system") if where == "--system" else odd.home / ".config/systemd/user"
    units = units_of(shown.out, folder)
    place = tmp_path / "units"
    place.mkdir()
    for name, text in units.items():
        (place / name).write_text(text)
        if where == "--system" and name.endswith(".service"):
            assert re.search(r"^User=\S+$", text, re.MULTILINE)
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(str(place / name) for name in units)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{place}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.strip() == ""
    assert done.returncode == 0
