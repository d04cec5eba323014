"""The languages of the interface, through gettext: people read the language in use, records are English.

`_("text")` in a face is in the language in use. A sentence that runs and jobs say is made with `sentence`: its text is
English, and so it is recorded, whoever is at the keyboard; it carries what it was made of, so that a face can show it
in another language. Catalogues lie in `tuibackup/locale/<language>/LC_MESSAGES/tuibackup.mo`; English is the source.
"""

import gettext
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "id")

_catalogue: gettext.NullTranslations = gettext.NullTranslations()
_MARKS = {"id": {ord(","): ".", ord("."): ","}}  # of numbers, where not as in English
_marks: dict[int, str] = {}


def use_language(language: str | None = None) -> None:
    """Speak `language` from now on; without one, the first of LC_ALL, LC_MESSAGES, LANG that is known."""
    global _catalogue, _marks
    wanted = language or next(
        (value[:2] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "en"
    )
    _catalogue = gettext.translation("tuibackup", LOCALE, [wanted], fallback=True)
    _marks = _MARKS.get(wanted, {})


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak `language` within the block: for a paper whose language is not that of the person who asks for it."""
    global _catalogue, _marks
    before = _catalogue, _marks
    use_language(language)
    try:
        yield
    finally:
        _catalogue, _marks = before


class Sentence(str):
    """A sentence of a run or a job. Its text is English: so it is stored, compared and searched.

    Put into a text for people with `_`, `format` or an f-string, it is in the language in use. `message` is the
    sentence with names in braces, `values` what they stand for: texts that are shown as they are (names, the server's
    own words), numbers, and sentences again. With `plural`, `number` chooses between the two.
    """

    message: str
    values: Mapping[str, "str | int | float"]
    plural: str
    number: int

    def __new__(
        cls,
        text: str,
        message: str,
        values: Mapping[str, "str | int | float"],
        plural: str = "",
        number: int = 0,
    ) -> Self:
        made = super().__new__(cls, text)
        made.message, made.values = message, values
        made.plural, made.number = plural, number
        return made

    def __str__(self) -> str:
        return self

    def __format__(self, spec: str) -> str:
        return format(self.shown(), spec)

    def __getnewargs__(self) -> Any:
        return self.english(), self.message, self.values, self.plural, self.number

    def english(self) -> str:
        """The text alone."""
        return str.__str__(self)

    def shown(self) -> str:
        """The sentence in the language in use."""
        if type(_catalogue) is gettext.NullTranslations:
            return self.english()
        if self.plural:
            text = _catalogue.ngettext(self.message, self.plural, self.number)
        else:
            text = _catalogue.gettext(self.message)
        if not self.values:
            return text
        try:
            return text.format(**{name: _shown(value) for name, value in self.values.items()})
        except (LookupError, ValueError, AttributeError):  # the record of another version, or a changed one
            return self.english()


def sentence(message: str, /, **values: object) -> str:
    """A sentence that may be recorded: "{folder} is missing", folder="/srv".

    Values are names, the server's words, errors, and sentences; a number is given as it is, an amount with `text.count`
    or `text.size`.
    """
    return put_together(message, {name: _kept(value) for name, value in values.items()})


def sentence_n(singular: str, plural: str, count: int, /, **values: object) -> str:
    """As `sentence`, in the form that fits `count`; the text knows it by that name, too."""
    kept: dict[str, str | int | float] = {
        "count": count,
        **{name: _kept(value) for name, value in values.items()},
    }
    return put_together(singular, kept, plural, count)


def put_together(
    message: str, values: Mapping[str, str | int | float], plural: str = "", number: int = 0
) -> Sentence:
    """A sentence from its parts. Raises LookupError, ValueError, AttributeError if they do not fit."""
    text = plural if plural and number != 1 else message
    if values:
        text = text.format(**{name: _plain(value) for name, value in values.items()})
    return Sentence(text, message, values, plural, number)


def joined(between: str, texts: Iterable[str]) -> str:
    """As `between.join(texts)`; sentences among them can still be shown in another language."""
    parts = [text for text in texts if text or between]
    if len(parts) == 1 or not any(isinstance(part, Sentence) for part in parts):
        return parts[0] if len(parts) == 1 else between.join(parts)
    values = {f"part{number}": part for number, part in enumerate(parts, 1)}
    return sentence(between.join(f"{{{name}}}" for name in values), **values)


def later(text: str) -> str:
    """Marks a text for the catalogue that `_` or `sentence` gets from a constant."""
    return text


def _(text: str) -> str:
    """`text`, one of the catalogue or a sentence, in the language in use."""
    if isinstance(text, Sentence):
        return text.shown()
    return _catalogue.gettext(text) if text else ""


def in_language(text: str) -> str:
    """`text` as it is shown: a sentence in the language in use, all else (a name, the words of a server) as it is."""
    return text.shown() if isinstance(text, Sentence) else text


def ngettext(singular: str, plural: str, count: int) -> str:
    """The form of the message that fits `count`."""
    return _catalogue.ngettext(singular, plural, count)


def number(value: float) -> str:
    """A number in the language in use, with its thousands apart: "14,210", "9.8"; in Indonesian "14.210", "9,8"."""
    return f"{value:,}".translate(_marks)


def amount(message: str, value: float) -> str:
    """A number with its unit, "{number} KiB", as the language in use writes numbers: "14,210", "9.8 KiB"."""
    return put_together(message, {"number": value})


def _kept(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _plain(value: str | float) -> str:
    if isinstance(value, Sentence):
        return value.english()
    return value if isinstance(value, str) else f"{value:,}"


def _shown(value: str | float) -> str:
    return in_language(value) if isinstance(value, str) else number(value)
