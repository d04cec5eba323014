"""Accept: a folder or a database that needs no backup, with a reason and who answers for it; and take that back.

Also adding a folder to the configuration. Both change what is covered, and are recorded as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from msgspec.structs import replace

from tuibackup.config import Config
from tuibackup.errors import LedgerError, UsageError
from tuibackup.jobs.note import LONGEST
from tuibackup.jobs.recorder import Recorder
from tuibackup.ledger.entries import Kind
from tuibackup.overview.coverage import ACCEPTED, TAKEN_BACK, Coverage, acceptances, coverage_of
from tuibackup.run.places import look_into_ledger
from tuibackup.text import printable
from tuibackup.words import _, sentence

_LONGEST_OWNER = 60


@dataclass(frozen=True, slots=True)
class AcceptPlan:
    """What is accepted on which server, or `take_back`: is not accepted any more."""

    server: str
    what: str
    reason: str
    owner: str = ""
    take_back: bool = False

    def body(self) -> dict[str, Any]:
        """The ledger's entry."""
        words = {"what": printable(self.what), "reason": self.reason}
        if self.take_back:
            detail = sentence("{what} needs a backup again: {reason}", **words)
            return {"change": TAKEN_BACK, "what": self.what, "reason": self.reason, "detail": detail}
        detail = sentence("{what} needs no backup: {reason} ({owner})", **words, owner=self.owner)
        return {
            "change": ACCEPTED,
            "what": self.what,
            "reason": self.reason,
            "owner": self.owner,
            "detail": detail,
        }


def plan_accept(
    config: Config, server: str, what: str, reason: str, *, owner: str, take_back: bool = False
) -> AcceptPlan:
    """`what` is a path or a database's name. Raises UsageError: nothing of that name is unprotected, or a text lacks.

    Where nobody has looked at the server yet, any path or name can be accepted. Raises LedgerError.
    """
    config.server(server)
    if not what.strip():
        raise UsageError(_("nothing is named"), _("name the folder, with its full path, or the database"))
    if what.startswith("/"):
        what = "/" + "/".join(part for part in what.split("/") if part not in ("", "."))
    plan = AcceptPlan(server, what, _text(reason, LONGEST), _text(owner, _LONGEST_OWNER), take_back)
    ledger, _fault = look_into_ledger(config)
    with ledger:
        look = ledger.last_looks(server).get(server)
        changes = ledger.configured(server).get(server, [])
    if take_back:
        _require(plan, [one.what for one in acceptances(changes)], _("{what} was not accepted on {server}"))
    elif look is not None:
        found = coverage_of(config.servers[server], look, changes)
        _require(plan, _names(found), _("{what} is not among what is unprotected on {server}"))
    return plan


def _names(found: Coverage) -> list[str]:
    return [one.name for one in (*found.unprotected, *found.accepted)]


def _require(plan: AcceptPlan, names: Sequence[str], text: str) -> None:
    around = plan.what.rstrip("/") + "/"
    inside = plan.what.startswith("/") and any(name.startswith(around) for name in names)
    if plan.what in names or (inside and not plan.take_back):
        return
    near = get_close_matches(plan.what, names, 1)
    way_out = (
        _("did you mean {name}?").format(name=printable(near[0]))
        if near
        else _("tuibackup discover {server} lists it").format(server=plan.server)
    )
    raise UsageError(text.format(what=printable(plan.what), server=plan.server), way_out)


def _text(text: str, most: int) -> str:
    """A reason, or an owner's name, in one line."""
    said = printable(" ".join(text.split()))
    if not said:
        raise UsageError(
            _("a reason and an owner are needed"), _("say why it needs no backup: --reason TEXT")
        )
    if len(said) > most:
        raise UsageError(
            _("this text has {count} characters; {most} are possible").format(count=len(said), most=most)
        )
    return said


def accept(plan: AcceptPlan, recorder: Recorder) -> None:
    """Record it. Raises LedgerError: then nothing is accepted, because the record is all there is of it."""
    _record(plan.body(), plan.server, recorder)


def add_folder(
    config: Config, recorder: Recorder, server: str, folder: str, exclude: Sequence[str] = ()
) -> Config:
    """Put a folder into the configuration of a server, with what is to be left out of it; returns what holds then.

    Raises ConfigError: the file cannot be written, or would not be right; LedgerError: it was written, and that could
    not be recorded.
    """
    from tuibackup.config.write import change_server

    before = config.server(server)
    folders = dict.fromkeys((*before.folders, folder))
    after = replace(before, folders=tuple(folders), exclude=tuple(dict.fromkeys((*before.exclude, *exclude))))
    recorder.about_to_configure()
    changed = change_server(config.source, before, after)
    recorder.configured(changed, recorded=True)
    left_out = ", ".join(map(printable, exclude))
    detail = sentence("folder added: {folder}", folder=printable(folder))
    if left_out:
        detail = sentence(
            "folder added: {folder}, without {exclude}", folder=printable(folder), exclude=left_out
        )
    body = {"change": "folder added", "what": folder, "exclude": list(exclude), "detail": detail}
    _record(body, server, recorder)
    return changed


def _record(body: dict[str, Any], server: str, recorder: Recorder) -> None:
    if fault := recorder.record(Kind.CONFIG, body, server=server):
        raise LedgerError(sentence("this cannot be recorded: {fault}", fault=fault))
