"""A `Server` as the keys and values of its tables in config.toml: what is as usual is left out."""

import os
from pathlib import Path

from tuibackup.config.edit import Value
from tuibackup.config.settings import Database, SecretSource, Server
from tuibackup.sop import Clock


def server_values(server: Server) -> dict[str, Value]:
    """The keys of [servers.NAME], in the order in which people read them."""
    values: dict[str, Value | None] = {
        "label": server.label,
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "jump": server.jump,
        "key": _path(server.key),
        **_source_values(server.password),
        "sudo": server.sudo,
        "folders": list(server.folders),
        "exclude": list(server.exclude),
    }
    return {key: value for key, value in values.items() if value}


def inner_tables(server: Server) -> dict[str, dict[str, Value] | None]:
    """The tables below [servers.NAME] by their names, None for one that the server does not have."""
    retention: dict[str, Value] = {
        clock.value: str(rule)
        for clock in Clock
        if (rule := getattr(server.retention, clock.value)) is not None
    }
    return {
        "database": None if server.database is None else database_values(server.database),
        "retention": retention or None,
    }


def database_values(database: Database) -> dict[str, Value]:
    usual = Database()
    values: dict[str, Value | None] = {
        "user": database.user,
        **_source_values(database.password),
        "socket": database.socket,
        "host": database.host,
        "port": database.port if database.host else None,
        "exclude": list(database.exclude),
    }
    found = {key: value for key, value in values.items() if value}
    for key in ("checksum", "dry_load"):
        if (flag := getattr(database, key)) != getattr(usual, key):
            found[key] = flag
    if database.wait_for_tables != usual.wait_for_tables:
        found["wait_for_tables"] = f"{database.wait_for_tables:g} seconds"
    return found


def _source_values(source: SecretSource) -> dict[str, Value | None]:
    return {
        "password_file": _path(source.file),
        "password_command": source.command,
        "prompt": source.prompt,
        "option_file": source.option_file,
    }


def _path(path: Path | None) -> str | None:
    """As people write it: below the own home with a ~."""
    if path is None:
        return None
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else os.fspath(path)
