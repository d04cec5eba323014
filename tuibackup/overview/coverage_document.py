"""What is unprotected as documents of --json: `discover` and `status` tell it in the same shape (docs/json.md)."""

import os
from base64 import b64encode
from typing import Any

from tuibackup.discover.found import FoundDatabase, FoundFolder
from tuibackup.ledger.entries import iso
from tuibackup.overview.coverage import Coverage, Unprotected
from tuibackup.text import printable


def coverage_document(found: Coverage) -> dict[str, Any]:
    """As `discover --json` and `status --json` tell it."""
    return {
        "looked": iso(found.looked) if found.looked else None,
        "unprotected": [_unprotected(one) for one in found.unprotected],
        "accepted": [_unprotected(one) for one in found.accepted],
        "elsewhere": [database_document(one) for one in found.elsewhere],
    }


def _unprotected(one: Unprotected) -> dict[str, Any]:
    said = one.accepted
    return {
        "kind": "folder" if one.folder else "database",
        **_exact("name", one.name),
        "reason": one.reason,
        "by": printable(one.by),
        **({"folder": folder_document(one.folder)} if one.folder else {}),
        **({"database": database_document(one.database)} if one.database else {}),
        **(
            {
                "accepted": {
                    "what": printable(said.what),
                    "reason": said.reason,
                    "owner": said.owner,
                    "time": iso(said.time),
                }
            }
            if said
            else {}
        ),
    }


def folder_document(one: FoundFolder) -> dict[str, Any]:
    """A folder that was found."""
    return {
        **_exact("path", one.path),
        "real": printable(one.real),
        "what": one.what,
        "application": printable(one.application),
        "named-by": list(map(printable, one.named_by)),
        "readable": one.readable,
        "files": one.files,
        "bytes": one.bytes,
        "more": one.more,
        "exclude": list(map(printable, one.exclude)),
    }


def database_document(one: FoundDatabase) -> dict[str, Any]:
    """A database that was found."""
    return {
        "name": printable(one.name),
        "application": printable(one.application),
        "folder": printable(one.folder),
        "host": printable(one.host),
        "kind": printable(one.kind),
        "present": one.present,
    }


def _exact(key: str, name: str) -> dict[str, str]:
    """A name as it is if it is UTF-8, else readable, with its bytes in base64 beside it."""
    raw = os.fsencode(name)
    try:
        return {key: raw.decode()}
    except UnicodeDecodeError:
        return {key: printable(name), f"{key}-base64": b64encode(raw).decode()}
