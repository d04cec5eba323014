"""From one place of the screen to another, and from one pen to another, with the fewest bytes."""

from functools import lru_cache
from typing import NamedTuple

from tuibackup.tui.wire.frame import PLAIN, Pen

# The codes that end an attribute: bold and dim share one number.
_OFF = {1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 6: 25, 7: 27, 8: 28, 9: 29, 21: 24, 51: 54, 52: 54, 53: 55}


class At(NamedTuple):
    """Where the terminal writes next, and how. `x` None: not known, after the last column or an uncertain width."""

    x: int | None = 0
    y: int = 0
    pen: Pen = PLAIN


@lru_cache(1 << 14)
def moved(x: int | None, y: int, to_x: int, to_y: int) -> str:
    """The shortest way from (x, y) to another place. Newlines go down only: the driver turns the returns off."""
    if (x, y) == (to_x, to_y):
        return ""
    ways = [f"\x1b[{to_y + 1 if to_y else ''}{f';{to_x + 1}' if to_x else ''}H"]
    ways += [down + along for down in _down(y, to_y) for along in _along(x, to_x)]
    return min(ways, key=len)


def _down(y: int, to: int) -> list[str]:
    if y == to:
        return [""]
    by = abs(to - y)
    ways = [f"\x1b[{to + 1 if to else ''}d", f"\x1b[{by if by > 1 else ''}{'B' if to > y else 'A'}"]
    return [*ways, "\n" * by] if to > y else ways


def _along(x: int | None, to: int) -> list[str]:
    if x == to:
        return [""]
    ways = ["\r"] if to == 0 else [f"\x1b[{to + 1}G"]
    if x is not None:
        by = abs(to - x)
        ways.append(f"\x1b[{by if by > 1 else ''}{'C' if to > x else 'D'}")
        if to < x:
            ways.append("\b" * by)
    return ways


@lru_cache(1 << 10)
def turned(old: Pen, new: Pen) -> str:
    """The codes from one pen to another: what differs, or everything after a reset, whichever is shorter."""
    if old == new:
        return ""
    fresh = [str(number) for number in sorted(new.attributes)]
    fresh += [colour for colour in (new.foreground, new.background) if colour]
    gone = {_OFF[number] for number in old.attributes - new.attributes}
    differing = [str(number) for number in sorted(gone)]
    differing += [
        str(number) for number in sorted(new.attributes)
        if number not in old.attributes or _OFF[number] in gone
    ]  # fmt: skip
    if new.foreground != old.foreground:
        differing.append(new.foreground or "39")
    if new.background != old.background:
        differing.append(new.background or "49")
    ways = (";".join(["", *fresh] if fresh else []), ";".join(differing))
    return f"\x1b[{min(ways, key=len)}m"
