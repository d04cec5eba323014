"""One file a change becomes a section of CHANGELOG.md at a release."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BEGINS = "# Changelog\n\nWhat changes.\n"
OLDER = "\n## 0.1.0 – 2026-11-29\n\n- The first.\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the script, a changelog and two changes."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/changelog", tmp_path / "scripts")
    unreleased = tmp_path / "changelog/unreleased"
    unreleased.mkdir(parents=True)
    (unreleased / "a-lock.md").write_text("Fixed: A lock\nis let go.\n\nIt stayed.\n")
    (unreleased / "views.md").write_text(f"Added: Views are {'very ' * 30}good.\n")
    (tmp_path / "CHANGELOG.md").write_text(BEGINS + OLDER)
    return tmp_path


def changelog(repository: Path, *words: str, code: int = 0) -> str:
    command = [repository / "scripts/changelog", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


NEW = f"""### Added

- Views are {"very " * 20}very
  {"very " * 9}good.

### Fixed

- A lock is let go.

  It stayed.
"""


def test_the_changes_of_this_repository_are_of_the_documented_form() -> None:
    changelog(ROOT, "--check")


def test_changes_become_a_section_above_the_older_ones_and_their_files_go(repository: Path) -> None:
    assert changelog(repository) == NEW
    changelog(repository, "0.2.0")
    text = (repository / "CHANGELOG.md").read_text()
    heading = text[len(BEGINS) :].splitlines()[1]
    assert heading.startswith("## 0.2.0 – 20")
    assert text == f"{BEGINS}\n{heading}\n\n{NEW}{OLDER}"
    assert list((repository / "changelog/unreleased").iterdir()) == []
    assert "0.2.0 has been released" in changelog(repository, "0.2.0", code=1)


def test_what_stands_below_a_version_that_is_not_yet_released_stays(repository: Path) -> None:
    waiting = "\n## 0.2.0 – not yet released\n\n- By hand.\n\n### Part\n\n- More.\n"
    (repository / "CHANGELOG.md").write_text(BEGINS + waiting + OLDER)
    changelog(repository, "0.2.0")
    text = (repository / "CHANGELOG.md").read_text()
    assert "not yet released" not in text
    assert text.endswith(f"\n\n- By hand.\n\n### Part\n\n- More.\n\n{NEW}{OLDER}")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("Odd Name.md", "Fixed: It.\n", "its name is not"),
        ("kind.md", "Mended: It.\n", "does not begin with one of “Added:”"),
        ("bare.md", "", "does not begin with one of"),
        ("stop.md", "Fixed: It\n", "ends without a full stop"),
        ("heading.md", "Fixed: It.\n\n# Much\n", "it has a heading"),
    ],
)
@pytest.mark.long
def test_a_file_of_another_form_is_named_and_nothing_changes(
    repository: Path, name: str, text: str, fault: str
) -> None:
    (repository / "changelog/unreleased" / name).write_text(text)
    for words in ([], ["--check"], ["0.2.0"]):
        said = changelog(repository, *words, code=1)
        assert said.startswith(f"changelog/unreleased/{name}: ")
        assert fault in said
    assert (repository / "CHANGELOG.md").read_text() == BEGINS + OLDER
