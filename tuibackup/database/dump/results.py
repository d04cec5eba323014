"""What a pass over the databases gave: each database's dump, and how all of them came to show one instant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tuibackup.database.content import Content
from tuibackup.database.dump import verdict
from tuibackup.database.dump.counter import Place
from tuibackup.database.dump.division import Tables
from tuibackup.database.dump.receive import Ended
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.objects.shown import LeftOut
from tuibackup.database.sql.scan import Contents
from tuibackup.database.sql.sqlfile import SqlFile
from tuibackup.text import printable
from tuibackup.words import joined, sentence


@dataclass(slots=True)
class Made:
    """A database's dump, not closed yet. `contents` with places in its file; `faults`: why it is not whole."""

    info: DatabaseInfo
    file: SqlFile
    contents: Contents
    faults: list[str]
    seconds: float
    at_instant: bool = True
    late: tuple[
        tuple[int, bytes], ...
    ] = ()  # views that look into other databases, each with its place in the order
    found: tuple[
        LeftOut, ...
    ] = ()  # objects that could not be read, though the inventory took them for sound
    exact: Tables = frozenset()  # tables whose FLOATs have all their digits
    timely: Tables = frozenset()  # tables without transactions that were read under the lock

    @property
    def why(self) -> str:
        """Why it is worth a second try; "" if the dump is good, or only lacks a table that was waited for."""
        for one in self.found:
            if one.held:
                continue
            return joined("", (sentence(one.kind), f" {printable(one.name)}: ", one.why))
        return joined("; ", self.faults)


@dataclass(slots=True)
class Taken:
    """The dumps of all databases. `no_barrier`: why the lock failed, "" if it held; `lock_ms` may be set even so."""

    made: list[Made]
    instant: str
    lock_ms: float | None = None
    no_barrier: str = ""
    position: str = ""
    complaints: list[tuple[str, str]] = field(default_factory=list)  # of programs that ended well
    comparable: bool = False
    counts: dict[Place, int] = field(default_factory=dict)
    checksums: dict[Place, int] = field(default_factory=dict)
    contents: dict[Place, Content] = field(default_factory=dict)

    def compare(self) -> Iterator[tuple[str, str]]:
        """Compare each dump's rows with those counted at the same instant; yields what was not counted."""
        for one in self.made:
            counts = {place: n for place, n in self.counts.items() if place[1] not in one.info.held}
            if self.comparable and not one.faults:
                one.faults += verdict.miscounted(one.info, one.contents, counts)
                for reason in verdict.uncounted(one.info, counts):
                    yield one.info.name, reason


def complaints(ended: Sequence[Ended]) -> list[tuple[str, str]]:
    """What programs complained of though they ended well, with the databases that they dumped."""
    return [
        (
            ", ".join(info.name for info in one.share.databases),
            line if one.native else sentence("the dump program said: {line}", line=line),
        )
        for one in ended
        if not one.faults
        for line in one.complaints
    ]
