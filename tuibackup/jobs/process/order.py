"""An order: what a job is to do, in the words of the command that does the same. It holds no secret.

The process that carries it out makes the plan again from these words: a plan has its snapshot open. Paths are bytes,
as file systems have them.
"""

import secrets
from datetime import UTC, datetime

import msgspec

from tuibackup import __version__
from tuibackup.jobs.restore.approval import NOT_ASKED, Approval
from tuibackup.run.journal import events as ev
from tuibackup.run.operator import Operator
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.names import file_name
from tuibackup.vault.restore.existing import Existing


class FromCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What is read out of the copy `source` instead of the vault (""); with the identity in that file (b"": none)."""

    source: str = ""
    identity: bytes = b""

    def of(self) -> list[str]:
        """The words that say so."""
        words = ["--from", self.source] if self.source else []
        return words + (["--identity", printable(self.identity)] if self.identity else [])


class RestoreFolder(FromCopy, frozen=True, kw_only=True, tag_field="do", tag="restore-folder"):
    """Files, or databases as SQL, into the folder `to` of this machine."""

    snapshot: str
    to: bytes
    paths: tuple[bytes, ...] = ()
    databases: tuple[str, ...] = ()
    table: str | None = None
    existing: Existing = Existing.NEVER
    numeric_owner: bool = False
    approval: Approval = NOT_ASKED
    dry_run: bool = False

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        words = ["restore", self.snapshot, *map(printable, self.paths), "--to", printable(self.to)]
        for name in self.databases:
            words += ["--database", printable(name)]
        words += ["--table", printable(self.table)] if self.table is not None else []
        words += ["--existing", self.existing] if self.existing is not Existing.NEVER else []
        return (
            *words,
            *["--numeric-owner"] * self.numeric_owner,
            *self.of(),
            *self.approval.command(),
            *["--dry-run"] * self.dry_run,
        )


class RestoreOnServer(FromCopy, frozen=True, kw_only=True, tag_field="do", tag="restore-on-server"):
    """Files into a new folder of a server: `into` is SERVER:/NEW/FOLDER."""

    snapshot: str
    into: bytes
    paths: tuple[bytes, ...] = ()
    numeric_owner: bool = False
    approval: Approval = NOT_ASKED
    dry_run: bool = False

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        words = ["restore", self.snapshot, *map(printable, self.paths), "--into", printable(self.into)]
        return (
            *words,
            *["--numeric-owner"] * self.numeric_owner,
            *self.of(),
            *self.approval.command(),
            *["--dry-run"] * self.dry_run,
        )


class RestoreDatabase(FromCopy, frozen=True, kw_only=True, tag_field="do", tag="restore-database"):
    """A database, or one table of it, into a server's database, or one of this machine behind its socket."""

    snapshot: str
    into: bytes
    database: str
    table: str | None = None
    overwrite: bool = False
    approval: Approval = NOT_ASKED
    dry_run: bool = False

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        words = [
            "restore",
            self.snapshot,
            "--database",
            printable(self.database),
            "--into",
            printable(self.into),
        ]
        words += ["--table", printable(self.table)] if self.table is not None else []
        return (
            *words,
            *["--overwrite"] * self.overwrite,
            *self.of(),
            *self.approval.command(),
            *["--dry-run"] * self.dry_run,
        )


class Verify(FromCopy, frozen=True, kw_only=True, tag_field="do", tag="verify"):
    """Read a snapshot again, all of a server's, or all in the vault (None); or so much as is `due`, of all or of a
    server.
    """

    what: str | None = None
    due: bool = False

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        return ("verify", *([self.what] if self.what else []), *["--due"] * self.due, *self.of())


class Drill(FromCopy, frozen=True, kw_only=True, tag_field="do", tag="drill"):
    """Drill a snapshot, or the newest good ones of a server (`what`); or of all servers those that are `due`."""

    what: str = ""
    due: bool = False

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        return ("drill", *([self.what] if self.what else []), *["--due"] * self.due, *self.of())


class Recover(FromCopy, frozen=True, kw_only=True, tag_field="do", tag="recover"):
    """Recover `server` onto another one of the configuration; `only`: the files, or the databases."""

    server: str
    onto: str
    only: Clock | None = None
    approval: Approval = NOT_ASKED
    dry_run: bool = False

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        return (
            *("recover", self.server, "--onto", self.onto),
            *(("--only", self.only.value) if self.only else ()),
            *self.of(),
            *self.approval.command(),
            *["--dry-run"] * self.dry_run,
        )


class Retention(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="retention"):
    """Remove the snapshots `goes` of each server, which somebody saw in a plan; where the plan is another now, none."""

    goes: dict[str, tuple[str, ...]]  # by server

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        return ("retention", *self.goes, "--apply")


class Hold(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="hold"):
    """Hold a snapshot."""

    snapshot: str
    reason: str

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        return ("hold", self.snapshot, "--reason", self.reason)


class Release(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="release"):
    """End the hold of a snapshot."""

    snapshot: str
    reason: str

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        return ("release", self.snapshot, "--reason", self.reason)


class Copy(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="copy"):
    """Copy what is missing of these servers or snapshots (none: of all) to the copy `to`, or to all ("").

    `wait`: while another job copies there.
    """

    what: tuple[str, ...] = ()
    to: str = ""
    wait: bool = False

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        return ("copy", *self.what, *(["--to", self.to] if self.to else []))


class CopyBack(FromCopy, frozen=True, kw_only=True, tag_field="do", tag="copy-back"):
    """Make the vault anew, or complete it, out of the copy `source`; of these servers, or of all."""

    servers: tuple[str, ...] = ()

    def command(self) -> tuple[str, ...]:
        """The words after `tuibackup` that order the same."""
        identity = ["--identity", printable(self.identity)] if self.identity else []
        return ("copy", "--back", self.source, *self.servers, *identity)


Restore = RestoreFolder | RestoreOnServer | RestoreDatabase
Words = Restore | Verify | Drill | Recover | Retention | Hold | Release | Copy | CopyBack


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants what done; `run` is the id of the job, as of a run; `server` is "" if it concerns several."""

    run: str
    operator: Operator
    server: str
    what: str
    words: Words

    def planned(self) -> ev.JobPlanned:
        """The first line of the job's journal."""
        return ev.JobPlanned(
            time=ev.now(),
            run=self.run,
            server=self.server,
            job=_kind(self.words),
            what=self.what,
            command=self.words.command(),
            operator=self.operator.name,
            version=__version__,
        )


def order(words: Words, operator: Operator, *, server: str, what: str) -> Order:
    """An order of now. `what` says in a few words what it is about, for people."""
    name = f"{_kind(words)}-{file_name(server)}" if server else _kind(words)
    run = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{name}-{secrets.token_hex(2)}"
    return Order(run=run, operator=operator, server=server, what=what, words=words)


def _kind(words: Words) -> ev.JobKind:
    match words:
        case RestoreFolder() | RestoreOnServer() | RestoreDatabase():
            return "restore"
        case Verify():
            return "verify"
        case Drill():
            return "drill"
        case Recover():
            return "recover"
        case Retention():
            return "retention"
        case Hold() | Release():
            return "hold"
        case Copy() | CopyBack():
            return "copy"
