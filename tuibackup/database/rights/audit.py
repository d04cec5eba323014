"""What a dump would miss or get wrong, found before it is made."""

from collections.abc import Collection, Iterator

from tuibackup.config import Server
from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.dump.barrier import LOGINS, few_logins, may_lock
from tuibackup.database.dump.division import inexact, locked, taken_by
from tuibackup.database.dump.tool import DumpTool
from tuibackup.database.inventory import OLD_NAME, TRANSACTIONAL, DatabaseInfo, listed_with, quoted
from tuibackup.database.objects.shown import LeftOut
from tuibackup.database.rights.grants import Grants, pattern_of
from tuibackup.errors import DatabaseError
from tuibackup.progress import Finding
from tuibackup.text import duration, printable
from tuibackup.words import joined, sentence, sentence_n

_DATA = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_SHOWN = 5
_LONG_SECONDS = 60


def audit(session: DatabaseSession) -> Iterator[Finding]:
    """One finding for each thing that a dump by this account leaves out or changes."""
    databases, account, vendor = session.databases, session.account, session.vendor
    unread = {listed_with(one.kind) for database in databases for one in database.left_out}
    for what, (why, known) in (databases[0].unlisted if databases else {}).items():
        if known and what not in unread:  # all of them are dumped
            continue
        reason = sentence(
            "the server does not list them; those that it does not show either are left out: {why}",
            why=printable(why),
        )
        yield Finding(sentence(what), reason, mark=not known)
    for database in databases:
        for one in database.left_out:
            yield left_out(database, one)
        if database.name.startswith(OLD_NAME):
            old = printable(quoted(database.name))
            reason = sentence(
                "newer servers (MariaDB 11.8) make no database of such a name, which the server gives to "
                "a folder that somebody made by hand or that is older than MySQL 5.1; run: ALTER "
                "DATABASE {old} UPGRADE DATA DIRECTORY NAME",
                old=old,
            )
            yield Finding(printable(database.name), reason)
        if database.ownerless:
            reason = sentence(
                "some of its views and programs have no definer because they were created while the "
                "server ran with --skip-grant-tables; the account that restores them becomes their "
                "definer"
            )
            yield Finding(printable(database.name), reason)
    if session.untold:
        reason = sentence(
            "the server does not show the rights of this account, so the dumps may lack something: {untold}",
            untold=session.untold,
        )
        yield Finding(printable(account), reason, mark=True)
        return
    held = Grants(session.grants)
    who = printable(account)
    grant = printable(held.statement(account, vendor))
    if not held.everywhere("SHOW DATABASES") and not held.everywhere("SELECT"):
        yield Finding(
            sentence("all databases"),
            sentence("{who} may not see every database; run: {grant}", who=who, grant=grant),
            mark=True,
        )
    for database in databases:
        lacks = [privilege for privilege in _DATA if not held.has(privilege, database.name)]
        if lacks:
            # A right that was revoked for one database (MySQL's partial revokes) is granted there.
            revoked = all(held.everywhere(privilege) for privilege in lacks)
            where = printable(quoted(pattern_of(database.name)))
            way_out = f"GRANT {', '.join(lacks)} ON {where}.* TO {who}" if revoked else grant
            reason = sentence(
                "not everything in it can be read ({lacks}); run: {way_out}",
                lacks=", ".join(lacks),
                way_out=way_out,
            )
            yield Finding(printable(database.name), reason, mark=True)
    if not _routines_readable(held, vendor):
        yield Finding(
            sentence("procedures and functions"),
            sentence("those of other accounts cannot be read; run: {grant}", grant=grant),
            mark=True,
        )


def nothing_there(server: Server, database: DatabaseSession) -> DatabaseError | None:
    """The error of a dump that would have nothing to dump."""
    if database.databases:
        return None
    excluded = sentence(" (except those excluded)") if server.database and server.database.exclude else ""
    return DatabaseError(
        sentence(
            "{server}: {account} sees no database there{excluded}",
            server=server.name,
            account=database.account,
            excluded=excluded,
        ),
        Grants(database.grants).statement(database.account, database.vendor),
    )


async def long_queries(database: DatabaseSession) -> str:
    """Queries that have run for more than a minute; "" for none. The lock of a dump may have to wait for them.

    Raises DatabaseError, ConnectionLostError.
    """
    [(number, longest)] = await database.rows(
        "SELECT COUNT(*), MAX(TIME) FROM information_schema.PROCESSLIST"
        " WHERE COMMAND = 'Query' AND ID <> CONNECTION_ID() AND TIME > %s",
        _LONG_SECONDS,
    )
    if not number:
        return ""
    queries = sentence_n("{count} query runs", "{count} queries run", int(number))
    return sentence(
        "{queries} for more than a minute, the longest for {time}",
        queries=queries,
        time=duration(float(longest)),
    )


def left_out(database: DatabaseInfo, one: LeftOut) -> Finding:
    """The finding for an object that the dump of `database` lacks, or has only in part."""
    where = sentence("its definition could not be read")
    if one.definition:
        where = sentence("its definition is in left-out.sql")
    elif one.pieces:
        where = sentence(
            "its full definition could not be read, what the server shows of it is in left-out.sql"
        )
    what = sentence(
        "the server cannot show this {kind}, so it is left out of the dump; {where}",
        kind=sentence(one.kind),
        where=where,
    )
    if one.rows is not None:
        what = sentence(
            "this {kind} is damaged; the dump holds only its first {rows}",
            kind=sentence(one.kind),
            rows=sentence_n("{count} row", "{count} rows", one.rows),
        )
    subject = f"{printable(database.name)}.{printable(one.name)}"
    if one.held or one.changed:
        done = (
            sentence("held it for longer than wait_for_tables")
            if one.held
            else sentence("changed it each time it was read")
        )
        kept = (
            sentence(
                "in the dump with only its first {rows}",
                rows=sentence_n("{count} row", "{count} rows", one.rows),
            )
            if one.rows
            else sentence("in the dump without its rows")
        )
        kept = sentence("left out of the dump") if one.rows is None else kept
        reason = sentence(
            "somebody else {done}, so this {kind} is {kept}", done=done, kind=sentence(one.kind), kept=kept
        )
        return Finding(subject, joined(": ", (reason, printable(one.why))), mark=True)
    if one.sound:
        return Finding(
            subject,
            sentence(
                "a restore could not create this {kind}, so it is not in the dump; {where}: {why}",
                kind=sentence(one.kind),
                where=where,
                why=printable(one.why),
            ),
        )
    way_out = (
        sentence("grant the account that right") if "denied" in one.why else sentence("repair or drop it")
    )
    return Finding(subject, joined("; ", (joined(": ", (what, printable(one.why))), way_out)), mark=one.lost)


def foreseen(database: DatabaseSession, tool: DumpTool | None) -> Iterator[Finding]:
    """What a dump by `tool` (None: over a connection) cannot write exactly, and how to change that."""
    lock = bool(database.untold) or may_lock(database.grants)
    if database.logins == 1:  # a dump program needs a second one
        tool = None
    if not lock:
        grant = Grants(database.grants).statement(database.account, database.vendor)
        yield Finding(
            sentence("one instant"),
            sentence(
                "{account} may not lock the databases together, so one program dumps everything and no "
                "rows are compared; run: {grant}",
                account=printable(database.account),
                grant=printable(grant),
            ),
        )
    timely = taken_by(locked(database.databases)) if lock and tool else {}
    exact = taken_by(inexact(database.databases, {})) if lock else {}
    apart = tool and (timely or exact or any(info.natively for info in database.databases))
    if lock and 0 < database.logins < LOGINS + 1 + bool(apart):
        yield Finding(sentence("one instant"), few_logins(database))
        timely = exact = {}
    for info in database.databases:
        all_exact = tool is None
        yield from limits(
            info,
            timely=timely.get(info.name, ()),
            exact=[table.name for table in info.tables] if all_exact else exact.get(info.name, ()),
            history=tool is None or tool.history,
        )


def limits(
    database: DatabaseInfo, *, timely: Collection[str] = (), exact: Collection[str] = (), history: bool = True
) -> Iterator[Finding]:
    """What a dump of it cannot write exactly; tables that are `timely` or `exact` are not concerned."""
    name = printable(database.name)
    unsafe = [table.name for table in database.tables if table.engine.lower() not in TRANSACTIONAL]
    if unsafe := [table for table in unsafe if table not in timely]:
        yield Finding(
            name,
            sentence(
                "{some}: not InnoDB, so not of the same instant as the rest; to change that: ALTER TABLE "
                "… ENGINE=InnoDB",
                some=_some(unsafe),
            ),
        )
    floats = [
        f"{table.name}.{column}"
        for table in database.tables
        for column in table.floats
        if table.name not in exact
    ]
    if floats:
        yield Finding(
            name,
            sentence(
                "{some}: FLOAT; the dump program writes only six digits of it; DOUBLE keeps all",
                some=_some(floats),
            ),
        )
    if not history and database.versioned:
        yield Finding(
            name,
            sentence(
                "{some}: old rows (SYSTEM VERSIONING) are not dumped", some=_some(list(database.versioned))
            ),
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    more = sentence(" and {number} more", number=len(names) - _SHOWN) if len(names) > _SHOWN else ""
    return joined("", (shown, more))


def _routines_readable(held: Grants, vendor: str) -> bool:
    if held.everywhere("SELECT"):
        return True
    if vendor == "MySQL":
        return held.everywhere("SHOW_ROUTINE")
    return held.has("SELECT", "mysql", "proc")
