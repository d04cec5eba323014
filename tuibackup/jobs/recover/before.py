"""What earlier calls of a recovery did, as the ledger tells: what is done is left, and what is half made is known."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import LedgerError
from tuibackup.jobs.recover.plan import RecoveryPlan
from tuibackup.run.places import open_ledger
from tuibackup.text import printable
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry

_LOOKED_AT = 500  # entries of restores of a server, the newest
_WELL = ("done", "warnings")


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether the databases may go there. `fault`: why not; `done`: the entry that says they are there already;
    `drop`: what an earlier call left half made.
    """

    fault: str = ""
    done: "Entry | None" = None
    drop: tuple[str, ...] = ()


class Before:
    """The entries of restores of a server, the newest first."""

    def __init__(self, entries: "Sequence[Entry]") -> None:
        self._entries = entries

    @classmethod
    def read(cls, config: Config, server: str) -> "Before":
        """None of them where there is no ledger."""
        with suppress(LedgerError), open_ledger(config, read_only=True) as ledger:
            return cls(ledger.log(_LOOKED_AT, server=server, kinds=("restore",)))
        return cls(())

    def done(self, **wanted: Any) -> "Entry | None":
        """The newest entry of that restore, if it came to its end well."""
        newest = next((one for one in self._of(wanted) if "outcome" in one.body), None)
        return newest if newest and newest.body["outcome"] in _WELL else None

    def databases(self, plan: RecoveryPlan, there: Sequence[str]) -> Judged:
        """`there`: the databases that the server has now, but for its own."""
        assert plan.databases
        onto, ours = plan.onto.name, {name.lower() for name, _size in plan.databases.parts}
        entries = self._of({"recovery": plan.server, "onto": onto, "databases": True})
        outcome = _became(entries)
        same = bool(entries) and entries[0].body.get("snapshot") == plan.databases.snapshot.spec
        if same and outcome in _WELL and ours <= {name.lower() for name in there}:
            return Judged(done=entries[0])
        others = [name for name in there if name.lower() not in ours]
        if there and not others and outcome == "interrupted":
            # What an earlier one had begun and was stopped, or died: that was empty before, and nobody used it.
            return Judged(drop=tuple(there))
        if there and not others and outcome == "failed":
            return Judged(
                sentence(
                    "an earlier recovery of {server} failed and left {names} on {onto}; if nobody uses that, drop it"
                    " there, and the same command restores it again: {commands}",
                    server=plan.server,
                    names=", ".join(map(printable, there)),
                    onto=onto,
                    commands=" ".join(
                        f"DROP DATABASE `{printable(name.replace('`', '``'))}`;" for name in there
                    ),
                )
            )
        if there:
            return Judged(
                sentence(
                    "the database server of {onto} is not empty, it has {database}; databases are recovered into an"
                    " empty one",
                    onto=onto,
                    database=printable((others or list(there))[0]),
                )
            )
        return Judged()

    def _of(self, wanted: dict[str, Any]) -> "list[Entry]":
        return [one for one in self._entries if wanted.items() <= one.body.items()]


def _became(entries: "Sequence[Entry]") -> str | None:
    """How the last one ended that made something there: what it found was empty. None: nothing was made by any."""
    begun = next((number for number, one in enumerate(entries) if one.body.get("begun")), None)
    if begun is None:
        return None
    return str(entries[begun - 1].body.get("outcome")) if begun else "interrupted"
