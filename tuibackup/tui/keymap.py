"""Checks `[keymap]` of config.toml before the cockpit opens; an error names the line."""

from tuibackup.config import Config
from tuibackup.config.table import Source
from tuibackup.tui import actions
from tuibackup.tui.private import name_of, sequences
from tuibackup.tui.wire.keyboard import Keyboard
from tuibackup.words import _

_TAKEN = ("escape", "ctrl+c", "ctrl+q")  # these close, warn and leave everywhere, and cannot be remapped


def check(config: Config) -> None:
    """Raises ConfigError: an unknown action, a key that no terminal sends, that is taken, or that two actions share."""
    if not config.keymap:
        return
    try:
        source = Source(config.source, config.source.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):  # gone since it was read: then without line numbers
        source = Source(config.source, "")
    usable = _names()
    owners: dict[str, str] = {}
    for action in sorted(
        actions.ACTIONS, key=lambda action: action.id in config.keymap
    ):  # the given ones last
        for key in actions.keys_of(action, config.keymap):
            owner = owners.setdefault(_name(key), action.id)
            if action.id not in config.keymap:
                continue
            place = ("keymap", action.id)
            if _name(key) in _TAKEN:
                source.wrong(
                    place,
                    _('"{key}" is taken: it closes what is open, here as elsewhere').format(key=key),
                    _choose(),
                )
            elif _name(key) not in usable and not (len(key) == 1 and key.isprintable()):
                source.wrong(
                    place, _('"{key}" is no key that a terminal sends').format(key=key), _names_are()
                )
            elif owner != action.id:
                source.wrong(
                    place, _('"{key}" is the key of {other} too').format(key=key, other=owner), _choose()
                )
    for name in config.keymap:
        if name not in actions.BY_ID:
            source.wrong(
                ("keymap", name), _("there is no such action"), _("docs/keys.md has the names of all actions")
            )
    source.judge()


def _choose() -> str:
    return _("choose another key")


def _names_are() -> str:
    return _('write a character, or a name: "f5", "ctrl+b", "pageup", "space"')


def _name(key: str) -> str:
    """Textual's name of a key; for a single character its own name."""
    return name_of(key) if len(key) == 1 else key


def _names() -> frozenset[str]:
    """All keys that can arrive: every printable character, and every key that comes as one sequence."""
    typed = {name_of(chr(number)) for number in range(0x20, 0x250) if chr(number).isprintable()}
    whole = (names for text, names in sequences().items() if list(Keyboard().feed(text)) == [text])
    return frozenset(typed).union(*whole)
