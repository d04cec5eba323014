"""A restore, verify or drill as a picture, folded from its events alone."""

import msgspec
from msgspec.structs import replace

from tuibackup.run.journal import events as ev
from tuibackup.sop import Outcome

_STALE = 5.0  # seconds without news, after which a copy has ended


class JobView(msgspec.Struct, frozen=True):
    """One job. `progress` is that of the snapshot it is busy with; `results` counts those it has done, `bad` those that
    failed.
    """

    run: str
    planned: ev.JobPlanned | None = None
    progress: ev.JobProgress | None = None
    results: int = 0
    bad: int = 0
    finished: ev.JobFinished | None = None

    def apply(self, event: ev.AnyEvent) -> "JobView":
        """The picture after one more event."""
        match event:
            case ev.JobPlanned():
                return replace(self, planned=event)
            case ev.JobProgress():
                return self if self._is_beside(event) else replace(self, progress=event)
            case ev.JobResult():
                bad = self.bad + (event.outcome is Outcome.FAILED)
                return replace(self, progress=None, results=self.results + 1, bad=bad)
            case ev.JobFinished():
                return replace(self, progress=None, finished=event)
            case _:
                return self

    def _is_beside(self, event: ev.JobProgress) -> bool:
        """Whether it is of another one of several copies under way: one is shown, not all in turns."""
        shown = self.progress
        return shown is not None and shown.to != event.to and event.seconds - shown.seconds < _STALE
