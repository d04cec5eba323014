"""The ledger's tables in SQLAlchemy's words. Imported late: SQLAlchemy takes 0.2 s.

`entry` is the record itself. `result` holds columns derived from run and step entries, for queries.
"""

from sqlalchemy import (
    DDL,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
)

VERSION = 1  # PRAGMA user_version; a newer one is refused
APPLICATION = 0x7475694C  # PRAGMA application_id: "tuiL"

metadata = MetaData()

# Explicit lengths: MariaDB needs them for indexed columns, SQLite ignores them.
entry = Table(
    "entry",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("time", String(24), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("operator", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("server", String(64)),
    Column("run", String(128)),
    Column("body", Text, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("entry_time", "time"),
    Index("entry_kind", "kind"),
    Index("entry_server", "server", "kind"),
    Index("entry_run", "run"),
    sqlite_autoincrement=True,  # remembers the highest number, so that a cut tail leaves a gap
)

result = Table(
    "result",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("what", String(16), primary_key=True),
    Column("server", String(64), nullable=False),
    Column("time", String(24), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("seconds", Float),
    Column("good", Boolean, nullable=False),
    Column("started", String(24)),
    Column("snapshot", String(255)),
    Index("result_last", "server", "what", "seq"),
    Index("result_good", "server", "what", "good", "seq"),
    Index("result_outcome", "server", "what", "outcome", "seq"),
    Index("result_time", "what", "time"),
)

# Against accidents, not against an attacker: that is what the chain is for.
for _action in ("UPDATE", "DELETE"):
    event.listen(
        entry,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]  # SQLAlchemy has no annotations there
            f"CREATE TRIGGER entry_no_{_action.lower()} BEFORE {_action} ON entry "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )
