"""The ledger's tables.

`entry` is the record itself. `result` holds columns derived from some of the entries, for queries.
"""

VERSION = 1  # PRAGMA user_version; a newer one is refused
APPLICATION = 0x7475694C  # PRAGMA application_id: "tuiL"

STATEMENTS = (
    # AUTOINCREMENT remembers the highest number, so that a cut tail leaves a gap.
    """
    CREATE TABLE entry (
        seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        time VARCHAR(24) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        operator VARCHAR(255) NOT NULL,
        host VARCHAR(255) NOT NULL,
        server VARCHAR(64),
        run VARCHAR(128),
        body TEXT NOT NULL,
        prev VARCHAR(64) NOT NULL,
        hash VARCHAR(64) NOT NULL
    )
    """,
    "CREATE INDEX entry_time ON entry (time)",
    "CREATE INDEX entry_kind ON entry (kind)",
    "CREATE INDEX entry_server ON entry (server, kind)",
    "CREATE INDEX entry_run ON entry (run)",
    # Against accidents, not against an attacker: that is what the chain is for.
    """
    CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
    """,
    """
    CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
    """,
    """
    CREATE TABLE result (
        seq INTEGER NOT NULL,
        what VARCHAR(16) NOT NULL,
        server VARCHAR(64) NOT NULL,
        time VARCHAR(24) NOT NULL,
        outcome VARCHAR(16) NOT NULL,
        seconds FLOAT,
        good BOOLEAN NOT NULL,
        started VARCHAR(24),
        snapshot VARCHAR(255),
        PRIMARY KEY (seq, what)
    )
    """,
    "CREATE INDEX result_last ON result (server, what, seq)",
    "CREATE INDEX result_good ON result (server, what, good, seq)",
    "CREATE INDEX result_outcome ON result (server, what, outcome, seq)",
    "CREATE INDEX result_time ON result (what, time)",
)

ADD_ENTRY = """
    INSERT INTO entry (seq, time, kind, operator, host, server, run, body, prev, hash)
    VALUES (:seq, :time, :kind, :operator, :host, :server, :run, :body, :prev, :hash)
"""
ADD_RESULT = """
    INSERT INTO result (seq, what, server, time, outcome, seconds, good, started, snapshot)
    VALUES (:seq, :what, :server, :time, :outcome, :seconds, :good, :started, :snapshot)
"""
# Entries of a kind that have no row in `result`; and whether the first or the last of that kind is one.
LACKING = """
    SELECT * FROM entry WHERE kind = :kind AND server IS NOT NULL
    AND seq NOT IN (SELECT seq FROM result WHERE seq = entry.seq)
"""
ENDS_LACK = """
    SELECT 1 FROM entry WHERE server IS NOT NULL AND seq NOT IN (SELECT seq FROM result WHERE seq = entry.seq)
    AND seq IN (SELECT MIN(seq) FROM entry WHERE kind = :kind UNION SELECT MAX(seq) FROM entry WHERE kind = :kind)
"""
