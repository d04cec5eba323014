"""Step 4: writes the SQL of every active database into the vault, one compressed file each, and judges it.

If possible, all of them show one instant, and a few of the server's own dump programs run side by side; `barrier` and
`division` say how. A database whose dump is not whole (most often because its tables were changed meanwhile) is dumped
once more by itself.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuibackup.config import Database, Server
from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.dump.instant import Dumps
from tuibackup.database.dump.progress import Live
from tuibackup.database.dump.results import Made, Taken, complaints
from tuibackup.database.dump.tool import BrokenToolError, ForeignToolError, find_tool
from tuibackup.database.inventory import OLD_NAME, DatabaseInfo
from tuibackup.database.objects.write import write_beside
from tuibackup.database.rights import audit
from tuibackup.database.sql import tables_json
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.progress import Finding, Reporter
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.sop import Outcome
from tuibackup.text import printable
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.summary import DatabaseSummary
from tuibackup.words import joined, sentence

COMPARED, COUNTED = sentence("compared"), sentence("counted, not compared")
NO_TOOL = sentence("none: read over a connection")


@dataclass(frozen=True, slots=True)
class DumpResult:
    """What step 4 stored. `whole`: every active database is in it whole; sizes in bytes, `bytes` of SQL.

    `lock_ms`: how long nobody on the server could commit, None if there was no lock; `longest_ms`: the longest time
    that somebody may have waited for us; `no_barrier`: why there was no lock, or why it did not help; `position`: where
    in the server's binary log the instant lies; `rows`: whether the numbers of rows were compared.
    """

    outcome: Outcome
    whole: bool
    databases: tuple[DatabaseSummary, ...]
    bytes: int
    stored_bytes: int
    findings: tuple[Finding, ...]
    tool: str
    instant: str  # how the databases came to show one instant, or that each shows its own
    lock_ms: float | None
    longest_ms: float
    no_barrier: str
    position: str
    rows: str


@dataclass(slots=True)
class _Told:
    """Dumps findings on and keeps them for the record."""

    reporter: Reporter
    findings: list[Finding] = field(default_factory=list)
    _taken: set[Finding] = field(default_factory=set)

    def __call__(self, subject: str, reason: str, *, mark: bool = False) -> None:
        self.take(Finding(printable(subject), reason, mark))

    def once(self, finding: Finding) -> None:
        """Pass it on, unless it was passed on before."""
        if finding not in self._taken:
            self.take(finding)

    def take(self, finding: Finding) -> None:
        self._taken.add(finding)
        self.findings.append(finding)
        self.reporter.finding(finding)


async def dump(
    session: Session,
    probe: Probe,
    database: DatabaseSession,
    server: Server,
    incoming: Incoming,
    reporter: Reporter,
    *,
    least_free: int = 0,
    before: Mapping[str, int] | None = None,
) -> DumpResult:
    """Dump every active database of `database` into `incoming`; `least_free` bytes stay free on the vault's disk.

    `before`: bytes of SQL by database in the last dump, to show the progress. Raises DatabaseError if there is nothing
    to dump or no dump is whole; VaultError; ConnectionLostError. A database that is not whole is a finding with a mark.
    """
    told = _Told(reporter)
    tool, no_tool = None, ""
    try:
        tool = await find_tool(session, probe, database)
    except DatabaseError as error:
        no_tool = error.message if isinstance(error, BrokenToolError | ForeignToolError) else ""
        reporter.output(
            sentence("{message}; the databases are read without a dump program", message=error.message)
        )
    for finding in audit.audit(database):
        told.take(finding)
    if nothing := audit.nothing_there(server, database):
        raise nothing
    live = Live(reporter, database.databases, before or {})
    checksum = server.database is not None and server.database.checksum
    patience = (server.database or Database()).wait_for_tables
    async with Dumps(session, database, tool, incoming, live, least_free, patience) as dumps:
        taken = await dumps.at_one_instant(checksum=checksum)
        tool, no_tool = dumps.tool, no_tool or dumps.no_tool
        for subject, said in taken.complaints:
            told(subject, said)
        made = await _once_more(session, dumps, database, taken, told)
        for one in made:
            for left in one.info.left_out:
                told.once(audit.left_out(one.info, left))
        for subject, reason in taken.compare():
            told(subject, reason)
        for one in made:
            history = tool is None or tool.history
            for finding in audit.limits(one.info, timely=one.timely, exact=one.exact, history=history):
                told.take(finding)
        # Restored in this order: a client that stops at what is not whole, or at a name that its server does not take,
        # has restored all others by then.
        made = sorted(made, key=lambda one: (bool(one.faults), one.info.name.startswith(OLD_NAME)))
        summaries = [await _close(one, incoming, live, told) for one in made]
    if all(one.faults for one in made):
        raise DatabaseError(
            sentence(
                "{server}: no database could be dumped: {faults}",
                server=server.name,
                faults=made[0].faults[0],
            )
        )
    await asyncio.to_thread(tables_json.write, incoming, made, summaries, taken)
    await _beside(session, database, made, incoming, told)
    whole = all(one.whole for one in summaries) and not any(finding.mark for finding in told.findings)
    return DumpResult(
        outcome=Outcome.WARNINGS if told.findings else Outcome.DONE,
        whole=whole,
        databases=tuple(summaries),
        bytes=sum(one.bytes for one in summaries),
        stored_bytes=sum(one.stored_bytes for one in summaries),
        findings=tuple(told.findings),
        tool=(tool.version or tool.path) if tool else joined(": ", filter(None, (NO_TOOL, no_tool))),
        instant=taken.instant,
        lock_ms=taken.lock_ms,
        longest_ms=dumps.longest_ms,
        no_barrier=taken.no_barrier,
        position=taken.position,
        rows=COMPARED if taken.comparable else COUNTED,
    )


async def _once_more(
    session: Session, dumps: Dumps, database: DatabaseSession, taken: Taken, told: _Told
) -> list[Made]:
    """Every database; those that were not whole are dumped again, as they are now.

    Whole dumps stay, whatever happens to the others.
    """
    broken = {one.info.name: one.why for one in taken.made if one.why}
    if not broken:
        return taken.made
    try:
        now: Mapping[str, DatabaseInfo] = await database.look_again()
        # A database that was created or renamed while the others were dumped is dumped, too.
        new = sorted(now.keys() - {one.info.name for one in taken.made})
        again, ended = await dumps.again([now[name] for name in (*broken, *new) if name in now])
    except (DatabaseError, ConnectionLostError) as error:
        if session.lost:
            raise
        for name in broken:
            told(name, sentence("could not be dumped a second time: {message}", message=error.message))
        return taken.made
    for subject, said in complaints(ended):
        told(subject, said)
    for one in again:
        if why := broken.get(one.info.name):
            why = sentence(
                "was dumped a second time, so it shows a later instant than the other databases: {why}",
                why=why,
            )
        told(
            one.info.name,
            why or sentence("was created during the run, so its dump shows a later instant than the others"),
        )
    for name, why in broken.items():
        if name not in now:
            told(
                name,
                sentence("was dropped or renamed during the run; its dump is not kept: {why}", why=why),
                mark=True,
            )
            dumps.forget(name)  # a part of a dump would stop a restore of all
    done = {one.info.name: one for one in again}
    kept = [one for one in taken.made if one.info.name in now or not one.why]
    return [done.pop(one.info.name, one) for one in kept] + list(done.values())


async def _beside(
    session: Session, database: DatabaseSession, made: Sequence[Made], incoming: Incoming, told: _Told
) -> None:
    """Write the files beside the dumps; the dumps are good without them."""
    late = [(one.info.name, one.late) for one in made]
    try:
        for finding in await write_beside(database, [one.info for one in made], incoming, late):
            told.take(finding)
    except (DatabaseError, ConnectionLostError) as error:
        if session.lost:
            raise
        reason = sentence(
            "views that look into other databases, definitions of what was left out, users and "
            "grants were not all saved: {message}",
            message=error.message,
        )
        told(sentence("beside the dumps"), reason, mark=True)


async def _close(made: Made, incoming: Incoming, live: Live, told: _Told) -> DatabaseSummary:
    """Finish the database's file and pass on what is wrong with it."""
    written = await asyncio.to_thread(made.file.close)
    incoming.wrote(written)
    for reason in made.faults:
        told(made.info.name, reason, mark=True)
    problems = len(made.faults) + sum(left.lost for left in made.info.left_out)
    tables = made.contents.tables.values()
    summary = DatabaseSummary(
        name=made.info.name,
        file=written.path.name,
        tables=len(made.contents.tables),
        rows=sum(table.rows or 0 for table in tables),
        bytes=made.file.length,
        stored_bytes=written.stored_bytes,
        whole=not problems,
        problems=problems,
        late=made.contents.late,
    )
    live.end(summary, made.seconds)
    return summary
