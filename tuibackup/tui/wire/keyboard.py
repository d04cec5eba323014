"""Cuts what was typed into keys: finds where an escape sequence ends, and tells esc followed by another key apart.

Textual takes esc and a letter that come together for alt and the letter: with `esc`, `j`, `enter` typed ahead of a slow
line no dialog was closed, and enter started its backup. No key of ours has alt, so an escape begins a sequence only
where it is followed by what begins one.
"""

import re
from collections.abc import Iterator

ESCAPE = "\x1b"
PASTE = "\x1b[200~"
_PASTE_END = "\x1b[201~"
# CSI and its final byte, with Linux' F1 to F5 (two brackets); SS3 with the keys that terminals send so.
_SEQUENCE = re.compile(r"\x1b(?:\[\[[A-E]|\[[0-?]*[ -/]*[@-Z\\-~]|O[ABCDFHMPQRS])")
# An answer of the terminal to another program's question: OSC and DCS, up to their end. Not a key.
_ANSWER = re.compile(r"\x1b(?:\][0-9][^\x07\x1b]*|P[0-9>$!+][^\x07\x1b]*)(?:\x07|\x1b\\)")
_BEGUN = re.compile(
    r"\x1b(?:\[\[?|\[[0-?]*[ -/]*|O|\](?:[0-9][^\x07\x1b]*\x1b?)?|P(?:[0-9>$!+][^\x07\x1b]*\x1b?)?)?\Z"
)
_LONGEST = 4096  # characters of a sequence without an end that is not a paste


class Keyboard:
    """Takes characters as they come; gives characters, whole sequences, and pastes with the brackets around them."""

    def __init__(self) -> None:
        self._rest = ""

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the rest of a sequence that has begun, before `give_up`; None if none has.

        A lone escape may be the key. More than that is hardly ever typed: it comes in pieces over a bad line.
        """
        if not self._rest or self._rest.startswith(PASTE):
            return None
        return 0.1 if self._rest == ESCAPE else 1.0

    def feed(self, text: str) -> Iterator[str]:
        """The keys that are complete once `text` is added."""
        self._rest += text
        while self._rest:
            if self._rest.startswith(PASTE):
                end = self._rest.find(_PASTE_END)
                if end < 0:
                    return
                yield self._take(end + len(_PASTE_END))
            elif self._rest[0] != ESCAPE:
                yield self._take(1)
            elif found := _SEQUENCE.match(self._rest):
                yield self._take(found.end())
            elif found := _ANSWER.match(self._rest):
                self._take(found.end())
            elif len(self._rest) < _LONGEST and _BEGUN.match(self._rest):
                return
            else:
                yield self._take(1)

    def give_up(self) -> Iterator[str]:
        """Nothing more came: it was esc, perhaps with a key after it; a part of a sequence is not a key."""
        rest, self._rest = self._rest, ""
        if len(rest) <= 2:
            yield from rest

    def _take(self, length: int) -> str:
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken
