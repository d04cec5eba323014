"""Turns what a step reports into events, twice a second at most: rate and time left, lines in batches."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from tuibackup.progress import Finding, Progress
from tuibackup.run.journal import events as ev
from tuibackup.run.rates import RECENT, TICK, Rates
from tuibackup.sop import Step
from tuibackup.text import printable, shorten
from tuibackup.words import sentence, sentence_n

LINES = 200  # of a batch of output; the middle of a longer one is left out
FINDINGS = 1000  # of one step in the journal; the rest is counted (the snapshot's own lists hold all)
_WIDTH = 2000  # cells of one text; a server chooses how long its names are


class StepReporter:
    """The `progress.Reporter` of one step. Calls may come from any thread; events leave through `emit`."""

    def __init__(
        self,
        step: Step,
        emit: Callable[..., None],
        *,
        expected: float | None = None,
        limiting: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`emit(event_type, **fields)` writes an event; `expected` are seconds by history.

        `limiting` gives the bandwidth limit, in bytes a second, where it holds the step back just now.
        """
        self.step = step
        self.findings: list[Finding] = []
        self.findings_total = 0
        self.marked = False
        self._emit = emit
        self._expected = expected
        self._limiting = limiting
        self._clock = clock
        self._started = clock()
        self._newest: Progress | None = None
        self._doing = ""
        self._told: Progress | None = None
        self._rates = Rates()
        self._lines: deque[str] = deque()
        self._found: deque[Finding] = deque()

    def progress(self, progress: Progress) -> None:
        self._newest = progress

    def doing(self, text: str) -> None:
        """What the step does while it makes no progress, shown in place of the current file; "": it goes on."""
        self._doing = text

    def finding(self, finding: Finding) -> None:
        self._found.append(finding)

    def output(self, line: str) -> None:
        self._lines.append(line)

    async def tick(self) -> None:
        """Write what came, for as long as the step lasts (cancelled at its end; then `flush` once more)."""
        while True:
            await asyncio.sleep(TICK)
            self.flush()

    def flush(self) -> None:
        """Write what came since the last time."""
        self._flush_findings()
        self._flush_lines()
        self._flush_progress()

    def _flush_findings(self) -> None:
        while self._found:
            found = self._found.popleft()
            clean = Finding(_clean(found.subject), _clean(found.reason), found.mark)
            self.findings_total += 1
            self.marked = self.marked or found.mark
            # A mark decides whether the clock is renewed, so it is never only counted.
            if len(self.findings) < FINDINGS or found.mark:
                self.findings.append(clean)
                self._emit(
                    ev.StepFinding,
                    step=self.step,
                    subject=clean.subject,
                    reason=clean.reason,
                    mark=clean.mark,
                )

    def _flush_lines(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        if skipped := max(0, len(lines) - LINES):
            lines[LINES // 2 : LINES // 2 + skipped] = [
                sentence("… {lines} left out", lines=sentence_n("{count} line", "{count} lines", skipped))
            ]
        self._emit(ev.StepOutput, step=self.step, lines=tuple(_clean(line) for line in lines))

    def _flush_progress(self) -> None:
        newest, doing, now = self._newest, self._doing, self._clock()
        if doing:
            newest = replace(newest or Progress(0, None, 0, None), current=doing)
        if newest is None:
            return
        # Reading back what it wrote, for instance, is something else.
        self._rates.look(now, newest, anew=bool(doing))
        if newest == self._told and doing:
            return
        if newest == self._told and (self._rates.since_last < TICK / 2 or self._rates.looks > RECENT / TICK):
            return  # nothing new; for a while it is still sent, so that the rate goes down
        self._told = newest
        self._emit(
            ev.StepProgress,
            step=self.step,
            items=newest.items,
            bytes=newest.bytes,
            unit=newest.unit,
            items_total=newest.items_total,
            bytes_total=newest.bytes_total,
            lost=bool(doing),
            rate=self._rates.of_bytes(),
            left=self._left(newest, now - self._started),
            current=_clean(newest.current),
            seconds=round(now - self._started, 1),
            limit=self._limiting(),
        )

    def _left(self, newest: Progress, elapsed: float) -> float | None:
        """Seconds left by the recent rate; by history without a total."""
        guess = self._rates.left(newest)
        if guess is None and newest.bytes_total is None and self._expected is not None:
            return round(self._expected - elapsed, 1) if elapsed < self._expected else None
        return guess


def _clean(text: str) -> str:
    return shorten(printable(text), _WIDTH)
