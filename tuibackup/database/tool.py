"""The server's own dump program: which, with which flags, and how to run it without showing a secret."""

from dataclasses import dataclass

from tuibackup.database.share import Share
from tuibackup.errors import DatabaseError
from tuibackup.remote.command import low_priority, piped, quote, script
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session

# --skip-add-locks: behind LOCK TABLES a table whose default is NEXTVAL(…) cannot be restored (error 1100).
_FLAGS = (
    "--single-transaction", "--quick", "--skip-lock-tables", "--routines", "--events", "--triggers",
    "--no-tablespaces", "--skip-add-locks", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--verbose",
)  # fmt: skip
# Only where its help lists them: another vendor's tool stops at a flag it does not know.
_OPTIONAL = {"column-statistics": "--column-statistics=0", "set-gtid-purged": "--set-gtid-purged=OFF"}
_HELP_SECONDS = 30.0
_PACKERS = {"zstd": "zstd -q -1 -c", "gzip": "gzip -q -1 -c"}


@dataclass(frozen=True, slots=True)
class DumpTool:
    """A dump program on the server. `packer` is what compresses its output there: "zstd", "gzip" or ""."""

    path: str
    version: str
    flags: tuple[str, ...]
    packer: str
    history: bool = False  # it can tell the history of system-versioned tables

    def command(self, share: Share) -> bytes:
        """A script that writes the dump of `share` to stdout; it reads its option file from stdin.

        `--defaults-file` comes first, so that nobody's ~/.my.cnf is read. Views that cannot be read are left
        out by name: the tool would stop at the first of them.
        """
        words = [self.path, "--defaults-file=/dev/stdin", *self.flags]
        if self.history and any(one.versioned for one in share.databases):
            words.append("--dump-history")
        if share.whole:
            words += [
                f"--ignore-table={one.name}.{name}"
                for one in share.databases
                for name in (*one.broken, *sorted(share.left_out.get(one.name, ())))
            ]
            words += ["--databases", "--", *[one.name for one in share.databases]]
        else:
            words += ["--skip-routines", "--skip-events", "--", share.databases[0].name, *share.tables]
        text = script(words)
        if self.packer:
            # The left side of the pipe keeps the stdin that carries the option file.
            text = piped(text, _PACKERS[self.packer])
        return b"export LC_ALL=C; " + low_priority(text)


async def find_tool(session: Session, probe: Probe, vendor: str) -> DumpTool:
    """The dump program to use: the vendor's own where both are there.

    Raises DatabaseError where there is none.
    """
    if not probe.dump_tools:
        raise DatabaseError(
            f"{session.name}: no mariadb-dump or mysqldump on the server",
            "install its client package there (Debian: mariadb-client or default-mysql-client)",
        )
    wanted = "mariadb" if vendor == "MariaDB" else "mysqldump"
    path, version = next((tool for tool in probe.dump_tools if wanted in tool[0]), probe.dump_tools[0])
    said = await session.run(quote(path) + b" --no-defaults --help", timeout=_HELP_SECONDS)
    listed = said.stdout.decode("utf-8", "replace").replace("_", "-")
    extra = tuple(flag for name, flag in _OPTIONAL.items() if f"--{name}" in listed)
    packer = "zstd" if probe.zstd else "gzip" if probe.gzip else ""
    return DumpTool(path, version, (*_FLAGS, *extra), packer, "--dump-history" in listed)
