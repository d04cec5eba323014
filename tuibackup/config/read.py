"""config.toml → `Config`: every rule about a value stands here, in the order of the file."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from tuibackup import words
from tuibackup.config import units
from tuibackup.config.place import default_state, read_text
from tuibackup.config.servers import read_servers
from tuibackup.config.settings import (
    Config,
    DrillSettings,
    RunSettings,
    SecretSource,
    Standards,
    VaultSettings,
)
from tuibackup.config.table import Source, Table
from tuibackup.errors import ConfigError
from tuibackup.sop import Period
from tuibackup.text import printable

_THEME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_LEDGERS = ("sqlite", "mysql", "mariadb")


def load(path: Path) -> Config:
    """Read and validate `path`. Raises ConfigError "FILE:LINE: KEY: what is wrong; the way out"."""
    path = path.expanduser().absolute()
    return parse(read_text(path), path)


def parse(text: str, path: Path) -> Config:
    """Validate `text` as the content of `path`, which is only named. Raises ConfigError as `load` does."""
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), text, path) from None
    except RecursionError:
        raise ConfigError(printable(f"{path}: not valid TOML: nested too deeply")) from None
    top = Table(Source(path, text), values, (), "")
    return Config(
        source=path,
        state=top.path("state") or default_state(path),
        vault=_vault(top.table("vault", "vault")),
        language=top.choice("language", *words.LANGUAGES),
        theme=top.parsed("theme", _theme, None),
        symbols=top.choice("symbols", "unicode", "ascii"),
        mouse=top.flag("mouse"),
        operators=_operators(top),
        sop=_standards(top.table("sop", "sop")),
        run=_run(top.table("run", "run")),
        drill=_drill(top.table("drill", "drill")),
        ledger_url=_ledger_url(top.table("ledger", "ledger")),
        keymap=_keymap(top.table("keymap", None)),
        servers=read_servers(top.table("servers", None)),
    )


def _syntax_error(message: str, text: str, path: Path) -> ConfigError:
    """tomllib's "Expected '=' … (at line 3, column 5)" with the line where the eye looks for it."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    what, line, column = match.groups() if match else (message, None, None)
    if what == "Cannot overwrite a value":
        what = "a key is there twice"
    line = line or str(text.count("\n") + 1)
    where = f" at column {column}" if column else " at the end of the file"
    return ConfigError(printable(f"{path}:{line}: not valid TOML{where}: {what}"))


def _vault(table: Table) -> VaultSettings:
    path = table.path("path")
    if path is None:
        table.fail("path", "is missing", 'name the folder of the backup disk: [vault] path = "/srv/backup"')

    def room(text: str) -> str:
        units.least_free(text, 0)
        return text

    usual = VaultSettings(path)
    return VaultSettings(
        path,
        min_free=table.parsed("min_free", room, usual.min_free),
        full_every=table.parsed("full_every", Period.parse, usual.full_every),
    )


def _standards(table: Table) -> Standards:
    usual = Standards()
    return Standards(
        files_within=table.parsed("files_within", Period.parse, usual.files_within),
        databases_within=table.parsed("databases_within", Period.parse, usual.databases_within),
        connect_within=table.parsed("connect_within", units.seconds, usual.connect_within),
        login_within=table.parsed("login_within", units.seconds, usual.login_within),
    )


def _run(table: Table) -> RunSettings:
    rules = table.texts("bandwidth")
    for rule in rules:
        table.checked("bandwidth", rule, units.bandwidth)
    return RunSettings(table.number("parallel", 1, 64) or RunSettings().parallel, rules)


def _drill(table: Table) -> DrillSettings:
    usual = DrillSettings()
    sources = [key for key in ("password_file", "password_command") if key in table]
    if len(sources) > 1:
        table.fail(
            sources[1], f"there is also {sources[0]}", "a password has one source: keep one of the two"
        )
    socket = table.path("socket")
    if socket is None and sources:
        table.fail(sources[0], "there is no socket", "name the empty server's socket, or leave this out")
    return DrillSettings(
        folder=table.path("folder") or usual.folder,
        socket=socket,
        user=table.text("user") or "",
        password=SecretSource(file=table.path("password_file"), command=table.text("password_command")),
    )


def _theme(text: str) -> str:
    if not _THEME.fullmatch(text):
        raise ValueError("is no name of a theme; letters, digits, - and _ only, without .toml")
    return text


def _operators(top: Table) -> tuple[str, ...]:
    names = top.texts("operators")
    for name in names:
        if len(name) > 40 or not name.isprintable() or name != name.strip():
            top.fail(
                "operators", f'"{name}" is no name to choose from', "at most 40 characters, no spaces around"
            )
    return names


def _ledger_url(table: Table) -> str:
    """Never repeats the URL in an error: it may hold a password."""
    url = table.text("url", empty=True) or ""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        table.fail("url", "is no URL", "leave it empty for SQLite in the state folder")
    kind = parts.scheme.partition("+")[0]
    if kind not in _LEDGERS:
        table.fail("url", "must begin with sqlite:///, mysql:// or mariadb://, or be empty")
    if password is not None:
        table.fail("url", "a password does not belong into this file", "leave it out of the URL")
    if kind == "sqlite" and not re.match(r"sqlite:////[^/]", url):
        table.fail("url", "must be an absolute path", 'write it as "sqlite:////var/lib/…/ledger.sqlite"')
    return url


def _keymap(table: Table) -> dict[str, str]:
    return {action: table.text(action) or "" for action in table}
