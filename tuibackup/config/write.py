"""Changing config.toml: comments, order and every other key stay, and the file is never half written.

Every change is validated as a whole before it replaces the file, keeps its owner and mode, and is made of the file as
it is at that moment: what an editor saved meanwhile stays.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuibackup.config import edit
from tuibackup.config.place import read_text
from tuibackup.config.read import parse
from tuibackup.config.settings import Config, Server
from tuibackup.config.values import inner_tables, server_values
from tuibackup.durable import rename_new, replace_file
from tuibackup.errors import ConfigError
from tuibackup.text import printable
from tuibackup.words import sentence

_TRIES = 3  # where the file changes in just that moment
_HEAD = (
    "# The configuration of tuibackup. Every key is explained in the manual's chapter on the configuration.\n"
)

Change = Callable[[str], str]


def set_value(path: Path, key: str, value: edit.Value) -> Config:
    """Set a key such as "theme" or "run.parallel". Returns the new configuration; raises ConfigError."""
    *tables, name = key.split(".")

    def change(text: str) -> str:
        return _set(text, tuple(tables), name, value)

    return _change(path, change)


def add_server(path: Path, server: Server, vault: Path | None = None) -> Config:
    """Append the tables of a server. `vault`: the backup disk, where the file names none, or is not there yet.

    Returns the new configuration; raises ConfigError, also if there is a server of that name.
    """

    def change(text: str) -> str:
        if server.name in tomllib.loads(_plain(text)).get("servers", {}):
            raise ConfigError(
                sentence(
                    "{path}: servers.{server}: is there already",
                    path=printable(str(path)),
                    server=server.name,
                ),
                sentence("give it another name"),
            )
        return with_server(text if vault is None else with_vault(text, vault), server)

    return _change(path, change, server, may_lack_vault=vault is not None)


def change_server(path: Path, before: Server, after: Server) -> Config:
    """Change what differs between the two in the tables of that server; its name stays.

    Returns the new configuration; raises ConfigError, also where the file says something else than `before` by now.
    """

    def change(text: str) -> str:
        if parse(text, path).servers.get(before.name) != before:
            raise ConfigError(
                sentence(
                    "{path}: servers.{server}: was changed meanwhile by somebody else",
                    path=printable(str(path)),
                    server=before.name,
                ),
                sentence("look at it, and begin again"),
            )
        return _changed(text, before, after)

    return _change(path, change, after)


def remove_server(path: Path, name: str) -> Config:
    """Take the tables of a server out. Returns the new configuration; raises ConfigError."""
    return _change(path, lambda text: edit.without_table(text, ("servers", name)), gone=name)


def server_lines(server: Server) -> str:
    """The tables of a server, to paste."""
    return with_server("", server)


def with_server(text: str, server: Server) -> str:
    """`text` with the tables of a server, which it lacks."""
    text = edit.with_table(text, ("servers", server.name), server_values(server))
    for name, values in inner_tables(server).items():
        if values is not None:
            text = edit.with_table(text, ("servers", server.name, name), values)
    return text


def with_vault(text: str, vault: Path) -> str:
    """`text` with the place of the vault."""
    return _set(text or _HEAD, ("vault",), "path", os.fspath(vault))


def _set(text: str, table: tuple[str, ...], key: str, value: edit.Value) -> str:
    if table and table[0] not in tomllib.loads(_plain(text)):
        return edit.with_table(text, table, {key: value})
    return edit.with_value(text, table, key, value)


def _changed(text: str, before: Server, after: Server) -> str:
    table = ("servers", before.name)
    text = _differing(text, table, server_values(before), server_values(after))
    old = inner_tables(before)
    for name, values in inner_tables(after).items():
        text = _changed_inner(text, (*table, name), old[name], values)
    return text


def _changed_inner(
    text: str,
    table: tuple[str, ...],
    before: Mapping[str, edit.Value] | None,
    after: Mapping[str, edit.Value] | None,
) -> str:
    """None: there is no such table."""
    if after is None:
        return text if before is None else edit.without_table(text, table)
    return edit.with_table(text, table, after) if before is None else _differing(text, table, before, after)


def _differing(
    text: str, table: tuple[str, ...], before: Mapping[str, edit.Value], after: Mapping[str, edit.Value]
) -> str:
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            text = edit.with_value(text, table, key, after.get(key))
    return text


def _change(
    path: Path, change: Change, server: Server | None = None, *, gone: str = "", may_lack_vault: bool = False
) -> Config:
    """Change the file. `server` must be in it afterwards as it is here, `gone` not; all the rest as it was."""
    path = path.expanduser().absolute()
    for _try in range(_TRIES):
        before = read_text(path) if os.path.lexists(path) or not may_lack_vault else None
        if before is not None and not may_lack_vault:
            parse(before, path)  # a file that is wrong already is reported as it stands
        changed = _as_before(before or "", change)
        config = parse(changed, path)
        _require_rest(path, before or "", changed, server.name if server else gone)
        if server is not None and _in_order(config.servers[server.name]) != _in_order(server):
            raise _not_by_itself(path)
        if _replaced(path, before, changed):
            return config
    raise ConfigError(
        sentence("{path}: is being changed by somebody else", path=printable(str(path))),
        sentence("try again"),
    )


def _as_before(text: str, change: Change) -> str:
    """The change, with the ends of lines that the file has."""
    if "\r\n" not in text:
        return change(text)
    return change(text.replace("\r\n", "\n")).replace("\n", "\r\n")


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _require_rest(path: Path, before: str, after: str, server: str) -> None:
    """Nothing but that server may differ, and what is new: whatever tomlkit or we made of it."""
    old, new = tomllib.loads(_plain(before)), tomllib.loads(_plain(after))
    if not server:
        return
    for values in (old, new):
        values.get("servers", {}).pop(server, None)
        if not values.get("servers", {}):
            values.pop("servers", None)
    if not _holds(new, old):
        raise _not_by_itself(path)


def _in_order(server: Server) -> Server:
    """Lists keep the order of their items in the file, which means nothing."""
    from msgspec.structs import replace

    database = server.database and replace(server.database, exclude=tuple(sorted(server.database.exclude)))
    return replace(
        server,
        folders=tuple(sorted(server.folders)),
        exclude=tuple(sorted(server.exclude)),
        database=database,
    )


def _holds(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether everything of `old` is in `new`, as it was."""
    return all(
        key in new and (_holds(new[key], value) if isinstance(value, dict) and value else new[key] == value)
        for key, value in old.items()
    )


def _not_by_itself(path: Path) -> ConfigError:
    return ConfigError(
        sentence(
            "{path}: is written in a way that this program cannot change safely", path=printable(str(path))
        ),
        sentence("change it in an editor"),
    )


def _replaced(path: Path, before: str | None, text: str) -> bool:
    """Put `text` in the place of the file (of a symlink: its target) with the same owner and mode, or make it.

    False: it is not as it was `before`, and stays.
    """
    try:
        if before is None:
            return _made(path, text)
        if read_text(path) != before:
            return False
        target = path.resolve()
        replace_file(target, text.encode(), like=target.stat())
    except OSError as error:
        raise ConfigError(
            sentence("{path}: cannot be written: {error}", path=printable(str(path)), error=error.strerror)
        ) from error
    return True


def _made(path: Path, text: str) -> bool:
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True)
    draft = path.with_name(f".{path.name}.new")
    replace_file(draft, text.encode())
    try:
        rename_new(draft, path)
    except FileExistsError:
        draft.unlink()
        return False
    return True
