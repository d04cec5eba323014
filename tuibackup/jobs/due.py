"""What a timer drills and reads again: the drills that are due, and so much of what is stored that all of it is read in
time. What was done is in the record, so that the next call goes on where this one ended.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.jobs.drill.drill import DrillPlan, plan_of
from tuibackup.jobs.verify import VerifyPlan
from tuibackup.ledger.facts import DrillFact, DrillFacts
from tuibackup.run.held import TURN
from tuibackup.run.journal import events as ev
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.process.living import active
from tuibackup.sop import Clock, Outcome, Period, Standing, State, standing
from tuibackup.vault.layout import NoVaultYetError

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot, Vault

DUE = frozenset({State.DUE, State.OVERDUE, State.NEVER})
NEW = Period(1, "week")  # in which a new snapshot is read for the first time
LEAST = 100 << 30  # bytes that one call reads at least, if so much is due
AFTER_RUN = 20 << 30  # likewise of one server
PART = 7  # of more than that one call reads a part of this size: a timer that calls every day is done in time

_AGAIN = timedelta(hours=20)  # after a drill that failed; so a timer that fires every day tries every day
_WORST = (State.NEVER, State.OVERDUE, State.DUE)

Of = tuple[str, Clock]


@dataclass(frozen=True, slots=True)
class PostponedDrill:
    """A drill that failed not long ago, and is left alone until `again`."""

    server: str
    clock: Clock
    last: datetime
    again: datetime

    @property
    def exit_code(self) -> int:
        """That of its last try: nothing has improved since."""
        return ev.EXIT_CODES[Outcome.FAILED]


@dataclass(frozen=True, slots=True)
class DrillsDue:
    """The drills to be done, those that never were first; what cannot be drilled because there is no good backup of it;
    drills that are left alone; and the jobs that drill a server already, by server.
    """

    plans: tuple[DrillPlan, ...] = ()
    nothing: tuple[Of, ...] = ()
    postponed: tuple[PostponedDrill, ...] = ()
    going: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VerifiesDue:
    """The snapshots to be read by this call, in their order, and how many are due in all. `going`: a job that reads
    what is due already, "" for none.
    """

    plans: tuple[VerifyPlan, ...] = ()
    due: int = 0
    going: str = ""


def drills_due(config: Config, now: datetime, own: str = "") -> DrillsDue:
    """The drills that are due, overdue or were never done. `own` is the job that asks.

    Raises LedgerError, VaultError.
    """
    living = {one.server: one.run for one in active(config) if one.job == "drill" and one.run != own}
    with open_ledger(config, patience=TURN) as ledger:
        drills = ledger.last_drills()
    vault = _vault(config)
    found: list[tuple[tuple[int, int], DrillPlan]] = []
    nothing: list[Of] = []
    postponed: list[PostponedDrill] = []
    going: dict[str, str] = {}
    for name, server in config.servers.items():
        for clock in server.clocks:
            facts = drills.get((name, clock), DrillFacts(None))
            stands = standing(facts.proven, config.drill.within, now)
            if stands.state not in DUE:
                continue
            newest = vault.latest(name, clock) if vault else None
            failed = _failed(facts)
            if newest is None:
                nothing.append((name, clock))
            elif job := living.get(name, living.get("")):
                going[name] = job
            elif failed and failed.snapshot == newest.spec and failed.time <= now < failed.time + _AGAIN:
                postponed.append(PostponedDrill(name, clock, failed.time, failed.time + _AGAIN))
            else:
                found.append((_place(stands), plan_of(config, newest)))
    plans = tuple(plan for _place, plan in sorted(found, key=lambda one: one[0]))
    return DrillsDue(plans, tuple(nothing), tuple(postponed), going)


def _failed(facts: DrillFacts) -> DrillFact | None:
    """The newest drill, if it failed; one that was stopped may be tried again at once."""
    newest = facts.tried or facts.last
    return newest if newest and newest.outcome is Outcome.FAILED else None


def _place(stands: Standing) -> tuple[int, int]:
    return _WORST.index(stands.state), -(stands.age_days or 0)


def verifies_due(config: Config, now: datetime, own: str = "", *, server: str | None = None) -> VerifiesDue:
    """The snapshots, of all or of one server, to be read by one call: those that never were first, then those for which
    it is longest ago.

    `own` is the job that asks. Raises LedgerError, VaultError.
    """
    reads = {"", server or ""}
    living = (one for one in active(config) if one.job == "verify" and one.run != own)
    going = next((one.run for one in living if one.server in reads), "")
    with open_ledger(config, patience=TURN) as ledger:
        known = ledger.read_again(server)
    vault = _vault(config)
    due = list(_unread(vault.snapshots(server), known, config.verify.within, now)) if vault else []
    bounded = _bounded(due, LEAST if server is None else AFTER_RUN)
    return VerifiesDue(() if going else tuple(map(VerifyPlan, bounded)), len(due), going)


def _unread(
    snapshots: Iterable["Snapshot"], known: Mapping[str, datetime], within: Period, now: datetime
) -> list["Snapshot"]:
    """Those that are to be read again, in their order."""
    due = [
        (known.get(one.spec), one)
        for one in snapshots
        if standing(known.get(one.spec), within, now).state in DUE
    ]
    return [one for _last, one in sorted(due, key=lambda one: (bool(one[0]), one[0] or one[1].started))]


def _bounded(due: list["Snapshot"], least: int) -> Iterator["Snapshot"]:
    """So many of them, from the first on, as one call reads: `least` bytes, or a PART of all."""
    from tuibackup.vault.verify import bytes_to_read

    sizes = [bytes_to_read(one) for one in due]
    left = max(least, -(-sum(sizes) // PART))
    for one, size in zip(due, sizes, strict=True):
        if left <= 0:
            break
        left -= size
        yield one


def _vault(config: Config) -> "Vault | None":
    """The vault; None before the first run."""
    try:
        return open_vault(config, create=False)
    except NoVaultYetError:
        return None
