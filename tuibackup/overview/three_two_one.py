"""The rule 3-2-1-1-0 for a server: three copies, two kinds of media, one elsewhere, one immutable, no error.

What counts is the newest good snapshot of each clock, by what the ledger says; no place is asked. The server itself is
the first of the three copies, the vault the second.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.ledger.copied import copied
from tuibackup.ledger.queries import Queries
from tuibackup.overview.copies import copy_states
from tuibackup.overview.rule_parts import COPIES, ERRORS, IMMUTABLE, MEDIA, OFF_SITE, Part
from tuibackup.sop import Clock
from tuibackup.words import joined, sentence, sentence_n


def three_two_one(config: Config, ledger: Queries, server: str, now: datetime) -> tuple[Part, ...]:
    """The five parts, in the order of the rule. Raises LedgerError."""
    newest = _newest(config, ledger, server)
    takers = [one for one in config.copies.values() if one.takes(server)]
    held = {
        name: {spec for spec, fact in facts.items() if fact.held}
        for name, facts in copied(ledger, server).items()
    }
    whole = [one for one in takers if newest and held.get(one.name, set()).issuperset(newest)]
    behind = [one for one in takers if one not in whole]
    locked = {
        state.name: {spec for spec, until in state.protected.items() if until > now}
        for state in copy_states(config, ledger, None, server)
    }
    protected = [one for one in whole if locked.get(one.name, set()).issuperset(newest)]
    return (
        _copies(newest, whole, behind),
        _media(newest, whole),
        _elsewhere(whole, behind),
        _immutable(whole, protected),
        _errors(ledger, server, newest, takers, held),
    )


def _newest(config: Config, ledger: Queries, server: str) -> tuple[str, ...]:
    """The specs of the newest good snapshots; of fewer than the server has clocks, none: it is not backed up whole."""
    facts = ledger.clock_facts(server)
    clocks = config.servers[server].clocks if server in config.servers else tuple(Clock)
    found = [fact.snapshot for clock in clocks if (fact := facts.get((server, clock))) and fact.snapshot]
    return tuple(found) if len(found) == len(clocks) else ()


def _copies(newest: Collection[str], whole: Sequence[CopySettings], behind: Sequence[CopySettings]) -> Part:
    have = 1 + bool(newest) + len(whole)
    lacks = ""
    if not newest:
        lacks = sentence("not everything of it was backed up once")
    elif have < 3:
        lacks = _behind(behind) or sentence("no copy of [copies] takes this server")
    return Part(COPIES, have, 3, lacks)


def _media(newest: Collection[str], whole: Sequence[CopySettings]) -> Part:
    """The backup disk, another disk, another host, object storage: whatever breaks one leaves the other."""
    kinds = {"vault"} if newest else set()
    kinds.update(one.to.scheme or "disk" for one in whole)
    lacks = ""
    if len(kinds) < 2:
        lacks = sentence("all backups lie on the backup disk") if kinds else sentence("no backup")
    return Part(MEDIA, len(kinds), 2, lacks)


def _elsewhere(whole: Sequence[CopySettings], behind: Sequence[CopySettings]) -> Part:
    number = sum(one.off_site for one in whole)
    away = [one for one in behind if one.off_site]
    lacks = "" if number else _behind(away) or sentence("no copy is marked off_site = true")
    return Part(OFF_SITE, number, 1, lacks)


def _immutable(whole: Sequence[CopySettings], protected: Sequence[CopySettings]) -> Part:
    lacks = ""
    if not protected:
        locked = [one.name for one in whole if one.lock is not None]
        lacks = (
            sentence("nothing proves the lock of {copies} now", copies=", ".join(locked))
            if locked
            else sentence("no copy lies where it cannot be deleted")
        )
    return Part(IMMUTABLE, len(protected), 1, lacks)


def _errors(
    ledger: Queries,
    server: str,
    newest: Collection[str],
    takers: Sequence[CopySettings],
    held: Mapping[str, Any],
) -> Part:
    """What is damaged, in the vault or in a copy, and what was never read again: nobody knows of that."""
    damaged = [one.snapshot for one in ledger.damages(server).get(server, ()) if one.since is None]
    named = {one.name for one in takers}
    facts = copied(ledger, server)
    damaged += [
        f"{name}: {spec}"
        for name in facts
        if name in named
        for spec, fact in facts[name].items()
        if fact.problem
    ]
    known = ledger.read_again(server)
    unread = [spec for spec in newest if spec not in known]
    said = []
    if damaged:
        text = sentence_n(
            "{number} snapshot is damaged",
            "{number} snapshots are damaged",
            len(damaged),
            number=len(damaged),
        )
        said.append(joined(": ", (text, ", ".join(damaged[:3]))))
    if unread:
        said.append(sentence("never read again: {snapshots}", snapshots=", ".join(unread)))
    if not newest:
        said.append(sentence("nothing to verify"))
    return Part(ERRORS, len(damaged), 0, joined("; ", said))


def _behind(copies: Sequence[CopySettings]) -> str:
    """Which copies are there and lack the newest."""
    if not copies:
        return ""
    return sentence("the newest is not in {copies} yet", copies=", ".join(one.name for one in copies))
