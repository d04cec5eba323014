"""A day or a moment as the command line takes it."""

import re
from datetime import datetime

from tuibackup.errors import UsageError
from tuibackup.words import _


def moment(text: str) -> datetime:
    """A local day or moment; ambiguous forms are refused. Raises UsageError."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?", text):
        raise _bad(text)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise _bad(text) from None


def _bad(text: str) -> UsageError:
    from tuibackup.text import printable

    return UsageError(
        _('--since "{text}" is no date').format(text=printable(text)),
        _('write it as 2026-11-01 or "2026-11-01 08:00"'),
    )
