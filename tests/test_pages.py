"""Pages for people who change tuibackup name files; a file that moves takes its name along."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|sh|tcss|toml))?)`")


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_and_folder_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    rooms = text.partition("Rooms to come")  # what is not there yet stands in the table behind these words
    named = set(NAMED.findall(rooms[0] + rooms[2].partition("\n\nTests")[2]))
    assert len(named) > 20, "the page names hardly any file: does the pattern still find them?"
    missing = sorted(
        name for name in named if not any((ROOT / at / name).exists() for at in ("", "tuibackup"))
    )
    assert not missing, f"{page} names files that are not there: {', '.join(missing)}"
