"""The rule language of retention: "8 weeks, 12 months, 3 years", or "everything"."""

import msgspec

from tuibackup.sop import Period
from tuibackup.words import sentence

EVERYTHING = "everything"
_WAYS = sentence(
    '"8 weeks, 12 months, 3 years" (days, weeks, months, years; at most 100 years), or "everything"'
)


class Rule(msgspec.Struct, frozen=True):
    """Of each part, the newest good snapshot of each of the last `count` periods that have one is kept.

    No parts: everything is kept.
    """

    parts: tuple[Period, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read a rule as people write it. Raises ValueError with a sentence that tells how."""
        if text.strip() == EVERYTHING:
            return cls()
        parts: list[Period] = []
        for piece in text.split(","):
            try:
                part = Period.parse(piece)
            except ValueError:
                raise ValueError(
                    sentence(
                        '"{piece}" is no number of periods to keep; write the rule as {ways}',
                        piece=piece.strip() or text,
                        ways=_WAYS,
                    )
                ) from None
            if any(part.unit == other.unit for other in parts):
                raise ValueError(
                    sentence(
                        '"{text}" counts {unit} twice; name each unit once, as {ways}',
                        text=text,
                        unit=f"{part.unit}s",
                        ways=_WAYS,
                    )
                )
            parts.append(part)
        return cls(tuple(parts))

    def __str__(self) -> str:
        return ", ".join(map(str, self.parts)) or EVERYTHING
