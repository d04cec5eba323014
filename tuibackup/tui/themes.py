"""Themes: TOML files with Textual's colours and the semantic ones; all are checked before one is used.

A broken file never stops the cockpit: it is left out, all broken ones are told in one notice. No colour is
written in Python; what a file leaves out is taken from another of its own colours.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

from tuibackup.config.read import theme_name
from tuibackup.text import printable
from tuibackup.words import _

DEFAULT = "tuibackup-dark"
SIXTEEN = "tuibackup-16"  # for 16 colours, and for none

# If a file leaves out a semantic colour, this one of its [colours] is used.
SEMANTIC: Mapping[str, str] = {
    "status-fresh": "success",
    "status-due": "warning",
    "status-overdue": "error",
    "status-never": "accent",
    "status-running": "primary",
    "status-waiting": "secondary",
    "status-warning": "warning",
    "status-failed": "error",
    "status-interrupted": "error",
    "muted": "foreground",
    "rule": "secondary",
    "title": "foreground",
    "key": "primary",
    "cursor-background": "primary",
    "cursor-foreground": "background",
    "cursor-blurred-background": "panel",
}
_NEEDED = ("primary", "foreground", "background")
# The colours from which the others are derived, in this order.
_COLOURS: Mapping[str, str] = {
    "primary": "primary",
    "foreground": "foreground",
    "background": "background",
    "secondary": "primary",
    "accent": "primary",
    "success": "primary",
    "warning": "primary",
    "error": "warning",
    "surface": "background",
    "panel": "surface",
}


class ThemeFile(msgspec.Struct, frozen=True):
    """One file of themes/: `colours` are Textual's, `semantic` the cockpit's own."""

    name: str
    colours: dict[str, str]
    dark: bool = True
    ansi: bool = False  # only the terminal's own 16 colours, written ansi_red, ansi_bright_red, …
    semantic: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes that can be used, by name, and what is wrong with the files that cannot."""

    usable: Mapping[str, Theme]
    problems: tuple[str, ...]


class ThemeError(ValueError):
    """A theme file cannot be used; the text says which line or colour is wrong."""


def shipped() -> Path:
    """The folder of the themes that come with the program: in the wheel, or in the source tree."""
    installed = Path(__file__).parents[1] / "themes"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "themes"


def read(path: Path) -> Theme:
    """The theme of one file. Raises ThemeError."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        known = {key: value for key, value in values.items() if key in ThemeFile.__struct_fields__}
        file = msgspec.convert(known, ThemeFile)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ThemeError(printable(str(error))) from None
    problems = [_("{name} is not known").format(name=key) for key in values if key not in known]
    problems += [
        _("colours: {name} is missing").format(name=name) for name in _NEEDED if name not in file.colours
    ]
    problems += _unknown("colours", file.colours, _COLOURS) + _unknown("semantic", file.semantic, SEMANTIC)
    for name, value in (*file.colours.items(), *file.semantic.items()):
        if wrong := _wrong(value, ansi=file.ansi):
            problems.append(f'{name}: "{value}" {wrong}')
    try:
        theme_name(file.name)
    except ValueError as error:
        problems.append(f'name: "{file.name}" {error}')
    if problems:
        raise ThemeError(printable("; ".join(problems)))
    colours = dict(file.colours)
    for name, source in _COLOURS.items():
        colours.setdefault(name, colours[source])
    variables = {
        f"ansi-{name}": colours[name] for name in ("background", "foreground")
    }  # Textual's, undefined
    variables |= {name: file.semantic.get(name, colours[source]) for name, source in SEMANTIC.items()}
    return Theme(name=file.name, dark=file.dark, ansi=file.ansi, variables=variables, **colours)  # type: ignore[arg-type]  # the keys were checked against _COLOURS


def load(folders: Iterable[Path]) -> Themes:
    """All themes of `folders`; a later folder's theme takes the place of an earlier one's of the same name."""
    usable: dict[str, Theme] = {}
    problems: list[str] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            if not path.is_file():  # a pipe would be waited for
                continue
            try:
                theme = read(path)
            except ThemeError as error:
                problems.append(f"{path.name}: {error}")
            else:
                usable[theme.name] = theme
    return Themes(usable, tuple(problems))


def choose(wanted: str | None, themes: Themes, *, few_colours: bool) -> str:
    """The theme to open with: `wanted` if it can be used, but one of 16 colours if the terminal has no more."""
    chosen = wanted if wanted and wanted in themes.usable else DEFAULT
    if few_colours and chosen in themes.usable and not themes.usable[chosen].ansi:
        return SIXTEEN
    return chosen


def _wrong(value: str, *, ansi: bool) -> str:
    """What is wrong with a colour, "" for nothing."""
    try:
        colour = Color.parse(value)
    except ColorParseError:
        return _("is no colour; write it as {way}").format(way="ansi_red" if ansi else "#rrggbb")
    if ansi and colour.ansi is None:
        return _("is none of the terminal's own colours (ansi_red), and this theme says ansi = true")
    if not ansi and colour.ansi is not None:
        return _("is one of the terminal's own colours: write ansi = true, and only such colours")
    if colour.a < 1 and colour.ansi is None:
        return _("lets something shine through; write it as {way}").format(way="#rrggbb")
    return ""


def _unknown(table: str, given: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    return [
        _("{table}: {name} is not known").format(table=table, name=name)
        for name in given
        if name not in known
    ]
