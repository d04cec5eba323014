"""What the configuration says, as frozen types. None means: not set, ~/.ssh/config or a default decides."""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from pathlib import Path

import msgspec

from tuibackup.config.copies import CopySettings
from tuibackup.config.keep import Rule
from tuibackup.config.notify import NotifySettings
from tuibackup.config.report import ReportSettings
from tuibackup.config.units import bandwidth, least_free
from tuibackup.errors import UsageError
from tuibackup.sop import Clock, Period
from tuibackup.text import printable
from tuibackup.words import sentence

_WEEK, _MONTH, _THREE_MONTHS, _YEAR = (
    Period(1, "week"),
    Period(1, "month"),
    Period(3, "month"),
    Period(1, "year"),
)


class SecretSource(msgspec.Struct, frozen=True):
    """Where a secret comes from; at most one field is set (none: no secret is needed)."""

    file: Path | None = None
    command: str | None = None
    prompt: bool = False
    option_file: str | None = None  # on the server, database only


class Database(msgspec.Struct, frozen=True):
    """A server's database as seen from that server: a socket or host and port."""

    user: str = ""  # "" = the SSH account's name
    password: SecretSource = SecretSource()
    socket: str | None = None
    host: str | None = None
    port: int = 3306
    exclude: tuple[str, ...] = ()
    checksum: bool = True  # take CHECKSUM TABLE of every table beside its dump
    dry_load: bool = True  # make what the dumps define once in a throw-away server of this machine
    wait_for_tables: float = 60.0  # seconds for tables that somebody else holds


class RetentionSettings(msgspec.Struct, frozen=True):
    """Which snapshots of each clock stay. None: not set here; where it is set nowhere, everything stays.

    What a copy of `require_copies` is to have and does not have yet stays, too.
    """

    files: Rule | None = None
    databases: Rule | None = None
    require_copies: tuple[str, ...] | None = None


class Server(msgspec.Struct, frozen=True):
    """One machine to back up. None means: not set, ~/.ssh/config or the default decides.

    `folders` are absolute and normal (no `..`, no slash at the end); one that lies in another comes after it.
    """

    name: str
    host: str
    label: str = ""
    port: int | None = None
    user: str | None = None
    jump: str | None = None  # as ProxyJump: [user@]host[:port], several with commas, without spaces
    key: Path | None = None
    password: SecretSource = SecretSource()
    sudo: bool = False
    folders: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    database: Database | None = None
    retention: RetentionSettings = RetentionSettings()

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """The clocks that it has: of files where folders are named, of databases where there is one."""
        named = {Clock.FILES: bool(self.folders), Clock.DATABASES: self.database is not None}
        return tuple(clock for clock in Clock if named[clock])

    def left_out(self, folder: str) -> tuple[str, ...]:
        """The patterns of what is not stored with `folder`: `exclude`, and the other folders that lie in it."""
        start = folder.rstrip("/") + "/"
        inner = [one.removeprefix(start) for one in self.folders if one.startswith(start) and one != folder]
        return (*self.exclude, *("./" + re.sub(r"([*?\[\\])", r"\\\1", one) for one in inner))


class VaultSettings(msgspec.Struct, frozen=True):
    """The backup disk."""

    path: Path
    min_free: str = "10%"  # a percentage or a size
    full_every: Period = _THREE_MONTHS

    def least_free(self, total: int) -> int:
        """Bytes that a run must leave free on a disk of `total` bytes."""
        return least_free(self.min_free, total)


class Standards(msgspec.Struct, frozen=True):
    """The SOP's times: periods of the two clocks, and seconds for steps 1 and 3."""

    files_within: Period = _WEEK
    databases_within: Period = _MONTH
    connect_within: float = 600.0
    login_within: float = 300.0


class RunSettings(msgspec.Struct, frozen=True):
    """How runs behave on this host."""

    parallel: int = 2
    bandwidth: tuple[str, ...] = ()

    @property
    def least_bandwidth(self) -> int | None:
        """The lowest of the rules in bytes a second, whatever the hour; None without any."""
        return min((bandwidth(rule).bytes_per_second for rule in self.bandwidth), default=None)

    def rule(self, now: datetime, zone: tzinfo | None = None) -> str | None:
        """The bandwidth rule that holds at `now`, local time: the first fitting one from the right, or None."""
        clock = now.astimezone(zone).time()
        return next((rule for rule in reversed(self.bandwidth) if bandwidth(rule).fits(clock)), None)

    def bytes_per_second(self, now: datetime, zone: tzinfo | None = None) -> int | None:
        """The bandwidth allowed at `now`, local time; None: any."""
        rule = self.rule(now, zone)
        return None if rule is None else bandwidth(rule).bytes_per_second


class RestoreSettings(msgspec.Struct, frozen=True):
    """Whether a restore has to say who approved it, and why."""

    approval: bool = False


class VerifySettings(msgspec.Struct, frozen=True):
    """Everything that is stored is read again `within` that time, some of it `after_run`."""

    within: Period = _YEAR
    after_run: bool = True


class DrillSettings(msgspec.Struct, frozen=True):
    """Every server is drilled `within` that time. A drill restores below `folder`; databases into the empty server
    behind `socket`, where one is named.
    """

    within: Period = _THREE_MONTHS
    folder: Path = Path("/var/tmp")  # noqa: S108  # a folder of its own is made below it
    socket: Path | None = None
    user: str = ""  # "" = our own account
    password: SecretSource = SecretSource()


class DiscoverSettings(msgspec.Struct, frozen=True):
    """How often a run looks at what else a server has; None: never."""

    every: Period | None = _WEEK


class RecoverSettings(msgspec.Struct, frozen=True):
    """`facts`: each run keeps what a rebuild of the server needs to know beside its snapshots."""

    facts: bool = True


class Config(msgspec.Struct, frozen=True):
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
    verify: VerifySettings = VerifySettings()
    restore: RestoreSettings = RestoreSettings()
    drill: DrillSettings = DrillSettings()
    discover: DiscoverSettings = DiscoverSettings()
    recover: RecoverSettings = RecoverSettings()
    retention: RetentionSettings = RetentionSettings()
    copies: Mapping[str, CopySettings] = msgspec.field(default_factory=dict)
    notify: NotifySettings = NotifySettings()
    report: ReportSettings = ReportSettings()
    ledger_url: str = ""
    ledger_key: Path | None = None  # seals the ledger; None: a key of its own in the state folder
    keymap: Mapping[str, str] = msgspec.field(default_factory=dict)
    servers: Mapping[str, Server] = msgspec.field(default_factory=dict)

    def rule(self, server: str, clock: Clock) -> Rule:
        """What is kept of a server's snapshots: its own rule, else that of all; everything where there is none."""
        own, general = self.servers[server].retention, self.retention
        if clock is Clock.FILES:
            return own.files or general.files or Rule()
        return own.databases or general.databases or Rule()

    def required_copies(self, server: str) -> tuple[str, ...]:
        """The copies that must have a snapshot of that server before retention removes it."""
        own = self.servers[server].retention.require_copies if server in self.servers else None
        required = self.retention.require_copies if own is None else own
        return tuple(name for name in required or () if self.copies[name].takes(server))

    def copy(self, name: str) -> CopySettings:
        """The copy of that name. Raises UsageError, with the nearest one."""
        if name in self.copies:
            return self.copies[name]
        from difflib import get_close_matches

        near = get_close_matches(name, self.copies, 1)
        raise UsageError(
            sentence('no copy "{name}" in {file}', name=printable(name), file=self.source),
            sentence("did you mean {name}?", name=near[0])
            if near
            else sentence("a copy is a table [copies.NAME] there"),
        )

    def host(self, name: str) -> Server:
        """The server of that name, or the host on which the copy of that name lies. Raises UsageError."""
        copy = self.copies.get(name)
        if copy is None or name in self.servers or copy.to.scheme != "sftp":
            return self.server(name)
        to = copy.to
        return Server(name=name, host=to.host, port=to.port, user=to.user, jump=copy.jump, key=copy.key)

    def server(self, name: str) -> Server:
        """The server of that name. Raises UsageError, with the nearest one."""
        if name in self.servers:
            return self.servers[name]
        from difflib import get_close_matches

        near = get_close_matches(name, self.servers, 1)
        raise UsageError(
            sentence('no server "{name}" in {file}', name=printable(name), file=self.source),
            sentence("did you mean {name}?", name=near[0])
            if near
            else sentence("tuibackup status lists them"),
        )
