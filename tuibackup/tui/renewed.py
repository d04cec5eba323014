"""The notice when config.toml was read again while the cockpit is open."""

from collections.abc import Iterable

from tuibackup.config import Config
from tuibackup.words import _, ngettext

_NAMED = 3  # servers that are named; of more only the number is shown
_AT_START = ("language", "symbols", "mouse", "operators")  # settings that the next cockpit begins with


def renewed(before: Config, after: Config) -> str:
    """One line: which servers were added, removed or changed, and which settings are not in force yet."""
    old, new = before.servers, after.servers
    parts = [
        (_("new: {servers}"), [name for name in new if name not in old]),
        (_("gone: {servers}"), [name for name in old if name not in new]),
        (_("changed: {servers}"), [name for name in new if name in old and new[name] != old[name]]),
    ]
    said = [text.format(servers=_names(names)) for text, names in parts if names]
    later = [name for name in _AT_START if getattr(before, name) != getattr(after, name)]
    if later:
        said.append(_("{settings}: when you open the cockpit again").format(settings=", ".join(later)))
    line = _("{file} was read again").format(file=after.source.name)
    return f"{line}: {' · '.join(said)}" if said else line


def _names(names: Iterable[str]) -> str:
    names = list(names)
    if len(names) <= _NAMED:
        return ", ".join(names)
    return ngettext("{number} server", "{number} servers", len(names)).format(number=len(names))
