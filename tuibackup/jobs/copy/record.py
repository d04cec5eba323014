"""Sends the ledger and its seals along: what a copy does not have of them yet. Copies of snapshots need none of it."""

from collections.abc import Iterator
from contextlib import suppress

from tuibackup.config import Config
from tuibackup.copies.send import Sealing
from tuibackup.copies.target import AlreadyThereError, CopyError, Target
from tuibackup.errors import LedgerError
from tuibackup.jobs.ledger.travel import FOLDER, pieces
from tuibackup.words import sentence

_SEALED = ".age"  # behind the name of what is encrypted


def send_record(config: Config, target: Target, sealing: Sealing | None) -> Iterator[CopyError]:
    """Send it; a fault of its own. Raises AwayError: the place cannot be reached any more."""
    end = _SEALED if sealing else ""
    try:
        have = {one.key.removeprefix(f"{FOLDER}/").removesuffix(end) for one in target.objects(f"{FOLDER}/")}
        for name, content in pieces(config, have):
            data = sealing.seal(content) if sealing else content
            with suppress(AlreadyThereError):  # another process sends it at this moment
                target.create(f"{FOLDER}/{name}{end}", data)
    except (LedgerError, OSError) as error:
        yield CopyError(
            sentence("the ledger was not copied to {place}: {error}", place=target.name, error=error)
        )
