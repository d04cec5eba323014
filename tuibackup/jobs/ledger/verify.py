"""Verify the ledger: its chain, its seals, and what others know of it.

A chain shows what was changed in it. That its end was lost, or that all of it was written anew, shows only what lies
elsewhere: the file beside it, seals, snapshots, exports.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import LedgerError, VaultError
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.ledger.chain import Problem, bounded
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.witness import Head
from tuibackup.run.places import look_into_ledger, open_vault, seals_folder
from tuibackup.sop import Outcome
from tuibackup.text import count
from tuibackup.vault.layout import NoVaultYetError
from tuibackup.words import joined, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry
    from tuibackup.ledger.store import Ledger

WHAT = "ledger"  # in the body of its entry, which is of kind verify and of no server


@dataclass(frozen=True, slots=True)
class LedgerVerified(Result):
    """What was found. `unasked`: why the vault could not be asked; "" if it was. `seals`: the newest of each key."""

    entries: int
    head: Head
    problems: tuple[Problem, ...]
    seals: "tuple[Entry, ...]"
    compared: tuple[int, int, int]
    unasked: str
    seconds: float

    @property
    def outcome(self) -> Outcome:
        if self.problems:
            return Outcome.FAILED
        return Outcome.WARNINGS if self.unasked else Outcome.DONE

    def facts(self) -> dict[str, Any]:
        seals, snapshots, others = self.compared
        return {
            "outcome": self.outcome.value,
            "entries": self.entries,
            "head": {"entry": self.head.seq, "hash": self.head.hash},
            "problems": [{"entry": one.entry, "what": one.what, "text": one.text} for one in self.problems],
            "seals": [
                {
                    "entry": one.body.get("entry"),
                    "time": one.time,
                    "operator": one.operator,
                    "key": one.body.get("key"),
                }
                for one in self.seals
            ],
            "compared": {"seals": seals, "snapshots": snapshots, "others": others},
            "unasked": self.unasked or None,
            "seconds": self.seconds,
        }

    def body(self) -> dict[str, Any]:
        facts = self.facts()
        del facts["seals"]
        texts = [one.text for one in self.problems]
        whole = sentence_n(
            "the ledger: {number} entry, whole", "the ledger: {number} entries, whole", self.entries,
            number=count(self.entries),
        )  # fmt: skip
        return {
            **facts,
            "what": WHAT,
            "problems": texts,
            "detail": whole if not texts else "",
            "error": joined(": ", (sentence("the ledger"), texts[0])) if texts else "",
        }


def verify_ledger(
    config: Config,
    recorder: Recorder | None,
    *,
    against: Sequence[Path] = (),
    on_progress: Callable[[int], None] | None = None,
) -> LedgerVerified:
    """Read all of it, and compare it with what others know. `recorder` None: nothing is recorded.

    Raises LedgerError: it cannot be opened; UsageError: something in `against` cannot be read.
    """
    from dataclasses import replace

    from tuibackup.jobs.ledger.witnesses import Asked, by_others, by_seals, by_snapshots

    began = time.monotonic()
    ledger, _fault = look_into_ledger(config, read_only=recorder is None)
    with ledger:
        checked = ledger.verify_chain(on_progress)
        asked = Asked()
        vault, unasked = _vault(config)
        witnesses: Iterable[Iterator[Problem]] = (
            by_seals(ledger, seals_folder(config), asked),
            by_snapshots(ledger, vault, asked) if vault else iter(()),
            by_others(ledger, against, asked),
        )
        told = chain(checked.problems, *(_readable(one, checked.problems) for one in witnesses))
        result = LedgerVerified(
            entries=checked.entries,
            head=checked.head,
            problems=bounded(told),
            seals=_last_seals(ledger),
            compared=(0, 0, 0),
            unasked=unasked,
            seconds=0.0,
        )
    result = replace(
        result,
        compared=(asked.seals, asked.snapshots, asked.others),
        seconds=round(time.monotonic() - began, 3),
    )
    if recorder is None:
        return result
    return replace(result, not_recorded=recorder.record(Kind.VERIFY, result.body()))


def _vault(config: Config) -> "tuple[Any, str]":
    """The vault, or why it cannot be asked."""
    try:
        return open_vault(config, create=False), ""
    except NoVaultYetError:
        return None, ""
    except VaultError as error:
        return None, str(error)


def _readable(found: Iterator[Problem], known: Sequence[Problem]) -> Iterator[Problem]:
    """What a witness tells, as far as a ledger can be asked in which problems are `known` already."""
    try:
        yield from found
    except LedgerError:
        if not known:
            raise


def _last_seals(ledger: "Ledger") -> "tuple[Entry, ...]":
    try:
        return tuple(ledger.last_seals())
    except LedgerError:
        return ()


def way_out(problems: Iterable[Problem]) -> str:
    """What to do about them."""
    if {one.what for one in problems} <= {"file"}:
        return sentence(
            "look at the disk of the state folder (sudo dmesg), keep the file, and put a whole copy of it in its place"
        )
    return sentence(
        "keep a copy of the state folder as it is, compare with what lies elsewhere (tuibackup ledger verify --against"
        " EXPORT), and write down what you find: tuibackup note TEXT"
    )
