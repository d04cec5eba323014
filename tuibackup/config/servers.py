"""The tables [servers.NAME] and [servers.NAME.database] → `Server`."""

import re
from collections.abc import Callable
from itertools import pairwise

from tuibackup.config import patterns
from tuibackup.config.settings import Database, SecretSource, Server
from tuibackup.config.table import Table

# A server's name is a folder of the vault and a word of the command line.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_VAULT_FILE = "tuibackup-vault.toml"
_HOST = re.compile(r"[^\s@/\[\],-][^\s@/\[\],]*")
_USER = re.compile(r"[^\s@:,-][^\s@:,]*")
_HOP = re.compile(
    r"(?:[^\s@:,-][^\s@,]*@)?(?:\[[0-9A-Fa-f:.%]+\]|[^\s@/:\[\],-][^\s@/:\[\],]*)(?::([0-9]{1,5}))?"
)
_SOURCES = ("password_file", "password_command", "prompt", "option_file")


def read_servers(table: Table) -> dict[str, Server]:
    """Every server in the order of the file, by name."""
    seen: dict[str, str] = {}
    for name in table:
        if not _NAME.fullmatch(name) or name.lower() == _VAULT_FILE:
            table.wrong(
                name,
                "is no name for a server",
                "use 1 to 40 letters, digits, dots, dashes and underscores, a letter or digit first",
            )
        if other := seen.get(name.lower()):
            table.wrong(name, f"differs from {other} only in upper and lower case", "give it another name")
        seen[name.lower()] = name
    return {name: _server(name, table.table(name, "servers.*")) for name in table}


def _server(name: str, table: Table) -> Server:
    server = Server(
        name=name,
        host=table.parsed("host", _host, ""),
        label=_label(table),
        port=table.number("port", 1, 65535),
        user=table.parsed("user", _user, None),
        jump=table.parsed("jump", _jump, None),
        key=table.path("key"),
        password=_secret_source(table),
        sudo=table.flag("sudo"),
        folders=_folders(table),
        exclude=_exclude(table),
        database=_database(table.table("database", "servers.*.database")) if "database" in table else None,
    )
    if table.lacks("host"):
        table.wrong("host", "is missing", "name the server's address or an alias of ~/.ssh/config")
    if table.lacks("database") and (table.lacks("folders") or table.is_empty("folders")):
        table.wrong(
            None, "has nothing to back up", f'add folders = ["/…"] or a table [servers.{name}.database]'
        )
    return server


def _host(text: str) -> str:
    if "@" in text:
        raise ValueError(f'"{text}" has a user in it; put that into user = "…"')
    if re.fullmatch(r"[^:]+:[0-9]+", text):
        raise ValueError(f'"{text}" has a port in it; put that into port = …')
    if not _HOST.fullmatch(text):
        raise ValueError(f'"{text}" is no host name, address or alias of ~/.ssh/config')
    return text


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise ValueError(f'"{text}" is no name of an account')
    return text


def _jump(text: str) -> str:
    hops = [hop.strip() for hop in text.split(",")]
    for hop in hops:
        match = _HOP.fullmatch(hop)
        if not match or not 1 <= int(match[1] or 22) <= 65535:
            raise ValueError(
                f'"{hop}" is no jump host; write it as "host", "user@host:22", several with commas'
            )
    return ",".join(hops)


def _label(table: Table) -> str:
    label = table.text("label") or ""
    if len(label) > 60 or not label.isprintable():
        table.wrong("label", "must be at most 60 printable characters")
    return label


def _secret_source(table: Table) -> SecretSource:
    used = [key for key in _SOURCES if key in table and (key != "prompt" or table.flag(key))]
    if len(used) > 1:
        table.wrong(used[1], f"there is also {used[0]}", "a password has one source: keep one of the two")
    option_file = table.parsed("option_file", _option_file, None) if "option_file" in used else None
    return SecretSource(
        file=table.path("password_file"),
        command=table.text("password_command"),
        prompt=table.flag("prompt"),
        option_file=option_file,
    )


def _option_file(text: str) -> str:
    if not text.startswith(("/", "~/")):
        raise ValueError(f'"{text}" is relative; it lies on the server: begin it with "/" or "~/"')
    return text


def _folders(table: Table) -> tuple[str, ...]:
    read = [table.checked("folders", folder, _remote_path("folder")) for folder in table.texts("folders")]
    folders = [folder for folder in read if folder is not None]
    # Sorted by their parts, a folder stands right before the first one that lies in it.
    ordered = sorted(folders, key=_parts)
    for outer, inner in pairwise(ordered):
        if outer == inner:
            table.wrong("folders", f'"{outer}" is there twice')
        if _parts(inner)[: len(_parts(outer))] == _parts(outer):
            table.wrong("folders", f'"{inner}" lies in "{outer}"', "name the outer one only")
    return tuple(folders)


def _exclude(table: Table) -> tuple[str, ...]:
    folders = _folders(table)
    read = [
        table.checked("exclude", pattern, lambda text: patterns.check(text, folders))
        for pattern in table.texts("exclude")
    ]
    return tuple(pattern for pattern in read if pattern is not None)


def _parts(folder: str) -> list[str]:
    return [part for part in folder.split("/") if part]


def _remote_path(what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.startswith("/"):
            raise ValueError(f'"{text}" is relative; name the {what} with its full path from "/"')
        parts = [part for part in _parts(text) if part != "."]
        if ".." in parts:
            raise ValueError(f'"{text}" contains ".."; name the {what} with its plain path')
        return "/" + "/".join(parts)

    return parse


def _database(table: Table) -> Database:
    host = table.parsed("host", _host, None)
    socket = table.parsed("socket", _remote_path("socket"), None)
    port = table.number("port", 1, 65535)
    if socket and host:
        table.wrong("host", "there is also socket", "keep one of the two")
    if port is not None and host is None:
        table.wrong("port", "there is no host", 'add host = "127.0.0.1", or leave the port out')
    return Database(
        user=table.text("user") or "",
        password=_secret_source(table),
        socket=socket,
        host=host,
        port=port or Database().port,
        exclude=table.texts("exclude"),
        checksum=table.flag("checksum", default=Database().checksum),
    )
