"""Files that interrupted runs left in the vault; the next run of that server continues with them."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.run.places import open_vault
from tuibackup.text import count, size
from tuibackup.words import sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.vault.layout import Vault
    from tuibackup.vault.unfinished import UnfinishedRun

# The way out of an error, in the words of the record.
GOES_ON = sentence("the next run continues with the files that were already fetched")
STARTS_AGAIN = sentence("the next run starts again what was not finished")


class Unfinished(msgspec.Struct, frozen=True):
    """Files that need not be fetched again unless they change; `bytes` on the backup disk."""

    files: int
    bytes: int

    def __str__(self) -> str:
        return sentence_n(
            "{files} file, {size}",
            "{files} files, {size}",
            self.files,
            files=count(self.files),
            size=size(self.bytes),
        )

    @property
    def sentence(self) -> str:
        return sentence("an interrupted run left {what}; the next run goes on from there", what=self)


def unfinished(config: Config, server: str, *, full: bool = False) -> Unfinished | None:
    """What the next run of `server`, `full` or not, can use; None if nothing, or without a vault."""
    return unfinished_of(config, (server,), full=full).get(server)


def unfinished_of(config: Config, servers: Iterable[str], *, full: bool = False) -> dict[str, Unfinished]:
    """The same for many servers; those without anything are left out."""
    with suppress(TuibackupError):
        vault = open_vault(config, create=False)
        there = {server: unfinished_in(vault, server, full=full) for server in servers}
        return {server: found for server, found in there.items() if found}
    return {}


def unfinished_in(vault: "Vault", server: str, *, full: bool = False) -> Unfinished | None:
    """The same for one server, in an open vault."""
    with suppress(TuibackupError):
        if not vault.incoming(server):
            return None
        from tuibackup.vault.incoming import unfinished_runs  # most servers have none

        if found := usable(unfinished_runs(vault, server), full=full):
            return Unfinished(sum(one.files for one in found), sum(one.stored_bytes for one in found))
    return None


def usable(found: "Sequence[UnfinishedRun]", *, full: bool) -> "list[UnfinishedRun]":
    """The unfinished runs that a run can use; a `full` run only those that were full, too."""
    return [one for one in found if one.full or not full]
