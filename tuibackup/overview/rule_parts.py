"""The five parts of the rule 3-2-1-1-0, and how faces word them; `three_two_one` judges."""

from collections.abc import Iterable, Mapping

import msgspec

from tuibackup.words import _, later

COPIES, MEDIA, OFF_SITE, IMMUTABLE, ERRORS = "copies", "media", "off-site", "immutable", "errors"
# What each part is called for people.
WORDS = {
    COPIES: later("copies"),
    MEDIA: later("media"),
    OFF_SITE: later("off site"),
    IMMUTABLE: later("immutable"),
    ERRORS: later("errors"),
}


class Part(msgspec.Struct, frozen=True):
    """One of the five: how many there are, and how many the rule wants (of errors: at most). `lacks`: what is missing,
    "" where nothing is.
    """

    name: str
    have: int
    wanted: int
    lacks: str = ""

    def document(self) -> Mapping[str, object]:
        """As `status --long --json` prints it."""
        return {"have": self.have, "wanted": self.wanted, "ok": not self.lacks, "lacks": self.lacks or None}


def in_a_line(parts: Iterable[Part]) -> str:
    """How many there are of each: "2/3 copies · 1/2 media · …"; of errors, how many."""
    return " · ".join(
        f"{one.have} {_(WORDS[one.name])}"
        if one.name == ERRORS
        else f"{one.have}/{one.wanted} {_(WORDS[one.name])}"
        for one in parts
    )


def lacking(parts: Iterable[Part]) -> list[str]:
    """What each part that is not met lacks, in the language in use."""
    return [f"{_(WORDS[one.name])}: {_(one.lacks)}" for one in parts if one.lacks]
