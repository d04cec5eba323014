"""When the backup disk will be full: arithmetic, which a face can do at every picture."""

from datetime import date, timedelta

MONTH = 365.25 / 12  # days
_FAR = 50  # years: a disk that lasts so long is not said to be full one day


def full_by(free: int, growth: float, today: date) -> date | None:
    """The day on which `free` bytes are used up, with `growth` bytes more a month; None: not in sight."""
    if growth <= 0 or free / growth > _FAR * 12:
        return None
    return today + timedelta(days=max(0, free) / growth * MONTH)
