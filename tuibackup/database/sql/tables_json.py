"""tables.json: what is in each dump and where in its SQL every table lies. docs/vault-format.md describes it."""

import json
from collections.abc import Mapping, Sequence

from tuibackup.database.dump.results import Made, Taken
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.output import OutputFile
from tuibackup.vault.summary import DatabaseSummary

TABLES = "tables.json"


def write(
    incoming: Incoming, made: Sequence[Made], summaries: Sequence[DatabaseSummary], taken: Taken
) -> None:
    """Write it for these dumps. Raises VaultError."""
    databases = [_database(one, summary, taken) for one, summary in zip(made, summaries, strict=True)]
    output = OutputFile(incoming.path / TABLES)
    try:
        text = json.dumps({"format": 1, "databases": databases}, ensure_ascii=False, indent=1)
        output.write(text.encode("utf-8", "surrogateescape"))
        incoming.wrote(output.close())
    finally:
        output.abandon()


def _database(made: Made, summary: DatabaseSummary, taken: Taken) -> Mapping[str, object]:
    info = made.info
    engines = {table.name: table.engine for table in info.tables}
    # A database that was dumped again shows another instant than the counts.
    counts = taken.counts if made.at_instant else {}
    checksums = taken.checksums if made.at_instant else {}
    contents = taken.contents if made.at_instant else {}
    return {
        "name": summary.name,
        "file": summary.file,
        "bytes": summary.bytes,
        "longest_statement": made.contents.longest,
        "objects": {
            "views": list(info.views),
            "triggers": list(info.triggers),
            "routines": sorted(name for _kind, name in info.routines),
            "events": list(info.events),
            "sequences": list(info.sequences),
        },
        "left_out": [
            {"kind": one.kind, "name": one.name, "why": one.why, "rows": one.rows} for one in info.left_out
        ],
        "tables": [
            {
                "name": part.name,
                "offset": part.offset,
                "bytes": part.bytes,
                "rows": part.rows,
                "counted": counts.get((info.name, part.name)),
                "checksum": checksums.get((info.name, part.name)),
                "content": one.document() if (one := contents.get((info.name, part.name))) else None,
                "engine": engines.get(part.name, ""),
            }
            for part in made.contents.tables.values()
        ],
    }
