"""What differs between two states of config.toml, key by key, without a secret: for the record. Pure.

A value is known by its `shown` form and by its mark, a keyed hash: so a changed secret is seen, and never kept.
"""

import hashlib
import hmac
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tuibackup.text import printable

NOT_SHOWN = "(not shown)"
_LONGEST = 200  # characters of a value
# A key that holds a secret, or words that may (`password_command`); one that ends so only names where it lies.
_SECRET = re.compile(r"pass|secret|token|credential|command|phrase|private", re.IGNORECASE)
_PLACE = re.compile(r"_(file|within|for)$")
_LOGIN = re.compile(r"[^\s:@/]+:[^\s@/]+@")  # NAME:PASSWORD@
_OPEN = ("http", "https", "sftp", "ssh", "s3", "az", "azure", "gs", "file", "sqlite", "mysql", "mariadb")


class Value(msgspec.Struct, frozen=True):
    """A value of the file: as it may be shown, a text, number or list of them, and its mark in hex."""

    shown: Any
    mark: str


class Change(msgspec.Struct, frozen=True):
    """A key that differs, as the file names it within its server, if it is a server's; None: it is not there."""

    server: str | None
    key: str
    before: Any
    after: Any


def values(text: str, salt: bytes) -> dict[str, Value]:
    """Every key of the file with its value. Raises ValueError: it is no TOML."""
    return {key: Value(_shown(key, value), _mark(value, salt)) for key, value in _flat(tomllib.loads(text))}


def differences(before: Mapping[str, Value], after: Mapping[str, Value]) -> list[Change]:
    """The keys that differ, in the order of the file."""
    found = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old is None or new is None or old.mark != new.mark:
            server, name = _server_of(key)
            found.append(Change(server, name, old and old.shown, new and new.shown))
    return found


def servers(known: Mapping[str, Value]) -> dict[str, dict[str, str]]:
    """The marks of each server's keys."""
    found: dict[str, dict[str, str]] = {}
    for key, value in known.items():
        server, name = _server_of(key)
        if server is not None:
            found.setdefault(server, {})[name] = value.mark
    return found


def _server_of(key: str) -> tuple[str | None, str]:
    """Keys are joined with a character that stands in none of them."""
    table, *rest = key.split("\0")
    if table == "servers" and len(rest) > 1:
        return rest[0], ".".join(rest[1:])
    return None, ".".join((table, *rest))


def _flat(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, (*path, key))
        else:
            yield "\0".join((*path, key)), value


def _mark(value: Any, salt: bytes) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hmac.new(salt, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _shown(key: str, value: Any) -> Any:
    name = key.rpartition("\0")[2]
    if isinstance(value, bool):
        return value
    if _SECRET.search(name) and not _PLACE.search(name):
        return NOT_SHOWN
    if isinstance(value, list):
        return [_shown(key, one) for one in value]
    if isinstance(value, dict):
        return {one: _shown(f"{key}\0{one}", inner) for one, inner in value.items()}
    if isinstance(value, int | float):
        return value
    return _shown_text(str(value))


def _shown_text(text: str) -> str:
    """Without what may let somebody in: of a URL only where it leads, no login, no words behind the host."""
    if "://" in text:
        scheme, _, rest = text.partition("://")
        try:
            host = urlsplit(text).hostname if scheme.lower() in _OPEN else ""
        except ValueError:
            host = ""
        return printable(f"{scheme}://{host}/…" if host else f"{scheme}:…" if rest else text)
    text = printable(_LOGIN.sub("…@", text))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
