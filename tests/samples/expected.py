"""What must come back of a sample: told when it was made, by looking at the servers and not by what is tested."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.histories import Seen, fingerprint
from tuibackup.demo.mariadbd import PrivateMariadb

Told = dict[str, list[Any]]  # `Seen` as JSON has it


def told(seen: Seen) -> Told:
    """As JSON can hold it."""
    return {
        path: [mode, list(owner), time, content, same, [[name, value.hex()] for name, value in attributes]]
        for path, (mode, owner, time, content, same, attributes) in seen.items()
    }


def seen(said: Told, *, owners: bool) -> Seen:
    """`told` taken back, and of it what an account can have: without `owners` an ordinary one."""
    return {
        path: (
            mode,
            tuple(owner) if owners else (),
            time,
            content,
            same,
            [
                (name, bytes.fromhex(value))
                for name, value in attributes
                if owners or name.startswith("user.")
            ],
        )
        for path, (mode, owner, time, content, same, attributes) in said.items()
    }


def of_folder(folder: Path, *, without: Iterable[str] = (), by_sftp: bool = False) -> Told:
    """All about `folder` but the paths in `without`; `by_sftp`: as far as SFTP can tell it."""
    found = {path: facts for path, facts in fingerprint(folder, ["*.log"]).items() if path not in without}
    if by_sftp:
        found = {
            path: (mode, owner, time // 10**9 * 10**9, content, path, [])
            for path, (mode, owner, time, content, _same, _attributes) in found.items()
            if isinstance(time, int)
        }
    return told(found)


_OBJECTS = """
SELECT CONCAT_WS(' ', LOWER(TABLE_TYPE), TABLE_SCHEMA, TABLE_NAME) FROM information_schema.TABLES WHERE {TABLE_}
UNION SELECT CONCAT_WS(' ', LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA, ROUTINE_NAME)
    FROM information_schema.ROUTINES WHERE {ROUTINE_}
UNION SELECT CONCAT_WS(' ', 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME) FROM information_schema.TRIGGERS WHERE {TRIGGER_}
UNION SELECT CONCAT_WS(' ', 'event', EVENT_SCHEMA, EVENT_NAME) FROM information_schema.EVENTS WHERE {EVENT_}
ORDER BY 1
"""
_OWN = "{}SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
_TABLES = f"""
SELECT CONCAT('`', REPLACE(TABLE_SCHEMA, '`', '``'), '`.`', REPLACE(TABLE_NAME, '`', '``'), '`')
FROM information_schema.TABLES WHERE {_OWN.format("TABLE_")} ORDER BY 1
"""


def of_databases(server: PrivateMariadb, *, without: Iterable[str] = ()) -> dict[str, str]:
    """The SHA-256 of what each table, view and sequence of a server holds, and "" for each other object.

    `without`: objects that no dump can have.
    """
    words = {f"{kind}_": _OWN.format(f"{kind}_") for kind in ("TABLE", "ROUTINE", "TRIGGER", "EVENT")}
    found = dict.fromkeys(server.sql(_OBJECTS.format(**words)).splitlines(), "")
    for name in server.sql("SET sql_mode = '';" + _TABLES).splitlines():
        if name not in without:
            rows = sorted(
                server.sql(f"SET NAMES utf8mb4, time_zone = '+00:00'; SELECT * FROM {name}").splitlines()
            )
            found[name] = hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()
    return {name: said for name, said in found.items() if name not in without}
