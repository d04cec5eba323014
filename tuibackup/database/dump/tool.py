"""The server's own dump program: which, with which flags, and how to run it without showing a secret."""

from dataclasses import dataclass

from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.connect.optionfile import Options, text_for_tool
from tuibackup.database.dump.division import Share
from tuibackup.errors import DatabaseError, RemoteTimeoutError
from tuibackup.remote.command import Exit, low_priority, piped, quote, script
from tuibackup.remote.packers import GZIP, zstd
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.remote.zstdjobs import JOB
from tuibackup.text import printable
from tuibackup.words import joined, sentence

# --skip-add-locks: behind LOCK TABLES a table whose default is NEXTVAL(…) cannot be restored (error 1100).
_FLAGS = (
    "--single-transaction", "--quick", "--skip-lock-tables", "--routines", "--events", "--triggers",
    "--no-tablespaces", "--skip-add-locks", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--verbose",
)  # fmt: skip
# Only if its help lists them: a tool stops at a flag that it does not know.
_OPTIONAL = {"column-statistics": "--column-statistics=0", "set-gtid-purged": "--set-gtid-purged=OFF"}
# `read` takes the line byte by byte, so the rest of stdin is left to the tool. $n: a line break within a name.
_NAMES = b"""n='
'; IFS= read -r names; eval "set -- $names"; """
_TLS, _TLS_MYSQL = ("ssl", "ssl-verify-server-cert=0"), ("ssl-mode=REQUIRED",)
_HELP_SECONDS = 30.0
_SAID = 300  # bytes of a broken tool's message that are shown
READY = "-- the dump program begins"  # a line that no program writes itself
# The programs write 4 KiB at a time into a pipe, and each write wakes the other side up.
_WRITING_MORE = (
    b"more=; stdbuf -o256K true >/dev/null 2>&1 </dev/null && more='stdbuf -o256K'; "
    b"echo '" + READY.encode() + b"' >&2; exec $more "
)
PACKERS = {"zstd": zstd(1, JOB), "gzip": GZIP}


class BrokenToolError(DatabaseError):
    """There is a dump program, but it does not work."""


class ForeignToolError(DatabaseError):
    """There is only a dump program of the other vendor, which knows only what both have in common."""


@dataclass(frozen=True, slots=True)
class DumpTool:
    """A dump program on the server. `packer` is what compresses its output there: "zstd", "gzip" or "".

    `tls`: the lines of its option file that make it use TLS, whatever certificate the database has.
    """

    path: str
    version: str
    flags: tuple[str, ...]
    packer: str
    history: bool = False  # it can tell the history of system-versioned tables
    tls: tuple[str, ...] = ()

    def command(self, share: Share) -> bytes:
        """A script that writes the dump of `share` to stdout; it reads `names` from stdin, and then its option file.

        Between the two it writes READY to stderr: from then on it only waits for the option file.
        `--defaults-file` comes first, so that nobody's ~/.my.cnf is read. Names come over stdin, because the server's
        kernel takes no argument over 128 KiB, and this script is one.
        """
        words = [self.path, "--defaults-file=/dev/stdin", *self.flags]
        if self.history and any(one.versioned for one in share.databases):
            words.append("--dump-history")
        words += [
            f"--skip-{what}" for what in sorted({what for one in share.databases for what in one.unlisted})
        ]
        words += ["--databases", "--"] if share.whole else ["--skip-routines", "--skip-events", "--"]
        text = _NAMES + _WRITING_MORE + script(words) + b' "$@"'
        if self.packer:
            # The left side of the pipe keeps the stdin that carries the option file.
            text = piped(text, PACKERS[self.packer])
        return b"export LC_ALL=C; " + low_priority(text)

    def names(self, share: Share) -> bytes:
        """The databases, or the database and its tables, in the one line that `command` reads."""
        names = [one.name for one in share.databases] + list(share.tables)
        return b" ".join(quote(name).replace(b"\n", b"'\"$n\"'") for name in names) + b"\n"

    def options(self, share: Share, options: Options) -> bytes:
        """The option file: how to log in, and what is left out.

        Objects that cannot be read are left out by name, because the tool would stop at the first of them. So are
        those that are written apart or by another worker.
        """
        left_out = [
            f"{one.name}.{name}"
            for one in share.databases
            if share.whole
            for name in (*one.passed_over, *one.apart.views, *sorted(share.left_out.get(one.name, ())))
        ]
        return text_for_tool(options, self.tls, left_out)


async def find_tool(session: Session, probe: Probe, database: DatabaseSession) -> DumpTool:
    """The dump program to use: one of the server's own vendor that works.

    The other vendor's writes what this server does not accept: MariaDB's gives values to MySQL's generated columns
    (error 3105), MySQL's knows no sequences. Raises DatabaseError if there is no program; ForeignToolError if there are
    only the other vendor's; BrokenToolError if none works, or none would get all rows; ConnectionLostError.
    """
    if not probe.dump_tools:
        raise DatabaseError(
            sentence("{session}: no mariadb-dump or mysqldump on the server", session=session.name),
            sentence("install its client package there (Debian: mariadb-client or default-mysql-client)"),
        )
    vendor = database.vendor
    own = [tool for tool in probe.dump_tools if _vendor(*tool) in (vendor, "")]
    if not own:
        path, version = probe.dump_tools[0]
        raise ForeignToolError(
            sentence(
                "{session}: {path} is {vendor}'s, the server is a {other}",
                session=session.name,
                path=path,
                vendor=_vendor(path, version),
                other=vendor,
            )
        )
    if database.cuts:
        raise BrokenToolError(
            sentence("the server would cut short what a dump program reads ({cuts})", cuts=database.cuts)
        )
    wanted = "mariadb" if vendor == "MariaDB" else "mysqldump"
    broken = []
    for path, version in sorted(own, key=lambda tool: wanted not in tool[0]):
        try:
            listed = await _help(session, path)
        except BrokenToolError as error:
            broken.append(error.message)
            continue
        extra = tuple(flag for name, flag in _OPTIONAL.items() if f"--{name}" in listed)
        packer = "zstd" if probe.zstd else "gzip" if probe.gzip else ""
        tls = _TLS_MYSQL if "--ssl-mode" in listed else _TLS
        return DumpTool(path, version, (*_FLAGS, *extra), packer, "--dump-history" in listed, tls)
    raise BrokenToolError(joined("; ", broken), sentence("reinstall its package there"))


def _vendor(path: str, version: str) -> str:
    """Whose program it is, by its name and `--version`; "" if they do not tell."""
    if "mariadb" in (path + version).lower():
        return "MariaDB"
    return "MySQL" if "(MySQL" in version or "Percona" in version else ""


async def _help(session: Session, path: str) -> str:
    """Its --help, options with dashes. Raises BrokenToolError if it lists none: such a program cannot dump."""
    try:
        said = await session.run(quote(path) + b" --no-defaults --help", timeout=_HELP_SECONDS)
    except RemoteTimeoutError as error:
        raise BrokenToolError(sentence("{path} does not work: it does not answer", path=path)) from error
    listed = said.stdout.decode("utf-8", "replace").replace("_", "-")
    if said.ok and _FLAGS[0] in listed:
        return listed
    words = printable(said.stderr.strip().rpartition(b"\n")[2][:_SAID])
    why = joined(": ", filter(None, (str(Exit(said.exit_status, said.signal)), words)))
    raise BrokenToolError(
        sentence(
            "{path} does not work: {why}",
            path=path,
            why=sentence("its --help lists no options") if said.ok else why,
        )
    )
