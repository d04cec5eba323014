"""How fast something goes, from recent progress, and how long it will still take."""

from collections import deque

from tuibackup.progress import Progress

TICK = 0.5  # seconds between two looks
RECENT = 10.0  # seconds over which a rate is taken


class Rates:
    """Bytes and items a second over the recent seconds; `look` at each new state."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def look(self, now: float, progress: Progress, *, anew: bool = False) -> None:
        """Take in the state of `now` (monotonic seconds). `anew`, or fewer bytes than before: something else began."""
        if self._samples and (anew or progress.bytes < self._samples[-1][1]):
            self._samples.clear()
        self._samples.append((now, progress.bytes, progress.items))
        while len(self._samples) > 2 and self._samples[1][0] <= now - RECENT:
            self._samples.popleft()

    @property
    def since_last(self) -> float:
        """Seconds between the last two looks; TICK if there was only one."""
        return self._samples[-1][0] - self._samples[-2][0] if len(self._samples) > 1 else TICK

    @property
    def looks(self) -> int:
        """How many looks the rate is taken over."""
        return len(self._samples)

    def of_bytes(self) -> float | None:
        """Bytes a second; None until there are two looks to compare."""
        return self._rate(1)

    def left(self, progress: Progress) -> float | None:
        """Seconds left by the slower of bytes and items; None without a total or a rate.

        Many small files and few large ones take turns: the smaller guess is wrong more often.
        """
        guesses = [
            (total - done) / speed
            for done, total, speed in (
                (progress.bytes, progress.bytes_total, self._rate(1)),
                (progress.items, progress.items_total, self._rate(2)),
            )
            if total is not None and done < total and speed
        ]
        return round(max(guesses), 1) if guesses else None

    def _rate(self, column: int) -> float | None:
        if not self._samples:
            return None
        first, last = self._samples[0], self._samples[-1]
        seconds = last[0] - first[0]
        return None if seconds < TICK / 2 else max(0.0, (last[column] - first[column]) / seconds)
