"""The characters of the cockpit: those of Windows' WGL4 set, and an ASCII character for each without UTF-8.

Everything is drawn with the WGL4 ones. Where only ASCII may be shown, one filter replaces what goes to the
terminal, cell for cell, so that no drawing needs two forms.
"""

import os
from collections.abc import Mapping
from pathlib import Path

FAILED = "×"
OVERDUE = "!"
NEVER = "○"
DAMAGED = "≠"
UNDRILLED = "◊"
RUNNING = "►"
WAITING = "…"
DUE = "~"
FRESH = "√"
DONE = "√"
WARNINGS = "▲"
INTERRUPTED = "■"
NOT_BEGUN = "·"
FULL = "█"
HALF = "▓"
REST = "░"
LIGHT = "▒"
RULE = "─"
BAR = "│"
TEE_DOWN = "┬"
TEE_UP = "┴"
NOTHING = "–"
ARROW = "→"

_ASCII = {
    FAILED: "x", NEVER: "o", RUNNING: ">", WAITING: ".", FRESH: "+", WARNINGS: "^", INTERRUPTED: "#",
    DAMAGED: "%", UNDRILLED: "?",
    NOT_BEGUN: ".", FULL: "#", HALF: "=", LIGHT: "-", REST: ".", RULE: "-", BAR: "|", TEE_DOWN: "+", TEE_UP: "+",
    NOTHING: "-", "≤": "<", ARROW: ">", "•": "*", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+",
}  # fmt: skip
_TABLE = str.maketrans(_ASCII)


def to_ascii(text: str) -> str:
    """`text` in ASCII, cell for cell: our own signs by similar ones, any other character by "?"."""
    if text.isascii():
        return text
    # Used only after Textual has cut the text into cells; a wide character takes two.
    from rich.cells import cell_len

    return "".join(sign if sign.isascii() else "?" * cell_len(sign) for sign in text.translate(_TABLE))


def ascii_only(setting: str | None, environment: Mapping[str, str] | None = None) -> bool:
    """Whether to draw in ASCII: as `symbols` says, else if Python's output or the terminal's locale is not UTF-8."""
    if setting is not None:
        return setting == "ascii"
    locale = _started_with() if environment is None else environment
    keys = ("PYTHONIOENCODING", "LC_ALL", "LC_CTYPE", "LANG")
    name = next((value for key in keys if (value := locale.get(key))), "")
    return "utf8" not in name.lower().replace("-", "")


def _started_with() -> Mapping[str, str]:
    """The environment as it was at the start: Python itself writes LC_CTYPE=C.UTF-8 into its own (PEP 538)."""
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return os.environ
    pairs = (entry.decode("utf-8", "replace").partition("=") for entry in raw.split(b"\0"))
    return {name: value for name, _, value in pairs}
