"""Why a clock is not fresh: what its last try that did not renew it ended with, from the record."""

from tuibackup.ledger.entries import Kind
from tuibackup.ledger.queries import Queries
from tuibackup.sop import Clock, Step
from tuibackup.text import count, printable
from tuibackup.words import joined, sentence

_STEPS = {Clock.FILES: Step.DOWNLOAD, Clock.DATABASES: Step.DUMP}


def why(ledger: Queries, server: str, clock: Clock) -> str:
    """One line; "" where nothing was tried since the clock was renewed. Raises LedgerError."""
    tried = ledger.last_try(server, clock)
    if tried is None:
        return ""
    result = tried.body["clocks"][clock.value]
    marks = [
        finding
        for entry in (ledger.of_run(tried.run) if result.get("snapshot") and tried.run else ())
        if entry.kind == Kind.STEP and entry.body.get("step") == _STEPS[clock].value
        for finding in entry.body.get("findings", ())
        if finding.get("mark")
    ]
    if not marks:
        return printable(str(result.get("detail") or tried.body.get("error") or ""))
    line = printable(joined(": ", (str(marks[0].get("subject")), str(marks[0].get("reason")))))
    return (
        line
        if len(marks) == 1
        else joined(" ", (line, sentence("(and {number} more)", number=count(len(marks) - 1))))
    )
