"""The plan of retention for a server: every snapshot with its reason, and what would be freed. It changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.config.keep import Rule
from tuibackup.errors import VaultError
from tuibackup.jobs.retention.judge import Candidate, Judged, judge
from tuibackup.ledger.copied import Copied, copied
from tuibackup.run.holds import Hold, holds
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.sop import Clock, Period, State, standing
from tuibackup.vault.damage import damaged_files, place_of
from tuibackup.vault.disk import require_answer
from tuibackup.vault.presence import why_incomplete
from tuibackup.vault.removal import Freed, in_use
from tuibackup.vault.sums import SUMS, needed, read_sums
from tuibackup.words import _, joined, sentence

if TYPE_CHECKING:
    from tuibackup.ledger.facts import DamageFact
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.layout import Snapshot, Vault


@dataclass(frozen=True, slots=True)
class Line:
    """One snapshot: whether it goes, and why; `frees` is what the disk has more when it and those before it went."""

    snapshot: str
    started: datetime
    stored: int
    goes: bool
    reasons: tuple[str, ...]
    needs: frozenset[str]  # names of the older ones that it points into
    frees: int = 0

    def reason(self) -> str:
        """All reasons in one line, in the language in use."""
        return "; ".join(map(_, self.reasons))

    @property
    def why(self) -> str:
        """All reasons in one line."""
        return joined("; ", self.reasons)

    def document(self) -> dict[str, Any]:
        return {
            "snapshot": self.snapshot,
            "goes": self.goes,
            "reasons": list(self.reasons),
            "stored": self.stored,
            "frees": self.frees,
        }


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What becomes of a server's snapshots; `rules` by clock, as written; `lines` in the order of the snapshots."""

    server: str
    rules: Mapping[Clock, str]
    lines: tuple[Line, ...]

    @property
    def goes(self) -> tuple[str, ...]:
        """The snapshots that go: those that point into others first."""
        return tuple(line.snapshot for line in reversed(self.lines) if line.goes)

    @property
    def frees(self) -> int:
        """Bytes that the disk has more afterwards."""
        return sum(line.frees for line in self.lines)

    def document(self) -> dict[str, Any]:
        return {
            "server": self.server,
            "rules": {clock.value: rule for clock, rule in self.rules.items()},
            "snapshots": [line.document() for line in self.lines],
            "goes": len(self.goes),
            "frees": self.frees,
        }


def plan_retention(config: Config, servers: Sequence[str] = ()) -> Iterator[RetentionPlan]:
    """One plan for each of these servers, or for all that have snapshots or are configured.

    Raises UsageError: no such server, VaultError, LedgerError.
    """
    vault = open_vault(config, create=False)
    there = vault.servers()
    for name in servers:
        if name not in there:
            config.server(name)
    with open_ledger(config, read_only=True) as ledger:
        for name in servers or [*config.servers, *(one for one in there if one not in config.servers)]:
            yield plan_server(config, vault, ledger, name)


def plan_of(config: Config, server: str) -> RetentionPlan:
    """The plan of one server, for a face that must not hang: a disk that is silent is told. Raises TuibackupError."""
    require_answer(config.vault.path)
    return next(plan_retention(config, (server,)))


def plan_server(config: Config, vault: "Vault", ledger: "Ledger", server: str) -> RetentionPlan:
    """The plan as everything is now. Raises VaultError, LedgerError."""
    now = datetime.now().astimezone()
    held = holds(vault, ledger, server)
    found_damaged = ledger.damages(server).get(server, ())
    had = copied(ledger, server) if config.required_copies(server) else {}
    rules: dict[Clock, str] = {}
    lines: list[Line] = []
    for clock in Clock:
        damaged = _damaged(vault, clock, found_damaged)
        found = [_Seen.of(one, damaged) for one in reversed(list(vault.newest(server, clock)))]
        if found:
            rules[clock], judged = _of_clock(config, server, clock, found, held, had, now)
            lines += judged
    return RetentionPlan(server, rules, tuple(lines))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A snapshot and what is known of it. `fault`: why it is not good although it says so."""

    snapshot: "Snapshot"
    started: datetime
    good: bool
    needs: frozenset[str]
    stored: int
    readable: bool
    fault: str

    @classmethod
    def of(cls, snapshot: "Snapshot", damaged: Mapping[str, str]) -> "_Seen":
        """`damaged`: what `verify` found, by file (see `vault.damage`)."""
        try:
            summary = snapshot.summary
            # What it needs stands in two places: a list that somebody shortened removes nothing.
            sums = read_sums(snapshot.path)
            needs = needed(sums) | set(summary.points_into)
            started = datetime.fromisoformat(summary.started).astimezone()
        except (VaultError, ValueError) as error:
            return cls(snapshot, snapshot.started, False, frozenset(), 0, False, str(error))
        places = [place_of(snapshot, name) for name in (SUMS, *(one.name for one in sums))]
        fault = why_incomplete(snapshot.path) or next((damaged[one] for one in places if one in damaged), "")
        return cls(snapshot, started, summary.good, needs, summary.stored_bytes, True, fault)


def _of_clock(
    config: Config,
    server: str,
    clock: Clock,
    found: Sequence[_Seen],
    held: Mapping[str, Hold],
    had: Copied,
    now: datetime,
) -> tuple[str, Iterator[Line]]:
    """Its rule, and a line for each snapshot."""
    broken = _broken(found)
    candidates = [
        Candidate(
            one.snapshot.name,
            one.started,
            one.good and one.snapshot.name not in broken,
            one.needs,
            (
                *_stays(one, held.get(one.snapshot.spec), now),
                *_not_copied(config, server, one.snapshot.spec, had),
            ),
        )
        for one in found
    ]
    if server in config.servers:
        rule = config.rule(server, clock)
        within = config.sop.files_within if clock is Clock.FILES else config.sop.databases_within
        judged = judge(candidates, rule, now, stop=_stop(found, candidates, within, now))
    else:
        rule, gone = Rule(), sentence("the server is not in the configuration: everything stays")
        judged = tuple(Judged(one.name, False, (*one.stays, gone)) for one in candidates)
    freed = Freed()
    frees = {
        one.snapshot.name: freed.of(one.snapshot.path)
        for one, answer in zip(found, judged, strict=True)
        if answer.goes
    }
    return str(rule), (
        Line(
            one.snapshot.spec,
            one.started,
            one.stored,
            answer.goes,
            answer.reasons,
            one.needs,
            frees.get(answer.name, 0),
        )
        for one, answer in zip(found, judged, strict=True)
    )


def _stays(one: _Seen, hold: Hold | None, now: datetime) -> tuple[str, ...]:
    """Reasons of its own to stay."""
    reasons = [hold.words(now.date())] if hold else []
    if in_use(one.snapshot):
        reasons.append(sentence("it is being read now (a restore, a verify or a drill)"))
    return tuple(reasons)


def _not_copied(config: Config, server: str, spec: str, had: Copied) -> Iterator[str]:
    """The copies that have to have it and never did; what a copy let go by its own rule it had."""
    for name in config.required_copies(server):
        fact = had.get(name, {}).get(spec)
        if fact is None or not fact.had:
            yield sentence("not in the copy {copy} yet", copy=name)


def _broken(found: Sequence[_Seen]) -> frozenset[str]:
    """Names of those that are damaged or incomplete, or need one that cannot be read. One that needs a whole archive of
    a snapshot in which something else is damaged is as good as any.
    """
    unreadable = {one.snapshot.name for one in found if not one.readable}
    return frozenset(one.snapshot.name for one in found if one.fault or one.needs & unreadable)


def _stop(
    found: Sequence[_Seen], candidates: Sequence[Candidate], within: Period, now: datetime
) -> str | None:
    """Why nothing of this clock goes now; None: what the rule lets go may go."""
    for one in found:
        if not one.readable:
            return sentence(
                "nothing goes while {snapshot} cannot be read: {why}",
                snapshot=one.snapshot.spec,
                why=one.fault,
            )
    newest = next((number for number in reversed(range(len(found))) if candidates[number].good), None)
    if newest is None:
        return None
    for one in found[newest + 1 :]:
        if one.fault:
            return sentence(
                "nothing goes before {snapshot}, which is damaged, is replaced by a good one: {why}",
                snapshot=one.snapshot.spec,
                why=one.fault,
            )
    if standing(found[newest].started, within, now).state is State.OVERDUE:
        return sentence(
            "nothing goes while the clock is overdue: back up first; if there is no room for that, lower min_free or"
            " get a larger disk"
        )
    return None


def _damaged(vault: "Vault", clock: Clock, found: Iterable["DamageFact"]) -> Mapping[str, str]:
    """The files that `verify` found damaged when it read them last, and the first thing that was wrong there."""
    of_clock = [one for one in found if one.snapshot.split("/")[1] == clock]
    return {name: one.problem for name, one in damaged_files(vault, of_clock).items()}
