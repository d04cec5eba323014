"""What a check says of one thing that was tried."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: `detail` says what was found and, where it is not ok, the way out."""

    what: str
    state: State
    detail: str
