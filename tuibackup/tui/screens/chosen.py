"""What was chosen of a snapshot, in words and as a command."""

import shlex
from dataclasses import dataclass

from tuibackup.overview.browse import Row, SnapshotLine, spec_of
from tuibackup.sop import Clock
from tuibackup.text import printable


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be restored: paths of a snapshot, or databases; none: all of it."""

    snapshot: SnapshotLine
    paths: tuple[bytes, ...]


def last_part(row: Row) -> str:
    """The last part of its name."""
    return printable(row.path.replace(b"\0", b".").rpartition(b"/")[2] or row.path)


def chosen_words(server: str, chosen: Chosen) -> list[str]:
    """What is to be restored, by name."""
    spec = spec_of(server, chosen.snapshot)
    return [spec, *("  " + printable(path.replace(b"\0", b".")) for path in chosen.paths)]


def restore_command(server: str, chosen: Chosen) -> str:
    """The beginning of the command that restores the same; where to is for its reader to say."""
    words = ["tuibackup", "restore", spec_of(server, chosen.snapshot)]
    for path in chosen.paths:
        database, _nul, table = printable(path).partition("\\x00") if is_database(chosen) else ("", "", "")
        words += ["--database", database] if database else [printable(path)]
        words += ["--table", table] if table else []
    return f"{shlex.join(words)} --to "


def is_database(chosen: Chosen) -> bool:
    """Whether it is of a databases snapshot."""
    return chosen.snapshot.clock is Clock.DATABASES
