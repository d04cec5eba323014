"""What is missing in which copy: the plan of copying, made from vault and ledger alone. It reaches no place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.config.keep import Rule
from tuibackup.errors import LedgerError, UsageError, VaultError
from tuibackup.jobs.retention.judge import Candidate, Judged, judge
from tuibackup.ledger.copied import Copied, CopyFact, copied
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.sop import Clock
from tuibackup.vault.sums import needed, read_sums
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot, Vault


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What is to go to one copy, the oldest first; `passed` are snapshots that its rule does not take."""

    copy: CopySettings
    snapshots: "tuple[Snapshot, ...]"
    passed: "tuple[Snapshot, ...]" = ()


def chosen_copies(config: Config, to: str | None) -> tuple[CopySettings, ...]:
    """That one, or all. Raises UsageError."""
    if to is not None:
        return (config.copy(to),)
    if not config.copies:
        raise UsageError(
            sentence("no copy is configured in {file}", file=config.source),
            sentence('add a table: [copies.usb] with to = "/mnt/usb"'),
        )
    return tuple(config.copies.values())


def plan_copies(config: Config, what: Sequence[str] = (), to: str | None = None) -> Iterator[CopyPlan]:
    """A plan for each copy, also where nothing is missing. `what`: servers, or snapshots; all without.

    Raises UsageError: there is no such server, snapshot or copy; VaultError.
    """
    copies = chosen_copies(config, to)
    vault = open_vault(config, create=False)
    wanted = list(_wanted(config, vault, what))
    facts = known(config)
    for copy in copies:
        yield _plan(copy, wanted, facts.get(copy.name, {}), explicit=any("/" in word for word in what))


def known(config: Config) -> Copied:
    """What the ledger says of all copies; nothing where it cannot be read: then the places tell."""
    try:
        with open_ledger(config, read_only=True) as ledger:
            return copied(ledger)
    except LedgerError:
        return {}


def _wanted(config: Config, vault: "Vault", what: Sequence[str]) -> "Iterator[list[Snapshot]]":
    """The snapshots of each clock that are meant, the oldest first."""
    there = vault.servers()
    if snapshots := [word for word in what if "/" in word]:
        if len(snapshots) < len(what):
            raise UsageError(sentence("name either servers or snapshots"))
        for word in snapshots:
            snapshot = vault.find(word)
            needs = {f"{snapshot.server}/{snapshot.clock}/{name}" for name in _needs(snapshot)}
            yield [
                *(one for spec in sorted(needs) if (one := vault.named(spec)) and one.path.is_dir()),
                snapshot,
            ]
        return
    for name in what:
        if name not in there:
            config.server(name)
    for name in what or there:
        for clock in Clock:
            yield list(reversed(list(vault.newest(name, clock))))


def _plan(
    copy: CopySettings, wanted: "Sequence[list[Snapshot]]", facts: Mapping[str, CopyFact], *, explicit: bool
) -> CopyPlan:
    snapshots: list[Snapshot] = []
    passed: list[Snapshot] = []
    for found in wanted:
        if not found or not (explicit or copy.takes(found[0].server)):
            continue
        goes = () if explicit else let_go(found, copy.keep)
        for one in found:
            fact = facts.get(one.spec)
            if fact is not None and (fact.held or (fact.let_go and not explicit)):
                continue
            (passed if one.name in goes else snapshots).append(one)
    return CopyPlan(copy, tuple(dict.fromkeys(snapshots)), tuple(passed))


def let_go(found: "Sequence[Snapshot]", rule: Rule) -> frozenset[str]:
    """Names of those that the rule of a copy would not keep. One that cannot be read stays."""
    if not rule.parts:
        return frozenset()
    candidates = [Candidate(one.name, one.started, one.good, _needs(one)) for one in found]
    judged: tuple[Judged, ...] = judge(candidates, rule, datetime.now().astimezone())
    return frozenset(one.name for one in judged if one.goes)


def _needs(snapshot: "Snapshot") -> frozenset[str]:
    try:
        return needed(read_sums(snapshot.path)) | set(snapshot.summary.points_into)
    except VaultError:
        return frozenset()
