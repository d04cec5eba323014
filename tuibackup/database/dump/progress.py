"""What is shown while the dumps run: each table, how far all of them are, and which programs run side by side."""

from collections.abc import Iterable, Mapping

from tuibackup.database.dump.division import Share
from tuibackup.database.inventory import DatabaseInfo, tables
from tuibackup.progress import Progress, Reporter
from tuibackup.text import duration, printable, size
from tuibackup.vault.summary import DatabaseSummary
from tuibackup.words import joined, sentence

_TABLE = "-- Retrieving table structure for table "
_SEQUENCE = "-- Retrieving sequence structure for "
_DATABASE = "-- Setting savepoint"


class Live:
    """Counts for all programs together; called only in the event loop."""

    def __init__(
        self, reporter: Reporter, databases: Iterable[DatabaseInfo], before: Mapping[str, int]
    ) -> None:
        """`before`: bytes of SQL by database in the last dump; for a new one, the size of its tables is used."""
        self._reporter = reporter
        databases = tuple(databases)
        self._total = sum(len(one.tables) for one in databases)
        self._bytes_total = sum(before.get(one.name, one.bytes) for one in databases)
        self._tables = 0
        self._bytes = 0
        self._current: dict[int, str] = {}  # by program

    def say(self, line: str) -> None:
        """Show a line."""
        self._reporter.output(line)

    def begin(self, shares: Iterable[Share]) -> None:
        """Show which programs run side by side, and what each takes."""
        for number, share in enumerate(shares, 1):
            names = ", ".join(printable(one.name) for one in share.databases[:4])
            more = (
                sentence(" and {number} more", number=len(share.databases) - 4)
                if len(share.databases) > 4
                else ""
            )
            part = sentence(" ({tables} of it)", tables=tables(len(share.tables))) if share.tables else ""
            self.say(joined("", (f"{number}: ", names, more, part)))

    def table(self, program: int, database: str, table: str) -> None:
        """The program has come to this table."""
        name = f"{database}.{table}"
        self._reporter.output(f"{database}: {table}")
        self._current[program] = name
        self._tables = min(self._tables + 1, self._total)
        self._tell()

    def count(self, length: int) -> None:
        """Add `length` bytes of SQL."""
        self._bytes += length
        self._tell()

    def program_ends(self, program: int) -> None:
        self._current.pop(program, None)

    def end(self, summary: DatabaseSummary, seconds: float) -> None:
        """This database is dumped."""
        mark = "√" if summary.whole else "×"
        self.say(
            sentence(
                "{mark} {name}: {tables}, {size} stored in {stored}, {time}",
                mark=mark,
                name=printable(summary.name),
                tables=tables(summary.tables),
                size=size(summary.bytes),
                stored=size(summary.stored_bytes),
                time=duration(seconds),
            )
        )

    def _tell(self) -> None:
        current = ", ".join(self._current.values())
        total = self._bytes_total if self._bytes < self._bytes_total else None
        self._reporter.progress(Progress(self._tables, self._total, self._bytes, total, current, "tables"))


class Lines:
    """Understands what one program says on its stderr."""

    def __init__(self, live: Live, program: int, share: Share) -> None:
        self._live = live
        self._program = program
        self._names = [printable(one.name) for one in share.databases]
        self._database = -1

    def begun(self, text: str) -> bool:
        """Take a line; whether it shows that the program's transaction is open: it says so, or names a table."""
        if text.startswith(_DATABASE):
            self._database += 1
            return True
        for words in (_TABLE, _SEQUENCE):
            if text.startswith(words):
                name = self._names[max(0, min(self._database, len(self._names) - 1))]
                self._live.table(self._program, name, text[len(words) :].strip().removesuffix("..."))
                return True
        return False
