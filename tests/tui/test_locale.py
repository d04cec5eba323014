"""The Indonesian catalogue: compiled from its source, with the same names in braces, and used by the screens."""

import gettext
import io
import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.words import LOCALE, use_language

PO = LOCALE / "id" / "LC_MESSAGES" / "tuibackup.po"


def messages() -> Iterator[Message]:
    with PO.open("rb") as file:
        yield from (message for message in read_po(file, "id") if message.id)


def test_the_compiled_catalogue_is_not_stale() -> None:
    """pybabel compile -d tuibackup/locale -D tuibackup"""
    compiled = io.BytesIO()
    with PO.open("rb") as file:
        write_mo(compiled, read_po(file, "id"))
    fresh = gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))
    with PO.with_suffix(".mo").open("rb") as file:
        kept = gettext.GNUTranslations(file)
    assert fresh._catalog == kept._catalog  # type: ignore[attr-defined]  # the only way to compare two


def test_every_name_in_braces_is_in_the_translation_too() -> None:
    for message in messages():
        texts = [message.id] if isinstance(message.id, str) else list(message.id)
        translated = [message.string] if isinstance(message.string, str) else list(message.string)
        for text in filter(None, translated):
            assert set(re.findall(r"{[^}]*}", text)) == set(re.findall(r"{[^}]*}", texts[-1])), texts


def test_the_procedures_own_words_are_used() -> None:
    words = {message.id: message.string for message in messages()}
    expected = {
        "fresh": "terkini", "due": "jatuh tempo", "OVERDUE": "TERLAMBAT", "never": "belum pernah", "done": "selesai",
        "warnings": "peringatan", "failed": "gagal", "interrupted": "terputus", "waiting": "antre",
        "{days}d": "{days}hr",
    }  # fmt: skip
    assert {word: words[word] for word in expected} == expected


@pytest.mark.parametrize("size", ["80x24", "140x40"])
async def test_the_screens_in_indonesian(cockpit: Opener, golden: object, size: str) -> None:
    use_language("id")
    async with cockpit(pictures.drawn(), size) as seat:
        await seat.press("o")
        golden(f"indonesian-{size}", seat.screen)  # type: ignore[operator]  # a fixture's function
    use_language("en")
