"""What the terminal can, by the database of terminals; nothing beyond the usual where that does not know it."""

import curses

from tuibackup.tui.wire.changes import Able


def able(terminal: int) -> Able:
    """By TERM. Repeating a character is left alone: some that call themselves xterm do not know it."""
    try:
        curses.setupterm(fd=terminal)
    except curses.error:  # TERM is unknown, or not set
        return Able()
    return Able(erases=curses.tigetstr("ech") is not None, paints=curses.tigetflag("bce") > 0)
