"""Makes a lost vault anew out of a copy, or completes one: every snapshot proven, and published as a run publishes."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuibackup.config import Config
from tuibackup.copies.fetch import fetch, sizes
from tuibackup.copies.held import Held, Opening, everything, whole
from tuibackup.copies.known import Known
from tuibackup.copies.place import vault_tag
from tuibackup.copies.target import CopyError, MissingError, Target
from tuibackup.errors import LedgerError, TuibackupError, UsageError, VaultError
from tuibackup.jobs.copy.copy import held_body
from tuibackup.jobs.copy.holds import held_there, hold_again
from tuibackup.jobs.copy.inside import require_copy
from tuibackup.jobs.copy.reach import opener, reached
from tuibackup.jobs.copy.way import Way
from tuibackup.jobs.process.order import CopyBack
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.run.holds import Hold
from tuibackup.run.locks import server_lock
from tuibackup.run.places import open_ledger
from tuibackup.sop import Outcome
from tuibackup.text import printable, size
from tuibackup.vault.disk import require_room
from tuibackup.vault.identity import IDENTITY, identity_in, make_vault
from tuibackup.vault.incoming import seal
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.names import INCOMING
from tuibackup.vault.output import rename_new, sync_folder, vault_errors
from tuibackup.vault.removal import remove_tree
from tuibackup.words import sentence

_FOLDER = f"{INCOMING}copy-back"


@dataclass(frozen=True, slots=True)
class Back(Result):
    """A snapshot that the vault has again."""

    copy: str
    snapshot: str
    bytes: int
    objects: int
    facts_of_it: dict[str, Any]
    seconds: float

    @property
    def outcome(self) -> Outcome:
        return Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "copy": self.copy,
            "snapshot": self.snapshot,
            "outcome": self.outcome.value,
            "back": True,
            "bytes": self.bytes,
            "objects": self.objects,
            "seconds": self.seconds,
        }

    def body(self) -> dict[str, Any]:
        detail = sentence(
            "{copy} → {snapshot}, {size}", copy=self.copy, snapshot=self.snapshot, size=size(self.bytes)
        )
        return {**self.facts(), **self.facts_of_it, "detail": detail, "error": ""}


def copy_back(
    words: CopyBack,
    config: Config,
    recorder: Recorder,
    way: Way,
    on_progress: Callable[[str, Progress], None],
) -> Iterator[Result | TuibackupError]:
    """A result for each snapshot that comes back; what the vault has already is left alone.

    Raises CopyError; VaultError: the vault is another one, or its disk has no room.
    """
    settings = config.copy(words.source)
    key = opener(Path(os.fsdecode(words.identity)) if words.identity else None)
    with reached(config, settings, way) as target:
        identity = require_copy(config, settings, target)
        found, faults = everything(target, key)
        if faults and not found:
            raise faults[0]
        yield from faults
        there = [one for one in found if not words.servers or one.spec.split("/")[0] in words.servers]
        if missing := set(words.servers) - {one.spec.split("/")[0] for one in there}:
            raise UsageError(
                sentence(
                    "{place} has nothing of {server}", place=target.name, server=printable(min(missing))
                ),
                sentence("tuibackup copy --back {copy} brings all that is there", copy=settings.name),
            )
        if not there:
            raise CopyError(sentence("{place} holds no snapshot", place=target.name))
        vault_id = _vault_id(target, there)
        if vault_tag(vault_id) != identity.vault:
            raise CopyError(
                sentence("{place}: its snapshots are another vault's than it says", place=target.name),
                sentence("somebody changed that copy; take another one"),
            )
        make_vault(config.vault.path, vault_id)
        vault = Vault.open(config.vault.path, config.state)
        Known(config.state, settings.name).seen(identity.id)
        held: Mapping[str, Hold] = {}
        try:
            held = held_there(target, key)
        except CopyError as error:  # said, and no hindrance: the snapshots are what counts
            yield error
        for one in sorted(there, key=lambda one: one.spec):
            snapshot = vault.named(one.spec)
            assert snapshot is not None
            try:
                with server_lock(
                    vault, snapshot.server, run=recorder.job or "copy", operator=recorder.operator
                ):
                    back = None
                    if not snapshot.path.exists():
                        back = _one(
                            settings.name, one, snapshot, vault, config, target, key, recorder, on_progress
                        )
                    _hold(snapshot, held, config, way)  # before anybody can remove it
                if back:
                    yield back
            except (VaultError, CopyError) as error:
                yield error


def _hold(snapshot: Snapshot, held: Mapping[str, Hold], config: Config, way: Way) -> None:
    if snapshot.spec not in held:
        return
    with ExitStack() as open_:
        ledger = None
        with suppress(LedgerError):  # on a fresh machine there is none
            ledger = open_.enter_context(open_ledger(config, read_only=True))
        hold = hold_again(snapshot, held, ledger)
    if hold:
        way.note(sentence("{snapshot} is held again: {reason}", snapshot=hold.snapshot, reason=hold.reason))


def _vault_id(target: Target, there: list[Held]) -> str:
    """The id of the vault whose copies these are. Raises CopyError."""
    if told := next((one.vault_id for one in there if one.vault_id), ""):
        return told
    try:
        return identity_in(whole(target, IDENTITY), f"{target.name}/{IDENTITY}")
    except MissingError as error:
        raise CopyError(sentence("{place}: {file} is gone", place=target.name, file=IDENTITY)) from error


def _one(
    copy: str,
    one: Held,
    snapshot: Snapshot,
    vault: Vault,
    config: Config,
    target: Target,
    key: Opening | None,
    recorder: Recorder,
    on_progress: Callable[[str, Progress], None],
) -> Back:
    plan = {"copy": copy, "snapshot": one.spec, "back": True, "detail": one.spec}
    server = snapshot.server
    with recorder.attempt(Kind.COPY, plan, server=server) as attempt:
        _require_older(one, vault)
        disk = vault.room()
        require_room(disk, one.spec, sizes(one), config.vault.least_free(disk.total))
        incoming = vault.server_folder(server) / _FOLDER
        with vault_errors(incoming):
            incoming.mkdir(mode=0o700, exist_ok=True)
        own = f"{one.spec}/"
        fetch(
            one,
            target,
            key,
            incoming,
            lambda file: file.startswith(own),
            lambda told: on_progress(one.spec, told),
        )
        _publish(incoming / one.spec, snapshot)
        remove_tree(incoming)
    return attempt.recorded(
        Back(copy, one.spec, sizes(one), len(one.manifest.objects), held_body(snapshot), attempt.seconds)
    )


def _require_older(one: Held, vault: Vault) -> None:
    """The older archives that it points into are in the vault. Raises CopyError."""
    for file, _parts in one.files:
        if not file.startswith(f"{one.spec}/") and not (vault.path / file).is_file():
            raise CopyError(
                sentence(
                    "{snapshot} needs {file}, which the vault does not have", snapshot=one.spec, file=file
                ),
                sentence("the older snapshot has to come back first; where it does not, take another copy"),
            )


def _publish(fetched: Path, snapshot: Snapshot) -> None:
    """Under its name, which must not exist; then read-only. Raises VaultError."""
    parent = snapshot.path.parent
    with vault_errors(parent):
        if not parent.is_dir():
            parent.mkdir(mode=0o700)
            sync_folder(parent.parent)
    sync_folder(fetched)
    try:
        rename_new(fetched, snapshot.path)
    except FileExistsError as error:
        raise VaultError(sentence("{target}: exists already", target=snapshot.path)) from error
    sync_folder(parent)
    seal(snapshot.path)
