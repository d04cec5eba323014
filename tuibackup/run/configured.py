"""Who changed the configuration, and what in it: entries of kind config, also of what was changed in an editor.

The state as it was last seen lies in the state folder, without secrets. Whoever writes an entry or starts something
compares: a change by `add` or `edit` is its operator's; one that is only noticed is nobody's.
"""

import os
import pwd
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from tuibackup.config import Config
from tuibackup.config.changes import Change, Value, differences, servers, values
from tuibackup.config.place import read_text
from tuibackup.config.read import parse
from tuibackup.durable import replace_file
from tuibackup.errors import ConfigError
from tuibackup.filelock import locked
from tuibackup.ledger.entries import Kind, iso
from tuibackup.ledger.store import Ledger
from tuibackup.text import printable
from tuibackup.words import joined, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.run.operator import Operator

CHANGE = "configuration"  # in the body of these entries
UNKNOWN = "unknown"  # who changed it, where nobody saw it
_TOLD = 5  # keys that the detail names one by one


class Known(msgspec.Struct, frozen=True):
    """A file as it was last seen: what the system says of it, and its values."""

    stamp: tuple[int, int, int]
    salt: str
    values: dict[str, Value]


def notice(
    config: Config, ledger: Ledger, operator: "Operator | None" = None, *, quiet: bool = False
) -> None:
    """Record what changed in config.toml since it was last seen; `operator` did it, None: nobody knows who.

    `quiet`: it is recorded elsewhere already; only remember it. A file that was never seen is only remembered, unless
    its first lines are the operator's. Raises LedgerError.
    """
    try:
        stamp = _stamp(config)
        if (seen := _seen(config)) is not None and seen.stamp == stamp:
            return
        with locked(config.state / "config-known.lock"):
            known = _read(config)
            before = known.get(str(config.source))
            salt = before.salt if before else secrets.token_hex(16)
            text = read_text(config.source)
            parse(text, config.source)  # what is refused may hold what is nobody's business
            after = values(text.replace("\r\n", "\n").replace("\r", "\n"), bytes.fromhex(salt))
            if not quiet and (before or operator):
                _record(config, ledger, before.values if before else {}, after, operator)
            known[str(config.source)] = Known(stamp, salt, after)
            replace_file(_file(config), msgspec.json.encode(known))
    except (OSError, ConfigError, ValueError):
        return  # it is wrong at this moment, or gone: whoever needs it says so


def _stamp(config: Config) -> tuple[int, int, int]:
    found = os.stat(config.source)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _file(config: Config) -> Any:
    return config.state / "config-known.json"


def _read(config: Config) -> dict[str, Known]:
    with suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode(_file(config).read_bytes(), type=dict[str, Known])
    return {}


def _seen(config: Config) -> Known | None:
    return _read(config).get(str(config.source))


def _record(
    config: Config,
    ledger: Ledger,
    before: Mapping[str, Value],
    after: Mapping[str, Value],
    operator: "Operator | None",
) -> None:
    old, new = servers(before), servers(after)
    renamed = _renamed(old, new)
    changes = differences(before, after)
    for server in dict.fromkeys(change.server for change in changes):
        some = [change for change in changes if change.server == server]
        if server in renamed.values() and server not in old:
            former = next(name for name, now in renamed.items() if now == server)
            text = sentence("renamed in the configuration, from {former}", former=printable(former))
        elif server in renamed:
            text = sentence(
                "renamed in the configuration, to {now}; its snapshots stay under this name",
                now=printable(renamed[server]),
            )
        elif server is not None and server not in old:
            text = sentence("added to the configuration")
        elif server is not None and server not in new:
            text = sentence("taken out of the configuration; its snapshots stay")
        else:
            text = sentence("changed in the configuration: {keys}", keys=_told(some))
        body = {
            "change": CHANGE,
            "changes": [{"key": one.key, "before": one.before, "after": one.after} for one in some],
            "file": printable(str(config.source)),
            **_who(config, operator),
            "detail": text
            if operator
            else joined("; ", (text, sentence("not by tuibackup, nobody knows by whom"))),
        }
        ledger.append(Kind.CONFIG, body, operator=operator.name if operator else UNKNOWN, server=server)


def _who(config: Config, operator: "Operator | None") -> dict[str, Any]:
    """Who did it; where nobody knows, what the file says of itself, and who noticed."""
    from tuibackup.run.operator import identify
    from tuibackup.run.record import operator_body

    if operator is not None:
        return {"operator": operator_body(operator)}
    found = os.stat(config.source)
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = str(found.st_uid)
    saved = iso(datetime.fromtimestamp(found.st_mtime, UTC))
    return {"owner": owner, "saved": saved, "noticed_by": operator_body(identify())}


def _renamed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Servers that went, by the one that came with the very same keys and values, if there is only one."""
    gone = [name for name in old if name not in new]
    came = [name for name in new if name not in old]
    found = {}
    for name in gone:
        same = [other for other in came if new[other] == old[name]]
        if len(same) == 1 and sum(old[other] == old[name] for other in gone) == 1:
            found[name] = same[0]
    return found


def _told(changes: Sequence[Change]) -> str:
    texts = [_one(change) for change in changes[:_TOLD]]
    if len(changes) > _TOLD:
        texts.append(sentence_n("and {count} more key", "and {count} more keys", len(changes) - _TOLD))
    return joined("; ", texts)


def _one(change: Change) -> str:
    key = printable(change.key)
    before, after = change.before, change.after
    if isinstance(before, list) and isinstance(after, list):
        came = [f"+{_word(one)}" for one in after if one not in before]
        went = [f"-{_word(one)}" for one in before if one not in after]
        if came or went:
            return f"{key} {' '.join((*came, *went))}"
    if before is None:
        return sentence("{key} = {after} is new", key=key, after=_word(after))
    if after is None:
        return sentence("{key} = {before} is gone", key=key, before=_word(before))
    return f"{key} {_word(before)} → {_word(after)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
