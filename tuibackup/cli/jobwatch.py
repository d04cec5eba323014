"""What following a job shows: its results as they come, and a live line; or its documents."""

import sys

from tuibackup.cli.output import MARKS, JsonList, print_hanging, print_json, say
from tuibackup.cli.results import ended_of, print_result, print_results_summary
from tuibackup.cli.summary import Ended
from tuibackup.overview.picture import job_word
from tuibackup.run.journal import events as ev
from tuibackup.sop import Outcome
from tuibackup.text import count, duration, rate, size
from tuibackup.words import _, joined


class JobLines:
    """One job, for people. `heading`: begin with a line that says what it is."""

    def __init__(self, *, heading: bool) -> None:
        self.finished = False
        self._heading = heading
        self._planned: ev.JobPlanned | None = None
        self._progress: dict[str, ev.JobProgress] = {}  # by the copy; "" where there are not several at once
        self._ended: list[Ended] = []

    def event(self, event: ev.AnyEvent) -> None:
        """Print what is new."""
        match event:
            case ev.JobPlanned():
                self._planned = event
                if self._heading:
                    print_hanging(f"{MARKS['running']} ", f"{job_word(event.job)}  {event.what}  {event.run}")
            case ev.JobProgress():
                self._progress[event.to] = event
            case ev.RunNote():
                self._progress.clear()  # what goes on tells it again
                say(event.text)
            case ev.JobResult() if self._planned:
                self._progress.clear()
                self._ended.append(ended_of(event.outcome.value, event.result))
                print_result(self._planned.job, event.outcome.value, event.result)
            case ev.JobFinished():
                self._finish(event)

    def lines(self) -> list[str]:
        """How far it is; none while there is nothing to tell."""
        return [progress_line(one) for one in self._progress.values()]

    def _finish(self, event: ev.JobFinished) -> None:
        self.finished = True
        if event.error:
            sys.stdout.flush()
            say(event.error)
        elif self._planned and self._planned.job == "verify" and not self._ended:
            print(_("nothing to verify: there is no snapshot yet"))
        elif self._planned and self._planned.job == "copy" and not self._ended:
            if event.outcome is Outcome.DONE:
                print(_("nothing to copy: nothing is missing there"))
        elif self._planned:
            print_results_summary(self._planned.job, self._ended)


def progress_line(told: ev.JobProgress) -> str:
    """Where a job is, in one line."""
    parts = [f"{told.subject} → {told.to}" if told.to else told.subject]
    if told.bytes_total:
        parts.append(f"{min(1.0, told.bytes / told.bytes_total):.0%}")
    parts.append(f"{count(told.items)} · {size(told.bytes)}")
    if told.rate:
        parts.append(rate(told.rate))
    if told.left is not None:
        parts.append(_("{time} left").format(time=duration(told.left)))
    return joined("  ", parts)


class Documents:
    """Prints the documents of a job's results: one, or a list (`several`) that grows as they come."""

    def __init__(self, *, several: bool) -> None:
        self._list = JsonList() if several else None

    def event(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.RunNote():
                say(event.text)
            case ev.JobResult():
                if self._list is None:
                    print_json(event.result)
                else:
                    self._list.add(event.result)
            case ev.JobFinished():
                if self._list is not None and (self._list.begun or not event.error):
                    self._list.end()
                sys.stdout.flush()
                if event.error:
                    say(event.error)

    def draw(self) -> None:
        """There are no live lines."""

    def clear(self) -> None:
        """Nor any to take away."""

    def sum_up(self) -> None:
        """The documents tell all."""
