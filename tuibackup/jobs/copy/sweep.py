"""Removes what belongs to no copy: objects of killed attempts, and of removals that were cut off.

Only what this host is known to have put there goes. Everything else that belongs to no copy stays, and is counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies import manifest as mf
from tuibackup.copies import place as pl
from tuibackup.copies.held import whole
from tuibackup.copies.known import Known
from tuibackup.copies.manifest import SUFFIX, Keys
from tuibackup.copies.send import Place
from tuibackup.copies.sent import Sent, keys_sent
from tuibackup.copies.target import AwayError, CopyError
from tuibackup.errors import LedgerError, VaultError
from tuibackup.jobs.copy.plan import known, plan_copies
from tuibackup.jobs.ledger.travel import FOLDER
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.ledger.copied import CopyFact
from tuibackup.ledger.entries import Kind
from tuibackup.sop import Clock, Outcome
from tuibackup.text import size
from tuibackup.vault.identity import IDENTITY
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.sums import needed, read_sums
from tuibackup.words import sentence, sentence_n


@dataclass(frozen=True, slots=True)
class Swept(Result):
    """What earlier attempts had left in a copy, and is gone now."""

    copy: str
    objects: int
    freed: int

    @property
    def outcome(self) -> Outcome:
        return Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "copy": self.copy,
            "snapshot": None,
            "outcome": self.outcome.value,
            "swept": self.objects,
            "freed": self.freed,
        }

    def body(self) -> dict[str, Any]:
        return self.facts()


def sweep(
    copy: CopySettings, config: Config, notes: Known, place: Place, vault: Vault, recorder: Recorder
) -> Iterator[Swept]:
    """Remove what is ours, and count the rest. Nobody else of this host writes to the place meanwhile.

    Raises CopyError: a manifest there cannot be read, so that nobody knows what it needs; LedgerError, VaultError.
    """
    facts = known(config).get(copy.name, {})
    sizes = {one.key: one.size for one in place.target.objects() if not _stands_apart(one.key)}
    waiting = [one for plan in plan_copies(config, (), copy.name) for one in plan.snapshots]
    needs = _needed(sizes, facts, notes, place)
    folders, begun = _awaited(waiting, place)
    lost = [key for key in sizes if key not in needs | begun and not key.startswith(folders)]
    mine = _ours(lost, {*_specs(vault), *facts}, notes, place)
    gone: set[str] = set()
    if mine:
        _record(copy, len(mine), sum(sizes[key] for key in mine), recorder)
        for key in sorted(
            mine, key=lambda key: not key.endswith(SUFFIX)
        ):  # a manifest goes before its objects
            try:
                place.target.delete(key)
            except AwayError:
                raise
            except CopyError:  # the store's lock, or a key that may not delete: the next time, perhaps
                break
            gone.add(key)
    left = [key for key in lost if key not in gone]
    notes.end(len(left), sum(sizes[key] for key in left))
    if gone:
        yield Swept(copy.name, len(gone), sum(sizes[key] for key in gone))


def _record(copy: CopySettings, number: int, amount: int, recorder: Recorder) -> None:
    detail = sentence_n(
        "{copy}: {count} object that belongs to no copy is removed, {size}",
        "{copy}: {count} objects that belong to no copy are removed, {size}",
        number,
        copy=copy.name,
        size=size(amount),
    )
    body = {"copy": copy.name, "swept": number, "freed": amount, "detail": detail}
    if fault := recorder.record(Kind.COPY, body):
        raise LedgerError(sentence("{copy}: nothing was removed: {fault}", copy=copy.name, fault=fault))


def _stands_apart(key: str) -> bool:
    """Whether it is no part of a snapshot: the identities, and the ledger."""
    return key in (pl.IDENTITY, IDENTITY) or key.startswith(f"{FOLDER}/")


def _needed(
    sizes: Mapping[str, int], facts: Mapping[str, CopyFact], notes: Known, place: Place
) -> frozenset[str]:
    """All manifests there and what they name, but for those of snapshots that the copy's rule let go."""
    keys = {hidden: Keys(place.vault_id, hidden=hidden) for hidden in (False, True)}
    specs = {key.manifest(spec): spec for spec in facts for key in keys.values()}
    found = set()
    for file in sizes:
        if not file.endswith(SUFFIX):
            continue
        spec = specs.get(file, "")
        if spec and facts[spec].let_go:  # its removal was cut off
            continue
        manifest = notes.manifest(spec) if spec else None
        if manifest is None or not manifest.lies_at(file) or len(mf.encode(manifest)) != sizes[file]:
            manifest = mf.decode(whole(place.target, file), f"{place.target.name}/{file}")
        found.add(file)
        found |= {one.key for one in manifest.objects}
    return frozenset(found)


def _awaited(waiting: list[Snapshot], place: Place) -> tuple[tuple[str, ...], frozenset[str]]:
    """What the next try takes over of what lies there: everything below some folders, and some keys."""
    owners = {one.spec for one in waiting}
    for one in waiting:
        try:
            owners |= {f"{one.server}/{one.clock}/{name}" for name in needed(read_sums(one.path))}
        except VaultError:  # it cannot be copied, and whoever tries says why
            continue
    if place.sealing is None:
        return tuple(f"{place.keys.folder(spec)}/" for spec in owners), frozenset()
    to = place.sealing.to
    return (), frozenset(key for spec in owners for key in Sent(place.known, spec).keys(to))


def _ours(lost: list[str], specs: set[str], notes: Known, place: Place) -> set[str]:
    """Those that this host put there: it noted them before, or the key can be made by the vault's id alone."""
    if not lost:
        return set()
    tags = {Keys(place.vault_id, hidden=True).folder(spec) for spec in specs}
    manifests = {
        Keys(place.vault_id, hidden=hidden).manifest(spec) for spec in specs for hidden in (False, True)
    }
    sent = set(keys_sent(notes.path))
    for spec in specs:
        if (manifest := notes.manifest(spec)) is not None:
            sent |= {one.key for one in manifest.objects}
    return {key for key in lost if key in sent | manifests or key.split("/")[0] in tags}


def _specs(vault: Vault) -> Iterator[str]:
    for server in vault.servers():
        for clock in Clock:
            yield from (f"{server}/{clock}/{name}" for name in vault.names(server, clock))
