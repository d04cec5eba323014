"""What stays in a copy by its own rule `keep`. What goes is removed there and nowhere else, its manifest first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies.held import whole
from tuibackup.copies.known import Known
from tuibackup.copies.manifest import Keys, Manifest, decode
from tuibackup.copies.target import MissingError, Target
from tuibackup.errors import LedgerError
from tuibackup.jobs.copy.plan import known
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.jobs.retention.judge import Candidate, judge
from tuibackup.ledger.copied import CopyFact
from tuibackup.ledger.entries import Kind
from tuibackup.run.holds import holds
from tuibackup.run.places import open_ledger
from tuibackup.sop import Outcome
from tuibackup.vault.layout import Vault
from tuibackup.words import sentence


@dataclass(frozen=True, slots=True)
class LetGo(Result):
    """A snapshot that the copy's rule let go."""

    copy: str
    snapshot: str
    freed: int

    @property
    def outcome(self) -> Outcome:
        return Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "copy": self.copy,
            "snapshot": self.snapshot,
            "outcome": self.outcome.value,
            "removed": True,
            "freed": self.freed,
        }

    def body(self) -> dict[str, Any]:
        return self.facts()


def keep(
    copy: CopySettings, config: Config, notes: Known, target: Target, vault: Vault, recorder: Recorder
) -> Iterator[LetGo]:
    """Remove what goes, and record it before. Raises CopyError, LedgerError: it cannot be recorded."""
    if not copy.keep.parts:
        return
    facts = {spec: fact for spec, fact in known(config).get(copy.name, {}).items() if fact.held}
    going = list(_going(copy, config, facts, vault))
    if not going:
        return
    kept = _manifests(set(facts) - set(going), notes, target, vault)
    needed = {one.key for manifest in kept.values() for one in manifest.objects}
    for spec in going:
        gone = _manifests({spec}, notes, target, vault).get(spec)
        server = spec.split("/")[0]
        detail = sentence(
            '{copy} lets {snapshot} go: it keeps "{rule}"', copy=copy.name, snapshot=spec, rule=str(copy.keep)
        )
        body = {"copy": copy.name, "snapshot": spec, "held": False, "let_go": True, "detail": detail}
        if fault := recorder.record(Kind.COPY, body, server=server):
            raise LedgerError(sentence("{copy}: nothing was removed: {fault}", copy=copy.name, fault=fault))
        for hidden in (False, True):
            target.delete(Keys(vault.id, hidden=hidden).manifest(spec))
        freed = 0
        for one in gone.objects if gone else ():
            if one.key not in needed:
                target.delete(one.key)
                freed += one.size
        notes.forget(spec)
        yield LetGo(copy.name, spec, freed)


def _going(copy: CopySettings, config: Config, facts: Mapping[str, CopyFact], vault: Vault) -> Iterator[str]:
    """Those that the rule lets go, the newest first. What is held stays; a copy with something damaged keeps all."""
    with open_ledger(config, read_only=True) as ledger:
        held = holds(vault, ledger)
    groups: dict[str, list[CopyFact]] = {}
    for spec, fact in facts.items():
        groups.setdefault(spec.rpartition("/")[0], []).append(fact)
    now = datetime.now().astimezone()
    for found in groups.values():
        if any(one.problem or not one.started for one in found):
            continue
        found.sort(key=lambda one: one.snapshot)
        candidates = [
            Candidate(
                one.snapshot.rpartition("/")[2],
                datetime.fromisoformat(one.started).astimezone(),
                one.good,
                frozenset(one.needs),
                (held[one.snapshot].words(now.date()),) if one.snapshot in held else (),
            )
            for one in found
        ]
        names = {one.name for one in judge(candidates, copy.keep, now) if one.goes}
        yield from (one.snapshot for one in reversed(found) if one.snapshot.rpartition("/")[2] in names)


def _manifests(specs: set[str], notes: Known, target: Target, vault: Vault) -> dict[str, Manifest]:
    """What they consist of, as this host knows, or the place says. Raises CopyError: one cannot be read."""
    found = {}
    for spec in specs:
        manifest = notes.manifest(spec)
        for hidden in (False, True) if manifest is None else ():
            key = Keys(vault.id, hidden=hidden).manifest(spec)
            try:
                manifest = decode(whole(target, key), key)
            except MissingError:
                continue
        if manifest is not None:
            found[spec] = manifest
    return found
