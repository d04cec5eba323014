"""What folders to propose for a server: those that something there uses, with what of them is to be left out."""

from dataclasses import dataclass

from tuibackup.config import Server
from tuibackup.config.servers import remote_path
from tuibackup.discover.discover import discover
from tuibackup.discover.found import FoundFolder
from tuibackup.errors import ConnectionLostError
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.text import printable

_SECONDS = 20.0  # somebody waits for it
_MOST = 9


@dataclass(frozen=True, slots=True)
class Proposal:
    """A folder with what lies in it: bytes as far as they are known, `more`: at least so many; `closed`: it cannot be
    read; `why`: who uses it; `exclude`: patterns of what need not be stored.
    """

    path: str
    bytes: int | None
    more: bool = False
    closed: bool = False
    why: str = ""
    exclude: tuple[str, ...] = ()


async def propose(session: Session, probe: Probe, server: Server) -> tuple[Proposal, ...]:
    """The folders, the largest first; none where nobody can be asked, or the server ends the connection over it: paths
    can be typed all the same.
    """
    try:
        found = (await discover(session, probe, server, seconds=_SECONDS)).folders
    except ConnectionLostError:
        return ()
    usable = [one for one in found if _usable(one.path)]
    outer = [one for one in usable if not any(_lies_in(one.path, other.path) for other in usable)]
    outer.sort(key=lambda one: -(one.bytes or 0))
    return tuple(_proposal(one, usable) for one in outer[:_MOST])


def _proposal(one: FoundFolder, found: list[FoundFolder]) -> Proposal:
    inner = [other for other in found if _lies_in(other.path, one.path)]
    exclude = dict.fromkeys(pattern for other in (one, *inner) for pattern in other.exclude)
    why = printable(", ".join(one.named_by[:2]) or one.application)
    return Proposal(one.path, one.bytes, one.more, not one.readable, why, tuple(exclude))


def _lies_in(path: str, outer: str) -> bool:
    return path != outer and path.startswith(outer.rstrip("/") + "/")


def _usable(path: str) -> bool:
    try:
        return path.isprintable() and remote_path("folder")(path) == path
    except ValueError:
        return False
