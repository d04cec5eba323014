"""config.toml → `Config`: every rule about a value stands here, in the order of the file."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from tuibackup import words
from tuibackup.config import mend, place, units
from tuibackup.config.copies import read_copies
from tuibackup.config.notify import read_notify
from tuibackup.config.place import default_state
from tuibackup.config.report import read_report
from tuibackup.config.servers import read_retention, read_servers
from tuibackup.config.settings import (
    Config,
    DiscoverSettings,
    DrillSettings,
    RecoverSettings,
    RestoreSettings,
    RunSettings,
    SecretSource,
    Standards,
    VaultSettings,
    VerifySettings,
)
from tuibackup.config.table import Source, Table
from tuibackup.errors import ConfigError
from tuibackup.sop import Period
from tuibackup.text import printable
from tuibackup.words import joined, sentence

_THEME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_LEDGERS = ("sqlite", "mysql", "mariadb")


def load(path: Path) -> Config:
    """Read and validate `path`. Raises ConfigError: "FILE:LINE: KEY: what is wrong; the way out", a line for each."""
    path = path.expanduser().absolute()
    text, faults = place.read(path)
    return parse(text, path, faults)


def parse(text: str, path: Path, faults: Iterable[tuple[int, str, str]] = ()) -> Config:
    """Validate `text` as the content of `path`, which is only named. Raises ConfigError as `load` does.

    `faults`, of the file itself, are told with the rest: line (0: none), problem, way out.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        mended = mend.read(text)
    except RecursionError:
        raise ConfigError(
            printable(sentence("{path}: not valid TOML: nested too deeply", path=path))
        ) from None
    source = Source(path, mended.text, frozenset(mended.dropped))
    for line, problem, way_out in faults:
        source.at(line, problem, way_out)
    for fault in mended.faults:
        source.at(fault.line, joined(": ", filter(None, (fault.key, fault.problem))), fault.way_out)
    top = Table(source, mended.values, (), "")
    servers = read_servers(top.table("servers", None))
    copies = read_copies(top.table("copies", None), servers)
    config = Config(
        source=path,
        state=top.path("state") or default_state(path),
        vault=_vault(top.table("vault", "vault"), top, only_copies=bool(copies) and not servers),
        language=top.choice("language", *words.LANGUAGES),
        theme=top.parsed("theme", theme_name, None),
        symbols=top.choice("symbols", "unicode", "ascii"),
        mouse=top.flag("mouse"),
        operators=_operators(top),
        sop=_standards(top.table("sop", "sop")),
        run=_run(top.table("run", "run")),
        verify=_verify(top.table("verify", "verify")),
        restore=RestoreSettings(top.table("restore", "restore").flag("approval")),
        drill=_drill(top.table("drill", "drill")),
        discover=_discover(top.table("discover", "discover")),
        recover=RecoverSettings(top.table("recover", "recover").flag("facts", default=True)),
        retention=read_retention(top.table("retention", "retention")),
        notify=read_notify(top.table("notify", "notify")),
        report=read_report(top.table("report", "report")),
        ledger_url=_ledger_url(top.table("ledger", "ledger")),
        ledger_key=top.table("ledger", "ledger").path("key"),
        keymap=_keymap(top.table("keymap", None)),
        copies=copies,
        servers=servers,
    )
    _require_copies(top, config)
    if "server" in top:  # an s is missing: that is told, and what stands there is looked at as well
        read_servers(top.table("server", None))
    source.judge()
    return config


def _require_copies(top: Table, config: Config) -> None:
    """Every copy that retention waits for is one."""
    named = [(top.table("retention", None), config.retention)]
    servers = top.table("servers", None)
    named += [
        (servers.table(name, None).table("retention", None), one.retention)
        for name, one in config.servers.items()
    ]
    for table, settings in named:
        for name in settings.require_copies or ():
            if name not in config.copies:
                table.wrong(
                    "require_copies",
                    sentence('"{name}" is no copy', name=name),
                    sentence("name one of the tables [copies.NAME]"),
                )


def _vault(table: Table, top: Table, *, only_copies: bool) -> VaultSettings:
    """`only_copies`: this machine backs nothing up, it only reads copies; then it needs no vault."""
    path = table.path("path")
    if only_copies and path is None:
        path = (top.path("state") or default_state(Path("config.toml"))) / "vault"
    elif table.lacks("path"):
        table.wrong(
            "path",
            sentence("is missing"),
            sentence('name the folder of the backup disk: [vault] path = "/srv/backup"'),
        )

    def room(text: str) -> str:
        units.least_free(text, 0)
        return text

    usual = VaultSettings(path or Path())
    return VaultSettings(
        usual.path,
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


def _verify(table: Table) -> VerifySettings:
    usual = VerifySettings()
    return VerifySettings(
        table.parsed("within", Period.parse, usual.within), table.flag("after_run", default=usual.after_run)
    )


def _drill(table: Table) -> DrillSettings:
    usual = DrillSettings()
    sources = [key for key in ("password_file", "password_command") if key in table]
    if len(sources) > 1:
        table.wrong(
            sources[1],
            sentence("there is also {sources}", sources=sources[0]),
            sentence("a password has one source: keep one of the two"),
        )
    socket = table.path("socket")
    if socket is None and sources:
        table.wrong(
            sources[0],
            sentence("there is no socket"),
            sentence("name the empty server's socket, or leave this out"),
        )
    return DrillSettings(
        within=table.parsed("within", Period.parse, usual.within),
        folder=table.path("folder") or usual.folder,
        socket=socket,
        user=table.text("user") or "",
        password=SecretSource(file=table.path("password_file"), command=table.text("password_command")),
    )


def _discover(table: Table) -> DiscoverSettings:
    if (table.text("every") or "").strip() == "never":
        return DiscoverSettings(None)
    return DiscoverSettings(table.parsed("every", Period.parse, DiscoverSettings().every))


def theme_name(text: str) -> str:
    """`text` if a theme may be called so. Raises ValueError with a sentence for the user."""
    if not _THEME.fullmatch(text):
        raise ValueError(sentence("is no name of a theme; letters, digits, - and _ only, without .toml"))
    return text


def _operators(top: Table) -> tuple[str, ...]:
    names = top.texts("operators")
    for name in names:
        if len(name) > 40 or not name.isprintable() or name != name.strip():
            top.wrong(
                "operators",
                sentence('"{name}" is no name to choose from', name=name),
                sentence("at most 40 characters, no spaces around"),
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
        table.wrong("url", sentence("is no URL"), sentence("leave it empty for SQLite in the state folder"))
        return ""
    kind = parts.scheme.partition("+")[0]
    if kind not in _LEDGERS:
        table.wrong("url", sentence("must begin with sqlite:///, mysql:// or mariadb://, or be empty"))
    if password is not None:
        table.wrong(
            "url", sentence("this file must not hold a password"), sentence("leave it out of the URL")
        )
    if kind == "sqlite" and not re.match(r"sqlite:////[^/]", url):
        table.wrong(
            "url",
            sentence("must be an absolute path"),
            sentence('write it as "sqlite:////var/lib/…/ledger.sqlite"'),
        )
    return url


def _keymap(table: Table) -> dict[str, str]:
    return {action: table.text(action) or "" for action in table}
