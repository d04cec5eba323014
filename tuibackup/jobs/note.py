"""A note: what an operator writes into the ledger about a run, a server, or at all.

A note about a run in which a step took longer than its standard is the reason that the procedure asks for.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.ledger.entries import Kind
from tuibackup.run.configured import notice
from tuibackup.run.journal.journal import every_journal, first
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_ledger
from tuibackup.run.record import note_body
from tuibackup.text import printable
from tuibackup.words import later, sentence

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry

LONGEST = 1000  # characters


@dataclass(frozen=True, slots=True)
class NotePlan:
    """What is to be written, and about what; None for nothing in particular. `corrects`: the entry that it corrects."""

    text: str
    server: str | None = None
    run: str | None = None
    corrects: "Entry | None" = None


def plan_note(
    config: Config,
    text: str,
    *,
    server: str | None = None,
    run: str | None = None,
    corrects: int | None = None,
) -> NotePlan:
    """A note about a run (its id, or the beginning of it), or else about a server, or one that corrects an entry.

    Raises UsageError, LedgerError.
    """
    said = cleaned(text)
    if corrects is not None:
        return correction(config, said, corrects)
    if run is not None:
        name, of = _run(config, run)
        return NotePlan(said, of, name)
    if server is not None:
        config.server(server)
    return NotePlan(said, server)


def correction(config: Config, said: str, number: int) -> NotePlan:
    """A note that corrects the entry of that number, and is about what that one is. Raises UsageError, LedgerError."""
    with open_ledger(config, read_only=True) as ledger:
        found = ledger.log(1, numbers=(number, number))
    if not found:
        raise UsageError(
            sentence("there is no entry {number}", number=str(number)),
            sentence("tuibackup log --numbers shows the numbers"),
        )
    return NotePlan(said, found[0].server, found[0].run, found[0])


def cleaned(text: str) -> str:
    """The text of a note, in one line. Raises UsageError: nothing is in it, or too much."""
    said = printable(" ".join(text.split()))
    if not said:
        raise UsageError(sentence("the note is empty"), sentence("write what happened, and why"))
    if len(said) > LONGEST:
        raise UsageError(
            sentence("the note has {count} characters; {most} are possible", count=len(said), most=LONGEST)
        )
    return said


def write_note(config: Config, plan: NotePlan, operator: Operator) -> None:
    """Write it into the ledger. Raises LedgerError: then nothing was written."""
    with open_ledger(config) as ledger:
        notice(config, ledger)
        ledger.append(
            Kind.NOTE,
            _body(plan, operator),
            operator=operator.name,
            server=plan.server,
            run=plan.run,
        )


def _body(plan: NotePlan, operator: Operator) -> dict[str, Any]:
    body = note_body(plan.text, operator)
    if plan.corrects is None:
        return body
    number, kind = str(plan.corrects.seq), sentence(plan.corrects.kind)
    detail = sentence("corrects entry {number} ({kind}): {text}", number=number, kind=kind, text=plan.text)
    return {**body, "corrects": plan.corrects.seq, "corrects_hash": plan.corrects.hash, "detail": detail}


def _run(config: Config, word: str) -> tuple[str, str | None]:
    """The id and the server of a run that is recorded, or under way."""
    with open_ledger(config, read_only=True) as ledger:
        recorded = ledger.runs_beginning(word)
        going = {
            planned.run: planned.server
            for path in every_journal(config.state)
            if path.stem.startswith(word) and (planned := first(path))
        }
        found = {*recorded, *going}
        if word not in found and len(found) != 1:
            text = (
                later("{word} is the beginning of several runs") if found else later("there is no run {word}")
            )
            raise UsageError(
                sentence(text, word=printable(word)),
                sentence("tuibackup history SERVER --json has their ids"),
            )
        run = word if word in found else found.pop()
        server = next((entry.server for entry in ledger.of_run(run)), None)
    return run, server or going.get(run)
