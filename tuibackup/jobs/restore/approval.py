"""Who approved a restore, and why: asked for where `[restore] approval = true`, and kept with the restore's entry."""

from typing import Any

import msgspec

from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.words import sentence

LONGEST = 500  # characters of either


class Approval(msgspec.Struct, frozen=True):
    """Who approved it, and for what reason; "" where nobody was asked."""

    by: str = ""
    reason: str = ""

    def body(self) -> dict[str, Any]:
        """What the ledger keeps."""
        return {
            **({"approved_by": self.by} if self.by else {}),
            **({"reason": self.reason} if self.reason else {}),
        }

    def command(self) -> tuple[str, ...]:
        """The words of the command that say the same."""
        by = ("--approved-by", self.by) if self.by else ()
        return (*by, *(("--reason", self.reason) if self.reason else ()))


NOT_ASKED = Approval()


def approval(by: str, reason: str) -> Approval:
    """Out of what somebody typed. Raises UsageError for what is no name or no sentence."""
    for text in (by, reason):
        if len(text) > LONGEST or not text.isprintable():
            raise UsageError(
                sentence(
                    "who approved the restore, and why, are one short line each, without control characters"
                )
            )
    return Approval(by.strip(), reason.strip())


def require(config: Config, given: Approval) -> None:
    """Raises UsageError where the configuration wants a restore approved, and this one is not."""
    if config.restore.approval and not (given.by and given.reason):
        raise UsageError(
            sentence("[restore] approval = true: a restore needs somebody who approved it, and a reason"),
            sentence("name them: --approved-by NAME --reason TEXT"),
        )
