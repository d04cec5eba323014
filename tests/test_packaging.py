"""What is installed from a wheel works like the source tree: themes, scripts and the example are in it."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as `pipx install .` does."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; its dependencies are those of ours, to save the download."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin/python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*install, "--disable-pip-version-check", str(wheel)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    # A .pth file adds a folder, but the .pth files in that folder (our editable install) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def run(installed: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed / "bin/tuibackup", *words],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_holds_all_that_is_no_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"tuibackup/{path.relative_to(ROOT / folder)}"
        for folder, pattern in ((".", "themes/*.toml"), ("tuibackup", "**/*.tcss"), ("tuibackup", "**/*.sh"))
        for path in (ROOT / folder).glob(pattern)
    }
    assert any(name.endswith(".toml") for name in expected)
    assert expected <= names
    assert {"tuibackup/config.example.toml", "tuibackup/py.typed"} <= names
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


@pytest.mark.long
def test_the_installed_command_is_the_wheels_own(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tuibackup ")
    where = subprocess.run(
        [installed / "bin/python", "-c", "import tuibackup; print(tuibackup.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert where.stdout.startswith(str(installed))


@pytest.mark.long
def test_the_installed_command_says_where_its_example_is_and_takes_it(
    installed: Path, tmp_path: Path
) -> None:
    done = run(installed, tmp_path, "status")
    assert done.returncode == 2
    example = next(installed.glob("lib/python*/site-packages/tuibackup/config.example.toml"))
    assert str(example) in done.stderr
    config = tmp_path / ".config/tuibackup/config.toml"
    config.parent.mkdir(parents=True)
    config.write_bytes(example.read_bytes())
    config.chmod(0o600)
    done = run(installed, tmp_path, "status")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.long
def test_the_installed_themes_are_found_and_right(installed: Path, tmp_path: Path) -> None:
    code = """
from tuibackup.tui.themes import load, shipped
found = load([shipped()])
assert not found.problems, found.problems
print(shipped(), *sorted(found.usable))
"""
    done = subprocess.run(
        [installed / "bin/python", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    folder, *names = done.stdout.split()
    assert folder.startswith(str(installed))
    assert len(names) == len(list((ROOT / "themes").glob("*.toml")))
