"""Restores files, or databases as SQL, into a folder of this machine, and records the result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.jobs.restore.plan import FolderPlan
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.sop import Clock, Outcome
from tuibackup.text import count, size
from tuibackup.vault.names import file_name
from tuibackup.words import joined, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.vault.restore.files import Restored


@dataclass(frozen=True, slots=True)
class RestoredFolder(Result):
    """What is in the folder now."""

    plan: FolderPlan
    restored: "Restored"
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """*failed* if the snapshot is damaged, even if much of it was restored."""
        restored = self.restored
        if restored.damaged:
            return Outcome.FAILED
        if not restored.problems:
            return Outcome.DONE
        something = restored.files or restored.folders or restored.links
        return Outcome.WARNINGS if something else Outcome.FAILED

    def facts(self) -> dict[str, Any]:
        restored = self.restored
        return {
            "snapshot": self.plan.snapshot.spec,
            "to": str(self.plan.to),
            "outcome": self.outcome.value,
            "files": restored.files,
            "folders": restored.folders,
            "links": restored.links,
            "bytes": restored.bytes,
            "seconds": self.seconds,
            "problems": [{"path": path, "reason": reason} for path, reason in restored.problems],
            "damaged": restored.damaged,
        }

    def body(self) -> dict[str, Any]:
        restored, plan = self.restored, self.plan.body()
        came = joined(
            ", ", (sentence_n("{count} file", "{count} files", restored.files), size(restored.bytes))
        )
        detail = joined(": ", (plan["detail"], came))
        if restored.problems:
            left = sentence("{count} not restored", count=count(len(restored.problems)))
            detail = joined(", ", (detail, left))
        return {**bounded(self.facts()), "to": plan["to"], "detail": detail}


def sql_file(database: str, table: str) -> str:
    """The name of the file that a table's SQL becomes."""
    return f"{file_name(database)}.{file_name(table)}.sql"


def restore_to_folder(
    plan: FolderPlan, recorder: Recorder, on_progress: Callable[[Progress], None]
) -> RestoredFolder:
    """Restore, and record what came out, or that it was refused, failed or was stopped. Raises TuibackupError."""
    from tuibackup.vault.reading import reading
    from tuibackup.vault.restore.files import restore_dumps, restore_files, restore_sql

    with (
        recorder.attempt(Kind.RESTORE, plan.body(), server=plan.snapshot.server) as attempt,
        reading(plan.snapshot),
    ):
        if plan.table is not None:
            sql = plan.sql()
            restored = restore_sql(
                sql.parts,
                sql.size,
                plan.to,
                sql_file(plan.databases[0], plan.table),
                plan.existing,
                on_progress,
            )
        elif plan.snapshot.clock is Clock.DATABASES:
            restored = restore_dumps(
                plan.snapshot, plan.databases, plan.to, existing=plan.existing, on_progress=on_progress
            )
        else:
            restored = restore_files(
                plan.snapshot,
                plan.paths,
                plan.to,
                existing=plan.existing,
                numeric_owner=plan.numeric_owner,
                on_progress=on_progress,
            )
    return attempt.recorded(RestoredFolder(plan, restored, attempt.seconds))
