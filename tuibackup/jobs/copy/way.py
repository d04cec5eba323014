"""What the way to a place of copies may need."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuibackup.jobs.recorder import Recorder
    from tuibackup.remote.questions import Answers


@dataclass(frozen=True, slots=True)
class Way:
    """What the way to a place may need: somebody who answers and keeps the record of host keys, and who is told.

    Once `halt` is set, whoever sends there ends.
    """

    answers: "Answers"
    recorder: "Recorder"
    note: Callable[[str], None]
    halt: Event = field(default_factory=Event)
