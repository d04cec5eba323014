"""The tables [servers.NAME] and [servers.NAME.database] → `Server`."""

import re
from collections.abc import Callable

from tuibackup.config import logins, patterns, units
from tuibackup.config.keep import Rule
from tuibackup.config.settings import Database, RetentionSettings, SecretSource, Server
from tuibackup.config.table import Table
from tuibackup.words import sentence

# A server's name is a folder of the vault and a word of the command line.
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
NAME_RULE = sentence("use 1 to 40 letters, digits, dots, dashes and underscores, a letter or digit first")
_VAULT_FILE = "tuibackup-vault.toml"
_SOURCES = ("password_file", "password_command", "prompt", "option_file")


def is_server_name(text: str) -> bool:
    """Whether a server may be called so; see NAME_RULE."""
    return _SERVER.fullmatch(text) is not None and text.lower() != _VAULT_FILE


def read_servers(table: Table) -> dict[str, Server]:
    """Every server in the order of the file, by name."""
    seen: dict[str, str] = {}
    for name in table:
        if not is_server_name(name):
            table.wrong(name, sentence("is no name for a server"), NAME_RULE)
        if other := seen.get(name.lower()):
            table.wrong(
                name,
                sentence("differs from {other} only in upper and lower case", other=other),
                sentence("give it another name"),
            )
        seen[name.lower()] = name
    return {name: _server(name, table.table(name, "servers.*")) for name in table}


def _server(name: str, table: Table) -> Server:
    server = Server(
        name=name,
        host=table.parsed("host", logins.host, ""),
        label=_label(table),
        port=table.number("port", 1, 65535),
        user=table.parsed("user", logins.user, None),
        jump=_jump(table),
        key=table.path("key"),
        password=_secret_source(table),
        sudo=table.flag("sudo"),
        folders=_folders(table),
        exclude=_exclude(table),
        database=_database(table.table("database", "servers.*.database")) if "database" in table else None,
        retention=read_retention(table.table("retention", "servers.*.retention")),
    )
    if table.lacks("host"):
        table.wrong(
            "host", sentence("is missing"), sentence("name the server's address or an alias of ~/.ssh/config")
        )
    if table.lacks("database") and (table.lacks("folders") or table.is_empty("folders")):
        table.wrong(
            None,
            sentence("has nothing to back up"),
            sentence('add folders = ["/…"] or a table [servers.{name}.database]', name=name),
        )
    return server


def read_retention(table: Table) -> RetentionSettings:
    """The table [retention], or a server's own."""
    return RetentionSettings(
        files=table.parsed("files", Rule.parse, None),
        databases=table.parsed("databases", Rule.parse, None),
        require_copies=table.texts("require_copies") if "require_copies" in table else None,
    )


def _jump(table: Table) -> str | None:
    """One text, or a list with one hop each."""
    if not table.is_list("jump"):
        return table.parsed("jump", logins.jump, None)
    hops = [table.checked("jump", hop, logins.jump) for hop in table.texts("jump")]
    return ",".join(filter(None, hops)) or None


def _label(table: Table) -> str:
    label = table.text("label") or ""
    if len(label) > 60 or not label.isprintable():
        table.wrong("label", sentence("must be at most 60 printable characters"))
    return label


def _secret_source(table: Table) -> SecretSource:
    used = [key for key in _SOURCES if key in table and (key != "prompt" or table.flag(key))]
    if len(used) > 1:
        table.wrong(
            used[1],
            sentence("there is also {used}", used=used[0]),
            sentence("a password has one source: keep one of the two"),
        )
    option_file = table.parsed("option_file", _option_file, None) if "option_file" in used else None
    return SecretSource(
        file=table.path("password_file"),
        command=table.text("password_command"),
        prompt=table.flag("prompt"),
        option_file=option_file,
    )


def _option_file(text: str) -> str:
    if not text.startswith(("/", "~/")):
        raise ValueError(
            sentence('"{text}" is relative; it lies on the server: begin it with "/" or "~/"', text=text)
        )
    return text


def _folders(table: Table) -> tuple[str, ...]:
    read = [table.checked("folders", folder, remote_path("folder")) for folder in table.texts("folders")]
    folders = [folder for folder in read if folder is not None]
    if twice := next((one for number, one in enumerate(folders) if one in folders[:number]), None):
        table.wrong("folders", sentence('"{twice}" is there twice', twice=twice))
    # The outer first: its own time is right only when what lies in it is there.
    return tuple(sorted(folders, key=lambda folder: sum(_lies_in(folder, other) for other in folders)))


def _exclude(table: Table) -> tuple[str, ...]:
    texts = table.texts("exclude")
    folders = _folders(table) if texts else ()
    read = [table.checked("exclude", text, lambda text: patterns.check(text, folders)) for text in texts]
    return tuple(pattern for pattern in read if pattern is not None)


def _lies_in(folder: str, outer: str) -> bool:
    """Whether `folder` is below `outer`; both are normal."""
    return folder != outer and folder.startswith(outer.rstrip("/") + "/")


def _parts(folder: str) -> list[str]:
    return [part for part in folder.split("/") if part]


def remote_path(what: str) -> Callable[[str], str]:
    """A parser for the path of a folder or socket on the server; its ValueError says how to write it."""

    def parse(text: str) -> str:
        if not text.startswith("/"):
            raise ValueError(
                sentence(
                    '"{text}" is relative; name the {what} with its full path from "/"', text=text, what=what
                )
            )
        parts = [part for part in _parts(text) if part != "."]
        if ".." in parts:
            raise ValueError(
                sentence('"{text}" contains ".."; name the {what} with its plain path', text=text, what=what)
            )
        return "/" + "/".join(parts)

    return parse


def _database(table: Table) -> Database:
    host = table.parsed("host", logins.host, None)
    socket = table.parsed("socket", remote_path("socket"), None)
    port = table.number("port", 1, 65535)
    if socket and host:
        table.wrong("host", sentence("there is also socket"), sentence("keep one of the two"))
    if port is not None and host is None:
        table.wrong(
            "port", sentence("there is no host"), sentence('add host = "127.0.0.1", or leave the port out')
        )
    return Database(
        user=table.text("user") or "",
        password=_secret_source(table),
        socket=socket,
        host=host,
        port=port or Database().port,
        exclude=table.texts("exclude"),
        checksum=table.flag("checksum", default=Database().checksum),
        dry_load=table.flag("dry_load", default=Database().dry_load),
        wait_for_tables=table.parsed("wait_for_tables", units.seconds, Database().wait_for_tables),
    )
