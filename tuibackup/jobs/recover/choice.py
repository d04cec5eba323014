"""Which snapshot of a clock a recovery takes: the newest good one in which `verify` found nothing damaged.

Where each has something damaged, the newest is taken all the same: a restore brings back what is whole, and names the
rest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from tuibackup.errors import VaultError
from tuibackup.sop import Clock
from tuibackup.vault.damage import damaged_files, place_of
from tuibackup.vault.presence import why_incomplete
from tuibackup.vault.sums import SUMS, read_sums
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.layout import Snapshot, Vault


@dataclass(frozen=True, slots=True)
class Choice:
    """A good snapshot, and the first thing that is wrong with it: "" as far as anybody knows nothing is."""

    snapshot: "Snapshot"
    damage: str = ""


def passed_over(choice: Choice) -> str:
    """That it is not taken, and why."""
    return sentence(
        "{snapshot} is newer and not used, because it is damaged: {problem}; by its name what is whole can be restored",
        snapshot=choice.snapshot.spec,
        problem=choice.damage,
    )


def choose(
    vault: "Vault", ledger: "Ledger | None", server: str, clock: Clock
) -> tuple[Choice | None, tuple[Choice, ...]]:
    """The one that is taken, None where none is good; and the newer ones that were passed over, the newest first.

    Raises LedgerError.
    """
    found = ledger.damages(server).get(server, ()) if ledger else ()
    of_clock = [one for one in found if one.snapshot.split("/")[1] == clock]
    damaged = {name: one.problem for name, one in damaged_files(vault, of_clock).items()}
    passed: list[Choice] = []
    for choice in _judged(vault, server, clock, damaged):
        if not choice.damage:
            return choice, tuple(passed)
        passed.append(choice)
    return next(iter(passed), None), ()


def _judged(vault: "Vault", server: str, clock: Clock, damaged: Mapping[str, str]) -> "Iterator[Choice]":
    """The good ones of which all files are there, the newest first."""
    for snapshot in vault.newest(server, clock):
        if snapshot.good and not why_incomplete(snapshot.path):
            yield Choice(snapshot, _damage(snapshot, damaged))


def _damage(snapshot: "Snapshot", damaged: Mapping[str, str]) -> str:
    if not damaged:
        return ""
    try:
        names = chain((SUMS,), (one.name for one in read_sums(snapshot.path)))
        places = [place_of(snapshot, name) for name in names]
    except VaultError as error:
        return str(error)
    return next((damaged[place] for place in places if place in damaged), "")
