"""What a drill found: counts of what agreed, and a sentence for each thing that did not."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tuibackup.progress import Progress
from tuibackup.sop import Outcome

OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Findings:
    """What was found so far, in English as all the record.

    `differences` are faults; `incomparable` is what cannot be compared; `gaps` is what nothing proves.
    `checksums` counts tables, or files, whose content agreed.
    """

    where: str = ""  # what it was restored into
    items: int = 0  # databases, or files
    bytes: int = 0
    tables: int = 0
    rows: int = 0
    checksums: int = 0
    differences: list[str] = field(default_factory=list)
    incomparable: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """*failed* if something differs, *warnings* if something could not be proven."""
        return Outcome.FAILED if self.differences else Outcome.WARNINGS if self.gaps else Outcome.DONE
