"""Checks `[keymap]` of config.toml before the cockpit opens; an error names the line."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from tuibackup.config import Config
from tuibackup.config.table import Source
from tuibackup.tui import actions
from tuibackup.tui.dialog_actions import DIALOGS, HELP, IDS, TAKEN
from tuibackup.tui.private import name_of, sequences
from tuibackup.tui.wire.keyboard import Keyboard
from tuibackup.words import _


def check(config: Config) -> None:
    """Raises ConfigError: an unknown action, a key that no terminal sends, that is taken, or that two actions of one
    screen share.
    """
    if not config.keymap:
        return
    try:
        source = Source(config.source, config.source.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):  # gone since it was read: then without line numbers
        source = Source(config.source, "")
    _check_keys(source, config.keymap)
    whole = {action.id: action.keys for action in actions.ACTIONS}
    everywhere = {action.id: action.keys for action in actions.ACTIONS if action.anywhere}
    told = _check_screen(source, config.keymap, whole, "", frozenset())
    page = {action.id: action.keys for action in actions.ACTIONS if action.page}
    for kind in DIALOGS.values():
        keys = {
            **everywhere,
            **(page if not kind.helped else {}),
            **{one.id: one.keys for one in kind.actions},
        }
        told = _check_screen(source, config.keymap, keys, _(kind.name), told)
    source.judge()


def _check_keys(source: Source, keymap: Mapping[str, str]) -> None:
    """Tell which names and keys cannot be, whatever the screen."""
    usable, known = _names(), (*actions.BY_ID, *IDS)
    typed = {one.id for kind in DIALOGS.values() if kind.typing for one in kind.actions}
    for name, given in keymap.items():
        place = ("keymap", name)
        if name not in known:
            near = get_close_matches(name, known, 1)
            source.wrong(
                place,
                _("there is no such action"),
                _("did you mean {name}?").format(name=near[0])
                if near
                else _("docs/keys.md has the names of all actions"),
            )
            continue
        for key in _split(given):
            if _name(key) in TAKEN:
                said = _('"{key}" is taken: it closes what is open, here as elsewhere')
                source.wrong(place, said.format(key=key), _choose())
            elif not _may_be(key, usable):
                source.wrong(
                    place, _('"{key}" is no key that a terminal sends').format(key=key), _names_are()
                )
            elif name in typed and len(key) == 1:
                source.wrong(place, _('"{key}" goes into the field there').format(key=key), _choose())


def _check_screen(
    source: Source,
    keymap: Mapping[str, str],
    keys_by_id: Mapping[str, tuple[str, ...]],
    screen: str,
    told: frozenset[tuple[str, str]],
) -> frozenset[tuple[str, str]]:
    """Tell which given keys two actions of a screen ("": the main one) share, but those `told` before; with them."""
    owners: dict[str, str] = {}
    usable = _names()
    for name in sorted(keys_by_id, key=lambda name: name in keymap):  # the given ones last
        for key in _split(keymap[name]) if name in keymap else keys_by_id[name]:
            owner = owners.setdefault(_name(key), name)
            if name not in keymap or _name(key) in TAKEN or not _may_be(key, usable) or (name, key) in told:
                continue
            if owner != name or (screen and key == HELP):
                other = "help" if key == HELP and owner == name else owner
                text = _('"{key}" is the key of {other} too').format(key=key, other=other)
                source.wrong(("keymap", name), f"{text} ({screen})" if screen else text, _choose())
                told |= {(name, key)}
    return told


def _split(given: str) -> list[str]:
    return [key.strip() for key in given.split(",")]


def _may_be(key: str, usable: frozenset[str]) -> bool:
    return _name(key) in usable or (len(key) == 1 and key.isprintable())


def _choose() -> str:
    return _("choose another key")


def _names_are() -> str:
    return _('write a character, or a name: "f5", "ctrl+b", "pageup", "space"')


def _name(key: str) -> str:
    """Textual's name of a key; for a single character its own name."""
    return name_of(key) if len(key) == 1 else key


@cache
def _names() -> frozenset[str]:
    """All keys that can arrive: every printable character, and every key that comes as one sequence."""
    typed = {name_of(chr(number)) for number in range(0x20, 0x250) if chr(number).isprintable()}
    whole = (names for text, names in sequences().items() if list(Keyboard().feed(text)) == [text])
    return frozenset(typed).union(*whole)
