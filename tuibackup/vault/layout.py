"""The vault: its servers and their snapshots, and the rule that it must be the right disk.

Nothing here writes below a server's folder except the folder itself; `incoming` does that.
"""

import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from heapq import merge
from pathlib import Path
from typing import Self

from tuibackup.errors import UsageError, VaultError
from tuibackup.filelock import locked
from tuibackup.sop import Clock
from tuibackup.vault import disk, summary
from tuibackup.vault.identity import (
    KNOWN,
    create_vault,
    known_vaults,
    read_identity,
    refuse_unfit,
    remember_vault,
)
from tuibackup.vault.names import INCOMING, NAME, NAME_FORMAT, file_name, server_name
from tuibackup.vault.output import sync_folder, vault_errors
from tuibackup.vault.presence import why_incomplete
from tuibackup.words import sentence


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot: an immutable folder."""

    path: Path
    server: str
    clock: Clock
    name: str

    @property
    def spec(self) -> str:
        """As people write it: `siakad/files/2026-11-22T013000Z`."""
        return f"{self.server}/{self.clock}/{self.name}"

    @cached_property
    def summary(self) -> summary.SnapshotSummary:
        """Read from snapshot.json at the first look. Raises VaultError."""
        return summary.read(self.path)

    @property
    def started(self) -> datetime:
        """Its start in UTC, as its name says."""
        return datetime.strptime(self.name, NAME_FORMAT).replace(tzinfo=UTC)

    @property
    def sequence(self) -> int:
        """Its place in the order; -1 for one whose snapshot.json cannot be read (`verify` says why)."""
        try:
            return self.summary.sequence
        except VaultError:
            return -1

    @property
    def good(self) -> bool:
        """Whether it resets its clock; one that cannot be read does not."""
        try:
            return self.summary.good
        except VaultError:
            return False


class NoVaultYetError(VaultError):
    """The folder is there and no vault yet; nothing is wrong before the first run."""


class Vault:
    """The backup disk's folder, known to be the right one."""

    def __init__(self, path: Path, identity: str, *, created: bool = False) -> None:
        self.path = path
        self.id = identity
        self.created = created  # by this opening: the caller says so, with device and room

    @classmethod
    def open(cls, path: Path, state: Path, *, create: bool = True) -> Self:
        """The vault at `path`; with `create` an empty folder becomes one at first use.

        `state` remembers which vault belongs to which path. Raises VaultError when the folder is missing, is
        no vault, or is not the vault that was there before. Without `create` nothing is written, and a state folder
        that cannot be read is no hindrance: what is stored can be got back without it.
        """
        path = Path(os.path.abspath(path))
        try:
            known = known_vaults(state).get(str(path))
        except VaultError:
            if create:
                raise
            known = None
        with vault_errors(path):
            is_folder, exists = path.is_dir(), path.exists()
        if not is_folder:
            if exists:
                raise VaultError(sentence("{path}: is not a folder", path=path))
            new = "" if known else sentence(" (for a new vault: mkdir -p {path})", path=path)
            raise VaultError(
                sentence("{path}: no such folder", path=path),
                sentence("backup disk not mounted?{new}", new=new),
            )
        identity = read_identity(path)
        if identity is None:
            if known:
                raise VaultError(
                    sentence("{path}: the vault that was here is gone", path=path),
                    sentence("backup disk not mounted?"),
                )
            if not create:
                with vault_errors(path), locked(path):  # not while another process is making it one
                    if read_identity(path) is None:
                        refuse_unfit(path)
                        disk.require_writable(path)
                raise NoVaultYetError(
                    sentence("{path}: no vault yet", path=path), sentence("the first run makes it one")
                )
            identity = create_vault(path)
            created = True
        else:
            created = False
        if known and known != identity:
            raise VaultError(
                sentence("{path}: another vault than the one used here before", path=path),
                sentence(
                    "wrong backup disk? To use this one from now on, take its path out of {state}",
                    state=state / KNOWN,
                ),
            )
        if create and not known:
            remember_vault(state, path, identity)
        return cls(path, identity, created=created)

    def room(self) -> disk.Room:
        """Device, file system and room of the backup disk."""
        return disk.room(self.path)

    def lock_path(self, server: str) -> Path:
        """The file whose `flock` a run holds while it writes below `server`."""
        return self.path / file_name(server) / ".lock"

    def require_writable(self, server: str) -> None:
        """VaultError, with the way out, where a run of `server` could not write what it has to."""
        folder = self.path / file_name(server)
        places = [place for place in (folder, *(folder / clock for clock in Clock)) if os.path.lexists(place)]
        for place in places or [self.path]:
            disk.require_writable(place)
        lock = self.lock_path(server)
        if os.path.lexists(lock) and not os.access(lock, os.R_OK | os.W_OK):
            whose = f"sudo chown -R {disk.account()} {shlex.quote(str(folder))}"
            raise VaultError(
                sentence("{lock}: belongs to another account, or its mode was changed", lock=lock), whose
            )

    def server_folder(self, server: str) -> Path:
        """The folder of `server`, made when it is not there."""
        folder = self.path / file_name(server)
        with vault_errors(folder):
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                return folder
        sync_folder(self.path)  # what is published below it must not vanish with its name in a power cut
        return folder

    def servers(self) -> list[str]:
        """Servers that have a folder here, by name."""
        with vault_errors(self.path):
            return sorted(
                server_name(entry.name)
                for entry in os.scandir(self.path)
                if entry.is_dir(follow_symlinks=False)
                and not entry.name.startswith(".")
                and entry.name != "lost+found"
            )

    def names(self, server: str, clock: Clock) -> list[str]:
        """Names of the published snapshots, by name; reads no snapshot.json."""
        folder = self.path / file_name(server) / clock
        try:
            return sorted(name for name in os.listdir(folder) if NAME.fullmatch(name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise VaultError(f"{folder}: {error.strerror}") from error

    def changed_ns(self, server: str, clock: Clock) -> int:
        """When a name last came into or went out of the folder of these snapshots; 0 where there is none."""
        try:
            return os.stat(f"{self.path}/{file_name(server)}/{clock}").st_mtime_ns
        except OSError:
            return 0

    def incoming(self, server: str) -> list[str]:
        """The names of the folders that runs of `server` write in, or left when they were interrupted; oldest first."""
        folder = f"{self.path}/{file_name(server)}"
        try:
            return sorted(name for name in os.listdir(folder) if name.startswith(INCOMING))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise VaultError(f"{folder}: {error.strerror}") from error

    def snapshots(self, server: str | None = None, clock: Clock | None = None) -> Iterator[Snapshot]:
        """Published snapshots, those of a server together, oldest first (by sequence), read as they are taken.

        The names of one clock have the order of the sequence; only the clocks need be taken in turns.
        """
        for one in self.servers() if server is None else [server]:
            clocks = (
                map(partial(self._snapshot, one, kind), self.names(one, kind))
                for kind in (Clock if clock is None else [clock])
            )
            yield from merge(*clocks, key=lambda snapshot: (snapshot.sequence, snapshot.name))

    def newest(self, server: str, clock: Clock) -> Iterator[Snapshot]:
        """Published snapshots of one clock, the newest first; reads no snapshot.json.

        A name is later than every other of its clock when it is given, so the names have the order of the sequence.
        """
        for name in reversed(self.names(server, clock)):
            yield self._snapshot(server, clock, name)

    def latest(self, server: str, clock: Clock) -> Snapshot | None:
        """The newest good snapshot of which all files are there."""
        return self._latest(server, clock, lambda one: one.good, lambda one: one.good_before)

    def latest_full(self, server: str, clock: Clock) -> Snapshot | None:
        """The newest good snapshot for which everything was fetched."""
        return self._latest(
            server, clock, lambda one: one.good and not one.parent, lambda one: one.full_before
        )

    def _latest(
        self,
        server: str,
        clock: Clock,
        wanted: Callable[[summary.SnapshotSummary], bool],
        before: Callable[[summary.SnapshotSummary], str | None],
    ) -> Snapshot | None:
        """The newest that is `wanted` and all there. What a snapshot says of those `before` it spares reading them.

        Where such a one is gone the search goes on below it: nothing between the two was wanted.
        """
        highest: str | None = None
        for snapshot in self.newest(server, clock):
            if highest is not None and snapshot.name > highest:
                continue
            try:
                found = snapshot.summary
            except VaultError:
                continue
            if wanted(found) and not why_incomplete(snapshot.path):
                return snapshot
            if (told := before(found)) is not None:
                highest = told
        return None

    def next_sequence(self, server: str) -> int:
        """The number of the next snapshot of a server."""
        newest = (
            next((one.sequence for one in self.newest(server, clock) if one.sequence >= 0), 0)
            for clock in Clock
        )
        return 1 + max(newest)

    def named(self, spec: str) -> Snapshot | None:
        """The snapshot of that spec, whether it is there or not; None for what is none."""
        match spec.split("/"):
            case [server, ("files" | "databases") as clock, name] if NAME.fullmatch(name):
                return self._snapshot(server, Clock(clock), name)
        return None

    def find(self, spec: str) -> Snapshot:
        """The snapshot for `siakad/files/latest` or `siakad/files/2026-11-22T013000Z`.

        Raises UsageError when there is none of that name, VaultError when none is good for `latest`.
        """
        match spec.strip("/").split("/"):
            case [server, ("files" | "databases") as clock, name]:
                pass
            case _:
                raise UsageError(
                    sentence("{spec}: is no snapshot", spec=spec),
                    sentence("write SERVER/files/latest or SERVER/databases/2026-11-22T013512Z"),
                )
        if name == "latest":
            if latest := self.latest(server, Clock(clock)):
                return latest
            raise self._none(spec, server, Clock(clock))
        snapshot = self._snapshot(server, Clock(clock), name)
        if not NAME.fullmatch(name) or not snapshot.path.is_dir():
            raise UsageError(
                sentence("{spec}: no such snapshot", spec=spec), sentence("see tuibackup snapshots")
            )
        return snapshot

    def _none(self, spec: str, server: str, clock: Clock) -> VaultError:
        """There is no good snapshot: what became of the newest, if there is one, and the way out."""
        for snapshot in self.newest(server, clock):
            if gone := why_incomplete(snapshot.path):
                return VaultError(
                    sentence(
                        "{spec}: no good snapshot is complete; {spec2} {gone}",
                        spec=spec,
                        spec2=snapshot.spec,
                        gone=gone,
                    ),
                    sentence(
                        "tuibackup snapshots lists them, and one that is named is read as far as it is there"
                    ),
                )
        return VaultError(
            sentence("{spec}: no good snapshot yet", spec=spec), sentence("see tuibackup snapshots")
        )

    def _snapshot(self, server: str, clock: Clock, name: str) -> Snapshot:
        return Snapshot(self.path / file_name(server) / clock / name, server, clock, name)
