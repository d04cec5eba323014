"""A drill: a snapshot is restored into a scratch place and compared with what was recorded when it was made.

Databases go into a throw-away mariadbd of this machine, or into an empty server that the configuration names
(`databases`); files into a folder (`files`). Nothing of it stays.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tuibackup.config import Config
from tuibackup.jobs.drill.findings import Findings, OnProgress
from tuibackup.sop import Clock
from tuibackup.text import count, size
from tuibackup.vault.layout import Snapshot
from tuibackup.words import in_english, ngettext

Numbered = Callable[[str, str, int], str]  # as ngettext

RECORDED = 100  # sentences of each kind in the ledger


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill that was carried out."""

    snapshot: Snapshot
    found: Findings
    seconds: float

    def amount(self, numbered: Numbered = ngettext) -> str:
        """What was proven, in a few words of the language in use, or as `numbered` has them."""
        found = self.found
        if self.snapshot.clock is Clock.FILES:
            files = numbered("{count} file", "{count} files", found.items).format(count=count(found.items))
            return f"{files}, {size(found.bytes)}"
        parts = [
            numbered("{count} database", "{count} databases", found.items).format(count=count(found.items)),
            numbered("{count} table", "{count} tables", found.tables).format(count=count(found.tables)),
            numbered("{count} row", "{count} rows", found.rows).format(count=count(found.rows)),
        ]
        if found.checksums or not found.rows:
            checksums = numbered("{count} checksum", "{count} checksums", found.checksums)
            parts.append(checksums.format(count=count(found.checksums)))
        else:
            parts.append(numbered("contents not compared", "contents not compared", found.tables))
        return ", ".join(parts)

    def document(self) -> dict[str, Any]:
        """As `drill --json` prints it."""
        found = self.found
        return {
            "snapshot": self.snapshot.spec,
            "outcome": found.outcome.value,
            "seconds": self.seconds,
            "where": found.where,
            "items": found.items,
            "bytes": found.bytes,
            "tables": found.tables,
            "rows": found.rows,
            "checksums": found.checksums,
            "differences": found.differences,
            "incomparable": found.incomparable,
            "gaps": found.gaps,
        }

    def body(self) -> Mapping[str, Any]:
        """As the ledger keeps it."""
        body = self.document()
        for kind in ("differences", "incomparable", "gaps"):
            body[f"{kind}_total"] = len(body[kind])
            body[kind] = body[kind][:RECORDED]
        found = self.found
        body["detail"] = f"{self.snapshot.spec}: {self.amount(in_english)}"
        body["error"] = found.differences[0] if found.differences else ""
        return body


def drill(config: Config, snapshot: Snapshot, on_progress: OnProgress) -> Drilled:
    """Restore `snapshot` into a scratch place and compare; to be called from the main thread.

    A fault of the snapshot is a difference. Raises TuibackupError where the drill itself cannot be carried out: no
    database server here, no room, a named server that is not empty.
    """
    began = time.monotonic()
    if snapshot.clock is Clock.FILES:
        from tuibackup.jobs.drill.files import drill_files

        found = drill_files(config.drill, snapshot, on_progress)
    else:
        from tuibackup.jobs.drill.databases import drill_databases

        found = drill_databases(config, snapshot, on_progress)
    if not snapshot.good:
        found.gaps.append(f"{snapshot.spec}: was not whole when it was made")
    return Drilled(snapshot, found, round(time.monotonic() - began, 3))
