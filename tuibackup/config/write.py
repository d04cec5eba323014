"""Changing config.toml through tomlkit: comments and order stay, the file is never half written.

Every change is validated as a whole before it replaces the file, and keeps its owner and mode.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuibackup.config.place import read_text
from tuibackup.config.read import parse
from tuibackup.config.settings import Config, Database, SecretSource, Server
from tuibackup.durable import replace_file
from tuibackup.errors import ConfigError
from tuibackup.text import printable
from tuibackup.words import sentence

if TYPE_CHECKING:
    import tomlkit


def set_value(path: Path, key: str, value: str | int | bool | list[str]) -> Config:
    """Set a key such as "theme" or "run.parallel". Returns the new configuration; raises ConfigError."""

    def change(document: "tomlkit.TOMLDocument") -> None:
        import tomlkit  # 30 ms that only a change needs

        *tables, name = key.split(".")
        place: Any = document
        for table in tables:
            if table not in place:
                place[table] = tomlkit.table()
            place = place[table]
        place[name] = value

    return _change(path, change)


def add_server(path: Path, server: Server) -> Config:
    """Append a table [servers.NAME]. Returns the new configuration; raises ConfigError, also if it exists."""

    def change(document: "tomlkit.TOMLDocument") -> None:
        import tomlkit

        if "servers" not in document:
            document.add(tomlkit.nl())
            document["servers"] = tomlkit.table(is_super_table=True)
        servers: Any = document["servers"]
        if server.name in servers:
            raise ConfigError(
                sentence(
                    "{path}: servers.{server}: is there already",
                    path=printable(str(path)),
                    server=server.name,
                )
            )
        servers[server.name] = tomlkit.item(_server_values(server))

    return _change(path, change)


def _change(path: Path, change: "Callable[[tomlkit.TOMLDocument], None]") -> Config:
    import tomlkit

    path = path.expanduser().absolute()
    text = read_text(path)
    parse(text, path)  # a file that is wrong already is reported as it stands
    document = tomlkit.parse(text)
    change(document)
    changed = tomlkit.dumps(document)
    config = parse(changed, path)
    _replace(path, changed)
    return config


def _replace(path: Path, text: str) -> None:
    """Put `text` in the place of the file (of a symlink: its target) with the same owner and mode."""
    target = path.resolve()
    try:
        replace_file(target, text.encode(), like=target.stat())
    except OSError as error:
        raise ConfigError(
            sentence("{path}: cannot be written: {error}", path=printable(str(path)), error=error.strerror)
        ) from error


def _server_values(server: Server) -> dict[str, Any]:
    values = {
        "label": server.label,
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "jump": server.jump,
        "key": _text(server.key),
        **_source_values(server.password),
        "sudo": server.sudo,
        "folders": list(server.folders),
        "exclude": list(server.exclude),
        "database": _database_values(server.database) if server.database else None,
    }
    return {key: value for key, value in values.items() if value or (key == "database" and value is not None)}


def _database_values(database: Database) -> dict[str, Any]:
    values = {
        "user": database.user,
        **_source_values(database.password),
        "socket": database.socket,
        "host": database.host,
        "port": database.port if database.host else None,
        "exclude": list(database.exclude),
    }
    return {key: value for key, value in values.items() if value}


def _source_values(source: SecretSource) -> dict[str, Any]:
    return {
        "password_file": _text(source.file),
        "password_command": source.command,
        "prompt": source.prompt,
        "option_file": source.option_file,
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else os.fspath(path)
