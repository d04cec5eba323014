"""Watches runs by their journals until they end: steps as they finish, live lines, or raw events.

Steps and results go to stdout, errors and notes to stderr. A file or pipe gets no live lines; it gets a line
of progress every half minute.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tuibackup.cli.columns import GAP
from tuibackup.cli.jobwatch import JobLines
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, say, terminal_width
from tuibackup.cli.summary import Ended, print_summary
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import JournalReader, first, follow
from tuibackup.run.journal.view import RunView, StepView
from tuibackup.run.unusual import sentences
from tuibackup.sop import Clock, Outcome
from tuibackup.text import cells, count, duration, rate, shorten, shown, size, unit_word
from tuibackup.words import _, joined, ngettext

if TYPE_CHECKING:
    from tuibackup.config import Config

TICK = 0.5  # seconds between two drawings of the live lines
PLAIN_EVERY = 30.0  # seconds between two lines of progress without a terminal
FINDINGS = 20  # listed one by one here; `log --all` and the snapshot hold them all
BAR = 12
_ALLOWED = 8  # cells of "of 10:00"
_CLOCKS = {Clock.FILES: lambda: _("files"), Clock.DATABASES: lambda: _("databases")}
INTERRUPTED = 130
RECOVERIES = 10


class Watcher:
    """Follows the journals of some runs (by id) and prints their events."""

    def __init__(self, config: "Config", journals: Mapping[str, Path], printer: "Printer") -> None:
        self.finished: list[ev.Finished] = []  # the last events of those that have ended
        self._config = config
        self._journals = journals
        self._printer = printer
        self._go = asyncio.Event()
        self._go.set()

    async def watch(self) -> int:
        """Print until all runs have ended; returns the exit code of the worst."""
        try:
            async with asyncio.TaskGroup() as group:
                ticker = group.create_task(self._tick())
                tasks = [group.create_task(self._one(path)) for path in self._journals.values()]
                codes = await asyncio.gather(*tasks)
                ticker.cancel()
        except (
            ExceptionGroup
        ) as errors:  # the reader went away (`tuibackup run … | head`), or a journal is damaged
            raise errors.exceptions[0] from None
        finally:
            self._printer.clear()
        self._printer.sum_up()
        return ev.worst_code(codes)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Print nothing while somebody is being asked; what comes meanwhile is printed afterwards."""
        self._go.clear()
        self._printer.clear()
        try:
            yield
        finally:
            self._go.set()

    async def _tick(self) -> None:
        while True:
            await self._go.wait()
            self._printer.draw()
            await asyncio.sleep(TICK)

    async def _one(self, path: Path) -> int:
        finished: ev.Finished | None = None
        seen = 0
        async for event in follow(path):
            await self._go.wait()
            seen += 1
            self._printer.event(event)
            finished = event if isinstance(event, ev.Finished) else finished
        if finished is None:
            finished = await self._recorded(path, seen)
        if finished is None:
            return INTERRUPTED
        self.finished.append(finished)
        return finished.exit_code

    async def _recorded(self, path: Path, seen: int) -> ev.Finished | None:
        """The end of a run or job that died without recording it: it is recorded now, in its journal, too."""
        from tuibackup.run.process.recovery import recover

        for _attempt in range(RECOVERIES):  # another process may be recording it just now
            await asyncio.to_thread(recover, self._config)
            with JournalReader(path) as reader:
                for event in islice(reader.poll(), seen, None):
                    seen += 1
                    self._printer.event(event)
                    if isinstance(event, ev.Finished):
                        return event
            await asyncio.sleep(TICK)
        return None


class Printer(Protocol):
    """What shows the events."""

    def event(self, event: ev.AnyEvent) -> None:
        """The next one."""

    def draw(self) -> None:
        """Draw the live lines anew."""

    def clear(self) -> None:
        """Take them away."""

    def sum_up(self) -> None:
        """All have ended."""


class Json:
    """Prints every event as it is in the journal; the last line of a job has the job's name, as `verify-finished`."""

    def __init__(self) -> None:
        self._jobs: dict[str, str] = {}  # the kind of each, by its id

    def event(self, event: ev.AnyEvent) -> None:
        line = json.loads(ev.encode(event))
        if isinstance(event, ev.JobPlanned):
            self._jobs[event.run] = event.job
        elif isinstance(event, ev.JobFinished):
            line["event"] = f"{self._jobs.get(event.run, 'job')}-finished"
        # In ASCII, as all our JSON: without UTF-8 a terminal would show other characters.
        print(json.dumps(line, separators=(",", ":")))
        sys.stdout.flush()

    def draw(self) -> None:
        """There are no live lines."""

    def clear(self) -> None:
        """Nor any to take away."""

    def sum_up(self) -> None:
        """Each run's last line tells all."""


class Lines:
    """For people."""

    def __init__(self, journals: Iterable[Path], *, heading: bool = True, whole: bool = False) -> None:
        """`journals`: what is watched. If its runs are of several servers, each line names its own.

        `heading`: begin a job with a line that says what it is. `whole`: print every finding, and what the steps say
        of what they do.
        """
        self._findings = sys.maxsize if whole else FINDINGS
        self._whole = whole
        servers = _names(journals)
        self._heading = heading
        self._jobs: dict[str, JobLines] = {}
        self._column = max(map(cells, servers)) + 2 if len(servers) > 1 else 0
        self._live = sys.stdout.isatty()
        self._colour = coloured()
        self._views: dict[str, RunView] = {}
        self._drawn = 0  # live lines on the screen now
        self._told: dict[str, float] = {}  # without a terminal: when progress was last printed

    def event(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.JobPlanned):
            self._jobs[event.run] = JobLines(heading=self._heading)
        if (job := self._jobs.get(event.run)) is not None:
            self._job(job, event)
            return
        view = self._views.get(event.run) or RunView(event.run, event.server)
        self._views[event.run] = view = view.apply(event)
        match event:
            case ev.RunPlanned():
                name = "" if self._column else f"{view.server}  "
                self._print(view, f"{MARKS['running']} {name}{_heading(event)}")
                for clock, why in event.again.items():
                    again = _("  {clock} again, because of the last try: {reason}")
                    self._print(view, again.format(clock=_CLOCKS[clock](), reason=why or _("no good backup")))
            case ev.RunWaiting(reason="slot"):
                self._print(view, _("{mark} waiting: no slot is free").format(mark=MARKS["waiting"]))
            case ev.RunNote():
                self._print(view, event.text, error=True)
            case ev.StepFinding():
                if view.findings_total <= self._findings:
                    self._print(view, f"{event.subject}: {event.reason}", sign="warnings", start="   ")
            case ev.StepOutput() if self._whole:
                for line in event.lines:
                    self._print(view, line, start="   ")
            case ev.StepFinished():
                self._step(view, view.steps[event.step])
            case ev.RunFinished():
                self._finish(view, event)

    def draw(self) -> None:
        """Draw the live lines anew; without a terminal, print a lasting line now and then."""
        self.clear()
        going = [view for view in self._views.values() if not view.finished]
        if not self._live:
            for view in going:
                self._tell(view)
            return
        room = terminal_width() - 1
        for view in going:
            line = self._name(view) + _progress(view, bar=True)
            print(paint(shown(shorten(line, room)), "running", self._colour))
        jobs = [line for job in self._jobs.values() if not job.finished for line in job.lines()]
        for line in jobs:
            print(paint(shown(shorten(line, room)), "running", self._colour))
        sys.stdout.flush()
        self._drawn = len(going) + len(jobs)

    def clear(self) -> None:
        """Take the live lines away."""
        if self._drawn:
            sys.stdout.write(f"\x1b[{self._drawn}A\x1b[J")
            sys.stdout.flush()  # it must not come after what stderr says next
            self._drawn = 0

    def sum_up(self) -> None:
        """Print how the runs ended, if there are several."""
        ended = [
            Ended(view.server, view.finished.outcome.value, _wrong(view, view.finished))
            for view in self._views.values()
            if view.finished
        ]
        number = len(ended)
        print_summary(ngettext("{number} run", "{number} runs", number).format(number=count(number)), ended)

    # Lasting lines

    def _job(self, job: JobLines, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.JobProgress):
            job.event(event)
            return
        self.clear()
        job.event(event)
        if self._live:
            self.draw()

    def _finish(self, view: RunView, event: ev.RunFinished) -> None:
        if view.findings_total > self._findings:
            more = view.findings_total - self._findings
            self._print(
                view, _("{mark}   and {number} more").format(mark=MARKS["warnings"], number=count(more))
            )
        outcome = event.outcome.value
        start = f" {_(outcome)} {duration(event.seconds)}  "
        parts = [result.snapshot for result in (event.files, event.databases) if result and result.snapshot]
        self._print(view, joined("  ", parts), sign=outcome, start=start)
        for text in sentences({Clock.FILES: event.files, Clock.DATABASES: event.databases}):
            self._print(view, _("unusual: {what}").format(what=text), sign="warnings", start="   ")
        if event.slow and not (view.planned and view.planned.reason):
            text = _("a step was slow, and the record asks for a reason: tuibackup note --run {run} TEXT")
            self._print(view, text.format(run=event.run), sign="warnings", start="   ")
        if event.error:
            self._print(view, event.error, error=True)

    def _step(self, view: RunView, step: StepView) -> None:
        outcome = step.outcome or Outcome.FAILED
        slow = _("  ▲ slow") if step.slow else ""
        start = f" {step.step.number} {_(step.step.value):<9}{duration(step.seconds or 0):>7}  "
        self._print(
            view, f"{step.detail}{slow}", sign=outcome.value, start=start + _padded(_allowed(step), _ALLOWED)
        )

    def _print(
        self, view: RunView, line: str, *, sign: str = "", start: str = "", error: bool = False
    ) -> None:
        """Print a lasting line above the live lines. A long one continues below its own beginning, after `start`."""
        self.clear()
        if error:
            sys.stdout.flush()
            # Many errors begin with the server's name already.
            said = (
                line if line.startswith((f"{view.server}: ", f"{view.server} ")) else f"{view.server}: {line}"
            )
            say(said)
        else:
            name, mark = self._name(view), MARKS.get(sign, "")
            drawn = name + paint(mark, sign, self._colour) + start
            print_hanging(name + mark + start, line, drawn=drawn)
        if self._live:
            self.draw()

    def _name(self, view: RunView) -> str:
        """The server's column, where there are several."""
        return view.server + " " * (self._column - cells(view.server)) if self._column else ""

    def _tell(self, view: RunView) -> None:
        now = time.monotonic()
        if view.current and now - self._told.setdefault(view.run, now) >= PLAIN_EVERY:
            self._told[view.run] = now
            self._print(view, _progress(view, bar=False))


def _names(journals: Iterable[Path]) -> set[str]:
    return {planned.server for path in journals if (planned := first(path))}


def _wrong(view: RunView, finished: ev.RunFinished) -> tuple[str, ...]:
    """Why a run did not end well: its error, else the first of what it found."""
    if finished.error:
        return (finished.error,)
    if not view.findings:
        return ()
    worst = next((one for one in view.findings if one.mark), view.findings[0])
    text = f"{worst.subject}: {worst.reason}"
    if (more := max(view.findings_total, len(view.findings)) - 1) > 0:
        text += " " + _("(and {number} more: tuibackup follow {server})").format(
            number=count(more), server=view.server
        )
    return (text,)


def _heading(event: ev.RunPlanned) -> str:
    clocks = " + ".join(_CLOCKS[clock]() for clock in event.clocks)
    full = _(", full") if event.full else ""
    return f"{clocks}{full}  {event.run}"


def _padded(text: str, width: int) -> str:
    """`text` in a column of `width` cells, two spaces between it and what comes, however long it is."""
    return text + " " * (max(0, width - cells(text)) + GAP) if text else ""


def _allowed(view: StepView) -> str:
    """The step's standard, else what its history lets expect."""
    if view.standard is not None:
        return _("of {time}").format(time=duration(view.standard))
    return _("of ~{time}").format(time=duration(view.expected)) if view.expected is not None else ""


def _progress(view: RunView, *, bar: bool) -> str:
    """Where a run is, in one line."""
    step = view.current
    if step is None:
        word = _("waiting") if view.waiting else _("starting")
        return f"{MARKS['waiting']} {word}"
    parts = [f"{MARKS['running']} {step.step.number} {_(step.step.value):<9}{duration(_elapsed(step)):>7}"]
    parts.append(_padded(_allowed(step), 8))
    told = step.progress
    if told:
        share = _share(told)
        if share is not None:
            full = int(share * BAR)
            parts.append(("█" * full + "░" * (BAR - full) + " " if bar else "") + f"{share:.0%}")
        stalled = view.stalled(datetime.now(UTC))
        if stalled is not None:
            parts.append(_("stalled {time}").format(time=duration(stalled)))
        elif told.rate:
            limit = _(", limit {rate}").format(rate=rate(told.limit)) if told.limit else ""
            parts.append(rate(told.rate) + limit)
        if told.left is not None:
            parts.append(_("{time} left").format(time=duration(told.left)))
        elif stalled is None and told.bytes_total and told.bytes < told.bytes_total:
            parts.append(_("{time} left").format(time="–"))  # no rate yet to tell it by
        parts.append(_amount(told))
        if told.current:
            parts.append(told.current)
    return joined("  ", (part for part in parts if part.strip()))


def _elapsed(view: StepView) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(view.started)).total_seconds()


def _share(told: ev.StepProgress) -> float | None:
    """How much of it is done, where a total is known; bytes tell more than numbers."""
    for done, total in ((told.bytes, told.bytes_total), (told.items, told.items_total)):
        if total:
            return min(1.0, done / total)
    return None


def _amount(told: ev.StepProgress) -> str:
    items = count(told.items)
    if told.items_total:
        items = _("{done} of {total}").format(done=items, total=count(told.items_total))
    amount = size(told.bytes)
    if told.bytes_total:
        amount = _("{done} of {total}").format(done=amount, total=size(told.bytes_total))
    unit = unit_word(told.unit, told.items_total or told.items)
    return f"{items} {unit} · {amount}"
