"""The languages of the interface, through gettext: `_("text")` everywhere a person reads.

Catalogues lie in `tuibackup/locale/<language>/LC_MESSAGES/tuibackup.mo`; English is the source.
"""

import gettext
import os
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "id")

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def use_language(language: str | None = None) -> None:
    """Speak `language` from now on; without one, the first of LC_ALL, LC_MESSAGES, LANG that is known."""
    global _catalogue
    wanted = language or next(
        (value[:2] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "en"
    )
    _catalogue = gettext.translation("tuibackup", LOCALE, [wanted], fallback=True)


def _(message: str) -> str:
    """`message` in the language in use."""
    return _catalogue.gettext(message)


def in_english(singular: str, plural: str, count: int) -> str:
    """As `ngettext`, for what is recorded: a record is in one language, whoever is at the keyboard."""
    return singular if count == 1 else plural


def ngettext(singular: str, plural: str, count: int) -> str:
    """The form of the message that fits `count`."""
    return _catalogue.ngettext(singular, plural, count)
