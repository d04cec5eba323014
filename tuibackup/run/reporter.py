"""Turns what a step reports into events, twice a second at most: rate and time left, lines in batches."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from tuibackup.progress import Finding, Progress
from tuibackup.run.journal import events as ev
from tuibackup.sop import Step
from tuibackup.text import numbered, printable, shorten

TICK = 0.5  # seconds between two batches of events
RECENT = 10.0  # seconds over which a rate is taken
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
        self._samples: deque[tuple[float, int, int]] = deque()
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
            lines[LINES // 2 : LINES // 2 + skipped] = [f"… {numbered(skipped, 'line')} left out"]
        self._emit(ev.StepOutput, step=self.step, lines=tuple(_clean(line) for line in lines))

    def _flush_progress(self) -> None:
        newest, doing, now = self._newest, self._doing, self._clock()
        if doing:
            newest = replace(newest or Progress(0, None, 0, None), current=doing)
        if newest is None:
            return
        if self._samples and (doing or newest.bytes < self._samples[-1][1]):
            self._samples.clear()  # the step has come to something else, such as reading back what it wrote
        self._samples.append((now, newest.bytes, newest.items))
        while len(self._samples) > 2 and self._samples[1][0] <= now - RECENT:
            self._samples.popleft()
        if newest == self._told and doing:
            return
        before = self._samples[-2][0] if len(self._samples) > 1 else now - TICK
        if newest == self._told and (now - before < TICK / 2 or len(self._samples) > RECENT / TICK):
            return  # nothing new; for a while it is still sent, so that the rate goes down
        self._told = newest
        rate, item_rate = self._rates()
        self._emit(
            ev.StepProgress,
            step=self.step,
            items=newest.items,
            bytes=newest.bytes,
            unit=newest.unit,
            items_total=newest.items_total,
            bytes_total=newest.bytes_total,
            lost=bool(doing),
            rate=rate,
            left=self._left(newest, now - self._started, rate, item_rate),
            current=_clean(newest.current),
            seconds=round(now - self._started, 1),
            limit=self._limiting(),
        )

    def _rates(self) -> tuple[float | None, float | None]:
        """Bytes and items a second of the recent seconds; None until there are two looks to compare."""
        (before, some_bytes, some_items), (now, more_bytes, more_items) = self._samples[0], self._samples[-1]
        if (seconds := now - before) < TICK / 2:
            return None, None
        return max(0.0, (more_bytes - some_bytes) / seconds), max(0.0, (more_items - some_items) / seconds)

    def _left(
        self, newest: Progress, elapsed: float, rate: float | None, item_rate: float | None
    ) -> float | None:
        """Seconds left by the slower of bytes and items at the recent rate; by history without a total.

        Many small files and few large ones take turns: the smaller guess is wrong more often.
        """
        guesses = []
        for done, total, speed in (
            (newest.bytes, newest.bytes_total, rate),
            (newest.items, newest.items_total, item_rate),
        ):
            if total is not None and done < total and speed:
                guesses.append((total - done) / speed)
        if guesses:
            return round(max(guesses), 1)
        if newest.bytes_total is None and self._expected is not None and elapsed < self._expected:
            return round(self._expected - elapsed, 1)
        return None


def _clean(text: str) -> str:
    return shorten(printable(text), _WIDTH)
