"""config.toml: typed, validated settings, and writing them back with comments and order kept.

The contract is docs/manual.md's chapter on the configuration. Reading and writing this one file is the only
I/O of the ground floor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuibackup.sop import Period


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from; exactly one field is set (none: no secret is needed)."""

    file: Path | None = None
    command: str | None = None
    prompt: bool = False
    option_file: str | None = None  # on the server, database only


@dataclass(frozen=True, slots=True)
class Database:
    """A server's database as seen from that server: a socket or host and port."""

    user: str = ""  # "" = the SSH account's name
    password: SecretSource = SecretSource()
    socket: str | None = None
    host: str | None = None
    port: int = 3306
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """One machine to back up. None means: not set, ~/.ssh/config or the default decides."""

    name: str
    host: str
    label: str = ""
    port: int | None = None
    user: str | None = None
    jump: str | None = None  # as ProxyJump: [user@]host[:port], several with commas
    key: Path | None = None
    password: SecretSource = SecretSource()
    sudo: bool = False
    folders: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    database: Database | None = None


@dataclass(frozen=True, slots=True)
class VaultSettings:
    path: Path
    min_free: str = "10%"  # a percentage or a size
    full_every: Period = Period(3, "month")


@dataclass(frozen=True, slots=True)
class Standards:
    """The SOP's times: periods of the two clocks, and seconds for steps 1 and 3."""

    files_within: Period = Period(1, "week")
    databases_within: Period = Period(1, "month")
    connect_within: float = 600.0
    login_within: float = 300.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    parallel: int = 2
    bandwidth: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; `source` is the file it was read from."""

    source: Path
    state: Path
    vault: VaultSettings
    language: str | None = None
    theme: str | None = None
    symbols: str | None = None  # "unicode" or "ascii"; None: chosen by the terminal
    mouse: bool = False
    operators: tuple[str, ...] = ()
    sop: Standards = Standards()
    run: RunSettings = RunSettings()
    ledger_url: str = ""
    keymap: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, Server] = field(default_factory=dict)


def find(explicit: Path | None = None) -> Path:
    """The configuration file in force: --config, $TUIBACKUP_CONFIG, the user's, then /etc's."""
    raise NotImplementedError


def load(path: Path) -> Config:
    """Read and validate `path`. Raises ConfigError "FILE:LINE: KEY: what is wrong; the way out"."""
    raise NotImplementedError
