"""Where a name is, and in which snapshots: files by their indexes, databases by tables.json. Only read, never recorded.

The newest snapshot is searched first, and what is found there is looked up in the others. So the first answer comes at
once, memory does not grow, and two indexes are open at a time, however many snapshots there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from tuibackup.errors import UsageError, VaultError
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.jobs.stored_names import Name, Stored
    from tuibackup.vault.index.pattern import NamePattern
    from tuibackup.vault.index.search import Seen
    from tuibackup.vault.layout import Snapshot, Vault

_BATCHES = (1, 10, 100, 1000)  # finds that are looked up together: the first one is told at once


@dataclass(frozen=True, slots=True)
class FindPlan:
    """What is looked for, and where: the snapshots of each server and clock, the oldest first."""

    pattern: "NamePattern"
    histories: "tuple[tuple[Snapshot, ...], ...]"

    @property
    def snapshots(self) -> int:
        return sum(map(len, self.histories))


@dataclass(frozen=True, slots=True)
class Found:
    """One version of a path (or `Name`), and the `snapshots` that hold it, the oldest first."""

    what: "bytes | Name"
    seen: "Seen | Stored"
    snapshots: "tuple[Snapshot, ...]"


@dataclass(frozen=True, slots=True)
class Unsearched:
    """A snapshot that cannot be read; the others are searched all the same."""

    snapshot: "Snapshot"
    reason: str


class _Holding(Protocol):
    """What one snapshot holds."""

    def matching(self, pattern: "NamePattern") -> "Iterator[tuple[bytes | Name, Seen | Stored]]":
        """What matches."""

    def at(self, what: "Sequence[bytes | Name]") -> "list[Seen | Stored | None]":
        """What it has of each."""


def plan_find(
    vault: "Vault", pattern: str, *, where: Sequence[str] = (), ignore_case: bool = False
) -> FindPlan:
    """`where`: servers and snapshots, each searched once; with none all there are. Raises UsageError, VaultError."""
    from tuibackup.vault.index.pattern import NamePattern

    if not pattern:
        raise UsageError(
            sentence("the pattern is empty"), sentence("write a name, or a part of it with * for the rest")
        )
    wanted = NamePattern(pattern, ignore_case=ignore_case)
    known = vault.servers()
    servers = list(dict.fromkeys(one for one in where if "/" not in one)) if where else known
    for server in servers:
        if server not in known:
            raise UsageError(
                sentence("the vault has no snapshots of {server}", server=printable(server)),
                sentence("tuibackup snapshots lists them; the pattern comes first")
                if pattern in known
                else sentence("tuibackup snapshots lists them"),
            )
    histories = [tuple(reversed(list(vault.newest(server, clock)))) for server in servers for clock in Clock]
    searched = {snapshot.spec for history in histories for snapshot in history}
    single = {one.spec: one for one in map(vault.find, (one for one in where if "/" in one))}
    alone = [(one,) for spec, one in single.items() if spec not in searched]
    return FindPlan(wanted, tuple(filter(None, histories)) + tuple(alone))


def find(plan: FindPlan) -> Iterator[Found | Unsearched]:
    """Every version of what matches, those first that the newest snapshots hold; and what could not be searched."""
    order = [
        (snapshot.name, -number, position)
        for number, history in enumerate(plan.histories)
        for position, snapshot in enumerate(history)
    ]
    searches = [_History(history, plan.pattern) for history in plan.histories]
    for _name, number, position in sorted(order, reverse=True):
        yield from searches[-number].search(position)


class _History:
    """The snapshots of one server and clock."""

    def __init__(self, snapshots: "tuple[Snapshot, ...]", pattern: "NamePattern") -> None:
        self._snapshots = snapshots
        self._pattern = pattern
        self._unreadable: dict[int, str] = {}
        self._told: set[int] = set()

    def search(self, position: int) -> Iterator[Found | Unsearched]:
        """The versions that the snapshot at `position` holds, and none that is newer."""
        try:
            if position in self._unreadable:
                return
            with _opened(self._snapshots[position]) as holding:
                for batch in _batches(holding.matching(self._pattern)):
                    yield from self._versions(position, batch)
                    yield from self._tell()
        except VaultError as error:
            self._unreadable.setdefault(position, str(error))
        finally:
            yield from self._tell()

    def _versions(self, position: int, batch: "list[tuple[bytes | Name, Seen | Stored]]") -> Iterator[Found]:
        left = batch
        for newer in range(position + 1, len(self._snapshots)):
            if left:
                held = self._held(newer, left)
                left = [one for one, there in zip(left, held, strict=True) if not there]
        holders = [[position] for _one in left]
        for older in range(position - 1, -1, -1):
            if left:
                for number, there in enumerate(self._held(older, left)):
                    if there:
                        holders[number].append(older)
        for (what, seen), where in zip(left, holders, strict=True):
            yield Found(what, seen, tuple(self._snapshots[one] for one in reversed(where)))

    def _held(self, position: int, batch: "list[tuple[bytes | Name, Seen | Stored]]") -> list[bool]:
        """Of which of them this snapshot has the same version."""
        if position not in self._unreadable:
            try:
                with _opened(self._snapshots[position]) as holding:
                    there = holding.at([what for what, _seen in batch])
                return [
                    one is not None and one.version == seen.version
                    for one, (_what, seen) in zip(there, batch, strict=True)
                ]
            except VaultError as error:
                self._unreadable[position] = str(error)
        return [False] * len(batch)

    def _tell(self) -> Iterator[Unsearched]:
        for position in [one for one in self._unreadable if one not in self._told]:
            self._told.add(position)
            yield Unsearched(self._snapshots[position], self._unreadable[position])


def _batches(
    found: "Iterable[tuple[bytes | Name, Seen | Stored]]",
) -> "Iterator[list[tuple[bytes | Name, Seen | Stored]]]":
    items, sizes = iter(found), iter(_BATCHES)
    size = next(sizes)
    while batch := list(islice(items, size)):
        yield batch
        size = next(sizes, size)


def _opened(snapshot: "Snapshot") -> "AbstractContextManager[_Holding]":
    return _files(snapshot) if snapshot.clock is Clock.FILES else _databases(snapshot)


@contextmanager
def _files(snapshot: "Snapshot") -> "Iterator[_Holding]":
    from tuibackup.vault.index.read import Index
    from tuibackup.vault.index.schema import FILE_NAME

    with Index(snapshot.path / FILE_NAME) as index, closing(index.search()) as search:
        yield search  # type: ignore[misc] # it is asked only for paths that such a search found


@contextmanager
def _databases(snapshot: "Snapshot") -> "Iterator[_Holding]":
    from tuibackup.jobs.stored_names import StoredNames

    yield StoredNames(snapshot)  # type: ignore[misc] # likewise
