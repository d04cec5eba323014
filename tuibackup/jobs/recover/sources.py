"""What a server can be recovered from: its newest good snapshots, what proves them, and how long it may take."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import LedgerError, VaultError
from tuibackup.jobs.recover.choice import Choice, choose
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.words import later, sentence

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.facts import Facts
    from tuibackup.vault.layout import Snapshot

_LOOKED_AT = 200  # entries of restores and drills of a server, the newest
_BACK = (later("the last restore onto a server"), later("the last drill"), later("the last restore"))


@dataclass(frozen=True, slots=True)
class Expected:
    """Seconds that bringing it back may take; `basis`: what was measured, which was `seconds_then` for `bytes_then`."""

    seconds: float
    basis: str
    time: datetime
    bytes_then: int
    seconds_then: float


@dataclass(frozen=True, slots=True)
class Source:
    """The snapshot of one clock. `parts`: its folders, or databases, with the bytes of each.

    `drilled` and `read_again`: when a drill of this clock last proved it, and when this snapshot was last read again.
    `expected`: None where nothing was ever measured. `damage`: the first thing that verify found wrong with it.
    """

    snapshot: "Snapshot"
    parts: tuple[tuple[str, int], ...]
    files: int
    bytes: int
    stored_bytes: int
    started: datetime
    whole: bool
    took: float
    drilled: datetime | None
    read_again: datetime | None
    expected: Expected | None
    damage: str = ""

    @property
    def clock(self) -> Clock:
        return self.snapshot.clock

    def document(self) -> dict[str, Any]:
        """For --json."""
        expected = self.expected
        return {
            "snapshot": self.snapshot.spec,
            "folder": printable(str(self.snapshot.path)),
            "started": self.started.isoformat(),
            "parts": [{"name": name, "bytes": size} for name, size in self.parts],
            "files": self.files,
            "bytes": self.bytes,
            "stored-bytes": self.stored_bytes,
            "whole": self.whole,
            "drilled": self.drilled.isoformat() if self.drilled else None,
            "verified": self.read_again.isoformat() if self.read_again else None,
            "damage": self.damage or None,
            "expected-seconds": round(expected.seconds, 1) if expected else None,
            "expected-basis": expected.basis if expected else None,
            "backup-seconds": round(self.took, 1),
        }


@dataclass(frozen=True, slots=True)
class Sources:
    """Of one server; `facts`: what was seen of it, of both snapshots together, None where nothing was kept.

    `passed`: newer good snapshots that are not taken, because something in them is damaged.
    """

    server: str
    of: tuple[Source, ...]
    facts: "Facts | None"
    fault: str = ""  # why what was kept cannot be read
    copy: tuple[str, ...] = ()  # the words that say out of which copy they come; none: out of the vault
    passed: tuple[Choice, ...] = ()

    def clock(self, clock: Clock) -> Source | None:
        return next((one for one in self.of if one.clock is clock), None)


def sources(config: Config, server: str, *, copy: Sequence[str] = (), lists: bool = False) -> Sources:
    """Read vault and ledger. The server need not be configured any more, nor need there be a ledger.

    `copy`: the words that name the copy that the vault stands for now; `lists`: only its lists lie there.

    Raises UsageError: nobody knows it; VaultError: nothing good is stored of it.
    """
    vault = open_vault(config, create=False)
    if server not in vault.servers():
        config.server(server)
    with ExitStack() as open_:
        ledger = None
        with suppress(LedgerError):  # on a fresh machine there is none
            ledger = open_.enter_context(open_ledger(config, read_only=True))
        taken: list[Choice] = []
        passed: list[Choice] = []
        for clock in Clock:
            if lists:
                choice = next((Choice(one) for one in vault.newest(server, clock) if one.good), None)
            else:  # what the ledger knows to be damaged is so in the vault, not in a copy
                choice, newer = choose(vault, None if copy else ledger, server, clock)
                passed += newer
            taken += [choice] if choice else []
        if not taken:
            raise VaultError(
                sentence("{server}: there is no good snapshot to recover it from", server=printable(server)),
                sentence("tuibackup snapshots {server} shows what there is", server=printable(server)),
            )
        found = tuple(_source(one, ledger) for one in taken)
    facts, fault = _facts([one.snapshot for one in taken])
    return Sources(server, found, facts, fault, tuple(copy), tuple(passed))


def _source(choice: Choice, ledger: "Ledger | None") -> Source:
    snapshot = choice.snapshot
    summary = snapshot.summary
    began, ended = (datetime.fromisoformat(text) for text in (summary.started, summary.finished))
    parts = (
        [(one.folder, one.bytes) for one in summary.folders]
        if snapshot.clock is Clock.FILES
        else [(one.name, one.bytes) for one in summary.databases]
    )
    drilled = read_again = None
    entries: list[Entry] = []
    if ledger is not None:
        drills = ledger.last_drills(snapshot.server).get((snapshot.server, snapshot.clock))
        drilled = drills.proven if drills else None
        read_again = ledger.read_again(snapshot.server).get(snapshot.spec)
        entries = ledger.log(_LOOKED_AT, server=snapshot.server, kinds=("restore", "drill"))
    return Source(
        snapshot=snapshot,
        parts=tuple(parts),
        files=summary.files,
        bytes=summary.bytes,
        stored_bytes=summary.stored_bytes,
        started=began,
        whole=summary.whole,
        took=max(0.0, (ended - began).total_seconds()),
        drilled=drilled,
        read_again=read_again,
        expected=_expected(snapshot.clock, summary.bytes, entries),
        damage=choice.damage,
    )


def _expected(clock: Clock, size: int, entries: "list[Entry]") -> Expected | None:
    """By the newest one that came to its end: a restore onto a server, else a drill, else any restore."""
    best: dict[int, Expected] = {}
    for entry in entries:
        body = entry.body
        spec, amount, seconds = body.get("snapshot"), body.get("bytes"), body.get("seconds")
        if not isinstance(spec, str) or spec.split("/")[1:2] != [clock.value]:
            continue
        if body.get("outcome") not in ("done", "warnings"):
            continue
        if not isinstance(amount, int) or not isinstance(seconds, int | float) or amount <= 0 or seconds <= 0:
            continue
        kind = 1 if entry.kind == "drill" else 0 if "into" in body else 2
        if kind not in best:
            best[kind] = Expected(size / amount * seconds, _BACK[kind], entry.moment, amount, float(seconds))
    return best[min(best)] if best else None


def _facts(newest: "list[Snapshot]") -> "tuple[Facts | None, str]":
    """The newer one's, with the database's part of whichever has it."""
    from msgspec.structs import replace

    from tuibackup.vault.facts import read

    found, fault = [], ""
    for one in sorted(newest, key=lambda one: one.sequence, reverse=True):
        try:
            if facts := read(one.path):
                found.append(facts)
        except VaultError as error:
            fault = str(error)
    if not found:
        return None, fault
    names = {part.name for part in found[0].parts}
    more = tuple(part for other in found[1:] for part in other.parts if part.name not in names)
    return replace(found[0], parts=(*found[0].parts, *more)), fault
