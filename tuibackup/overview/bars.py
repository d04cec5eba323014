"""A year as a line of signs: a sign for how each cell ended, or a bar for how much it was. All are in WGL4."""

from collections.abc import Sequence

from tuibackup.sop import Outcome

SHADES = "░▒▓█"  # a quarter of the largest each
ENDED: dict[Outcome | None, str] = {
    Outcome.DONE: "█", Outcome.WARNINGS: "▓", Outcome.FAILED: "×", Outcome.INTERRUPTED: "×", None: "·",
}  # fmt: skip


def bars(values: Sequence[float | None]) -> str:
    """A shade for each value, by its share of the largest; a blank for None."""
    most = max((value for value in values if value is not None), default=0.0)
    return "".join(_shade(value, most) for value in values)


def _shade(value: float | None, most: float) -> str:
    if value is None:
        return " "
    if most <= 0:
        return SHADES[0]
    return SHADES[min(len(SHADES) - 1, int(value / most * len(SHADES)))]
