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
from tuibackup.text import count, duration, numbered, printable
from tuibackup.words import in_english

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
        reason = f"the server does not list them; those that it does not show either are left out: {printable(why)}"
        yield Finding(what, reason, mark=not known)
    for database in databases:
        for one in database.left_out:
            yield left_out(database, one)
        if database.name.startswith(OLD_NAME):
            old = printable(quoted(database.name))
            reason = (
                "newer servers (MariaDB 11.8) make no database of such a name, which the server gives to a folder that"
                f" somebody made by hand or that is older than MySQL 5.1; run: ALTER DATABASE {old} UPGRADE DATA"
                " DIRECTORY NAME"
            )
            yield Finding(printable(database.name), reason)
        if database.ownerless:
            reason = (
                "some of its views and programs have no definer because they were created while the server ran"
                " with --skip-grant-tables; the account that restores them becomes their definer"
            )
            yield Finding(printable(database.name), reason)
    if session.untold:
        reason = (
            "the server does not show the rights of this account, so the dumps may lack something:"
            f" {session.untold}"
        )
        yield Finding(printable(account), reason, mark=True)
        return
    held = Grants(session.grants)
    who = printable(account)
    grant = printable(held.statement(account, vendor))
    if not held.everywhere("SHOW DATABASES") and not held.everywhere("SELECT"):
        yield Finding("all databases", f"{who} may not see every database; run: {grant}", mark=True)
    for database in databases:
        lacks = [privilege for privilege in _DATA if not held.has(privilege, database.name)]
        if lacks:
            # A right that was revoked for one database (MySQL's partial revokes) is granted there.
            revoked = all(held.everywhere(privilege) for privilege in lacks)
            where = printable(quoted(pattern_of(database.name)))
            way_out = f"GRANT {', '.join(lacks)} ON {where}.* TO {who}" if revoked else grant
            reason = f"not everything in it can be read ({', '.join(lacks)}); run: {way_out}"
            yield Finding(printable(database.name), reason, mark=True)
    if not _routines_readable(held, vendor):
        yield Finding(
            "procedures and functions", f"those of other accounts cannot be read; run: {grant}", mark=True
        )


def nothing_there(server: Server, database: DatabaseSession) -> DatabaseError | None:
    """The error of a dump that would have nothing to dump."""
    if database.databases:
        return None
    excluded = " (except those excluded)" if server.database and server.database.exclude else ""
    return DatabaseError(
        f"{server.name}: {database.account} sees no database there{excluded}",
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
    queries = in_english("{count} query runs", "{count} queries run", int(number))
    queries = queries.format(count=count(int(number)))
    return f"{queries} for more than a minute, the longest for {duration(float(longest))}"


def left_out(database: DatabaseInfo, one: LeftOut) -> Finding:
    """The finding for an object that the dump of `database` lacks, or has only in part."""
    where = "its definition could not be read"
    if one.definition:
        where = "its definition is in left-out.sql"
    elif one.pieces:
        where = "its full definition could not be read, what the server shows of it is in left-out.sql"
    what = f"the server cannot show this {one.kind}, so it is left out of the dump; {where}"
    if one.rows is not None:
        what = f"this {one.kind} is damaged; the dump holds only its first {numbered(one.rows, 'row')}"
    subject = f"{printable(database.name)}.{printable(one.name)}"
    if one.held or one.changed:
        done = "held it for longer than wait_for_tables" if one.held else "changed it each time it was read"
        kept = (
            f"in the dump with only its first {numbered(one.rows, 'row')}"
            if one.rows
            else "in the dump without its rows"
        )
        kept = "left out of the dump" if one.rows is None else kept
        reason = f"somebody else {done}, so this {one.kind} is {kept}"
        return Finding(subject, f"{reason}: {printable(one.why)}", mark=True)
    if one.sound:
        return Finding(
            subject,
            f"a restore could not create this {one.kind}, so it is not in the dump; {where}: {printable(one.why)}",
        )
    way_out = "grant the account that right" if "denied" in one.why else "repair or drop it"
    return Finding(subject, f"{what}: {printable(one.why)}; {way_out}", mark=one.lost)


def foreseen(database: DatabaseSession, tool: DumpTool | None) -> Iterator[Finding]:
    """What a dump by `tool` (None: over a connection) cannot write exactly, and how to change that."""
    lock = bool(database.untold) or may_lock(database.grants)
    if database.logins == 1:  # a dump program needs a second one
        tool = None
    if not lock:
        grant = Grants(database.grants).statement(database.account, database.vendor)
        yield Finding(
            "one instant",
            f"{printable(database.account)} may not lock the databases together, so one program dumps everything"
            f" and no rows are compared; run: {printable(grant)}",
        )
    timely = taken_by(locked(database.databases)) if lock and tool else {}
    exact = taken_by(inexact(database.databases, {})) if lock else {}
    apart = tool and (timely or exact or any(info.natively for info in database.databases))
    if lock and 0 < database.logins < LOGINS + 1 + bool(apart):
        yield Finding("one instant", few_logins(database))
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
            f"{_some(unsafe)}: not InnoDB, so not of the same instant as the rest; to change that:"
            " ALTER TABLE … ENGINE=InnoDB",
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
            f"{_some(floats)}: FLOAT; the dump program writes only six digits of it; DOUBLE keeps all",
        )
    if not history and database.versioned:
        yield Finding(name, f"{_some(list(database.versioned))}: old rows (SYSTEM VERSIONING) are not dumped")


def _some(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _routines_readable(held: Grants, vendor: str) -> bool:
    if held.everywhere("SELECT"):
        return True
    if vendor == "MySQL":
        return held.everywhere("SHOW_ROUTINE")
    return held.has("SELECT", "mysql", "proc")
