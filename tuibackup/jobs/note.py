"""A note: what an operator writes into the ledger about a run, a server, or at all.

A note about a run in which a step took longer than its standard is the reason that the procedure asks for.
"""

from dataclasses import dataclass

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

LONGEST = 1000  # characters


@dataclass(frozen=True, slots=True)
class NotePlan:
    """What is to be written, and about what; None for nothing in particular."""

    text: str
    server: str | None = None
    run: str | None = None


def plan_note(config: Config, text: str, *, server: str | None = None, run: str | None = None) -> NotePlan:
    """A note about a run (its id, or the beginning of it), or else about a server. Raises UsageError, LedgerError."""
    said = cleaned(text)
    if run is not None:
        name, of = _run(config, run)
        return NotePlan(said, of, name)
    if server is not None:
        config.server(server)
    return NotePlan(said, server)


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
            note_body(plan.text, operator),
            operator=operator.name,
            server=plan.server,
            run=plan.run,
        )


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
