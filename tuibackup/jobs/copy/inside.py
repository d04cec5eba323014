"""What lies in a copy, as its place itself tells, whether this machine has a vault and a ledger or not."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies import place as pl
from tuibackup.copies.fetch import fetch
from tuibackup.copies.held import Held, Opening, everything
from tuibackup.copies.known import Known
from tuibackup.copies.target import CopyError, Target
from tuibackup.errors import UsageError
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault import summary
from tuibackup.words import sentence


def require_copy(config: Config, copy: CopySettings, target: Target) -> pl.Identity:
    """Its identity. Raises CopyError: the place holds no copies, or is another one than before."""
    found = pl.read_identity(target)
    if found is None:
        raise CopyError(
            sentence("{place} holds no copies", place=target.name),
            sentence("wrong disk, folder or bucket? See to of [copies.{copy}]", copy=copy.name),
        )
    pl.require(target, found, Known(config.state, copy.name).notes().id or None)
    return found


def chosen(
    target: Target, opener: Opening | None, word: str, scratch: Path, note: Callable[[str], None]
) -> list[Held]:
    """The snapshot of that name, or the newest good ones of a server. Raises UsageError: there is none; CopyError.

    What tells which is good is brought into `scratch`. `note` hears of what is damaged there, and so is no choice.
    """
    all_there, faults = everything(target, opener)
    if faults and not all_there:
        raise faults[0]
    match word.strip("/").split("/"):
        case [server, ("files" | "databases") as clock, name]:
            there = [one for one in all_there if one.spec.split("/")[0] == server]
            found = [one for one in there if one.spec == f"{server}/{clock}/{name}"]
            if name == "latest":
                found = _newest_good(there, Clock(clock), target, opener, scratch)
        case [server]:
            there = [one for one in all_there if one.spec.split("/")[0] == server]
            found = [one for clock in Clock for one in _newest_good(there, clock, target, opener, scratch)]
        case _:
            raise UsageError(
                sentence("{spec}: is no snapshot", spec=printable(word)),
                sentence("write SERVER/files/latest or SERVER/databases/2026-11-22T013512Z"),
            )
    if not found:
        above = word.strip("/").removesuffix("/latest")
        if meant := [one for one in faults if above in str(one)]:
            raise meant[0]
        newest = there[-1].spec if there else ""
        raise UsageError(
            sentence("{place} does not have {snapshot}", place=target.name, snapshot=printable(word)),
            sentence("its newest of {server}: {snapshot}", server=printable(server), snapshot=newest)
            if newest
            else sentence("it has nothing of {server}", server=printable(server)),
        )
    if word.endswith("latest") or "/" not in word:  # a newer one may be among them
        for fault in faults:
            note(str(fault))
    return found


def _newest_good(
    there: Sequence[Held], clock: Clock, target: Target, opener: Opening | None, scratch: Path
) -> list[Held]:
    for one in reversed(there):
        if one.spec.split("/")[1] == clock:
            fetch(one, target, opener, scratch, lambda file: file.endswith(f"/{summary.FILE_NAME}"))
            if summary.read(scratch / one.spec).good:
                return [one]
    return []
