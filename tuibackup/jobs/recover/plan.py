"""The plan of a recovery onto another server: which snapshots, and in what order. Making it changes nothing."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config, Server
from tuibackup.errors import UsageError
from tuibackup.jobs.recover.choice import Choice
from tuibackup.jobs.recover.place import outermost
from tuibackup.jobs.recover.sources import Source, sources
from tuibackup.jobs.restore.approval import NOT_ASKED, Approval
from tuibackup.sop import Clock
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """What of `server` is brought back `onto` another one of the configuration; None where that is not wanted."""

    server: str
    onto: Server
    files: Source | None
    databases: Source | None
    approval: Approval = NOT_ASKED
    passed: tuple[Choice, ...] = ()  # newer snapshots that are not used, because they are damaged
    lacking: tuple[Clock, ...] = ()  # what is wanted and has no good snapshot
    copy: str = ""  # out of which everything comes; "": out of the vault

    @property
    def folders(self) -> list[bytes]:
        """Each goes into a new folder of its own."""
        return outermost([os.fsencode(name) for name, _size in self.files.parts]) if self.files else []

    @property
    def snapshots(self) -> "list[Snapshot]":
        return [one.snapshot for one in (self.files, self.databases) if one]

    def body(self) -> dict[str, Any]:
        return {
            "recovery": self.server,
            "onto": self.onto.name,
            "snapshots": [one.spec for one in self.snapshots],
            "detail": f"{self.server} → {self.onto.name}",
            **self.approval.body(),
        }


def plan_recovery(
    config: Config,
    server: str,
    onto: str,
    *,
    only: Clock | None = None,
    approval: Approval = NOT_ASKED,
    copy: str = "",
) -> RecoveryPlan:
    """`copy`: the one that the vault stands for now.

    Raises UsageError: there is no such server, or it has no database to restore into; VaultError.
    """
    target = config.server(onto)
    found = sources(config, server, copy=("--from", copy) if copy else ())
    files, databases = (
        found.clock(clock) if only in (None, clock) else None for clock in (Clock.FILES, Clock.DATABASES)
    )
    if databases and target.database is None:
        raise UsageError(
            sentence(
                "{onto} has no database in the configuration, and {server} had one", onto=onto, server=server
            ),
            sentence(
                "name it in [servers.{onto}.database], or recover the folders alone: --only files", onto=onto
            ),
        )
    if not files and not databases:
        raise UsageError(
            sentence("{server} has no good snapshot of the {clock}", server=server, clock=only or ""),
            sentence("tuibackup snapshots {server} shows what there is", server=server),
        )
    known = config.servers.get(server)
    wanted = [one for one in (known.clocks if known else ()) if only in (None, one)]
    return RecoveryPlan(
        server,
        target,
        files,
        databases,
        approval,
        tuple(one for one in found.passed if only in (None, one.snapshot.clock)),
        tuple(one for one in wanted if found.clock(one) is None),
        copy,
    )
