"""The result of one check, and of all of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tuibackup.sop import Outcome


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: `detail` says what was found and, if it is not ok, the way out."""

    what: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Every check with its server (None: this machine), in order."""

    found: tuple[tuple[str | None, Check], ...]

    @property
    def outcome(self) -> Outcome:
        """*failed* if something does not work, *warnings* if something is worth knowing."""
        states = {check.state for _server, check in self.found}
        if State.FAILED in states:
            return Outcome.FAILED
        return Outcome.WARNINGS if State.WARNING in states else Outcome.DONE

    def of_servers(self) -> dict[str, "Checked"]:
        """The same of each server by itself."""
        names = dict.fromkeys(server for server, _check in self.found if server is not None)
        return {name: Checked(tuple(one for one in self.found if one[0] == name)) for name in names}

    def document(self) -> list[dict[str, Any]]:
        """As `check --json` prints it."""
        return [
            {"server": server, "check": check.what, "state": check.state.value, "detail": check.detail}
            for server, check in self.found
        ]
