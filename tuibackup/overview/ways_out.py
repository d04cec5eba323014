"""What a finding of verify or of a drill means, what can still be restored, and what to do next: for every face."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from tuibackup.sop import Clock
from tuibackup.words import _, ngettext

_LISTS = (
    "SHA256SUMS",
    "snapshot.json",
    "index.sqlite",
    "tables.json",
)  # without these it is not read as a snapshot
_NAMED = 5  # databases that are named


class Way(msgspec.Struct, frozen=True):
    """One step: what it does, the words of the command, and the cockpit's action that begins it ("" for none)."""

    text: str
    command: tuple[str, ...]
    action: str = ""


class WaysOut(msgspec.Struct, frozen=True):
    """What a finding means, and the next steps in their order."""

    meaning: str
    ways: tuple[Way, ...]


def ways_out(job: str, result: Mapping[str, Any]) -> WaysOut | None:
    """Of the document of a verify or a drill, or of its entry in the ledger; None where nothing was found."""
    spec = str(result.get("snapshot", ""))
    if spec.count("/") != 2 or spec.split("/")[1] not in list(Clock):
        return None
    if job == "verify" and result.get("problems"):
        return of_damage(spec, result.get("damaged") or (), result.get("restorable"))
    if job == "drill" and result.get("differences"):
        return of_drill(spec)
    return None


def of_damage(spec: str, damaged: Sequence[str], restorable: Sequence[str] | None) -> WaysOut:
    """Of a snapshot in which these files of the vault are damaged. `restorable` are its databases that are whole; None
    where nobody knows, and of files.
    """
    server, word, _name = spec.split("/")
    clock = Clock(word)
    again = (_older(server), _healing(server, clock), _verify(spec))
    if lists := [name for name in damaged if name in _LISTS]:
        text = _(
            "the snapshot's own list is damaged ({names}), so nothing proves that it is complete: restore from another"
            " snapshot, or run the restore.sh that lies in this one (docs/recovery.md)"
        )
        return WaysOut(text.format(names=", ".join(lists)), again)
    if clock is Clock.FILES:
        return _files(spec, damaged, again)
    ending = ".sql.zst"
    dumps = [unquote(name.removesuffix(ending)) for name in damaged if name.endswith(ending)]
    if not dumps:
        text = _("the dumps themselves are whole: all databases can be restored")
        return WaysOut(text, (_restore(spec), *again[1:]))
    named = ", ".join(dumps[:_NAMED]) + (", …" if len(dumps) > _NAMED else "")
    if restorable is not None and not restorable:
        text = _("the dump of {databases} is damaged, and the snapshot has no other")
        return WaysOut(text.format(databases=named), again)
    text = _(
        "the dump of {databases} is damaged; every other database of the snapshot can be restored by its name"
    )
    one = _database(spec, restorable[0] if restorable else "NAME")
    return WaysOut(text.format(databases=named), (one, *again))


def _files(spec: str, damaged: Sequence[str], again: tuple[Way, ...]) -> WaysOut:
    archives = [name for name in damaged if name.endswith(".tar.zst") and not name.startswith("restore/")]
    if not archives:
        text = _("the files themselves are whole: all of them can be restored with tuibackup")
        return WaysOut(text, (_restore(spec), *again[1:]))
    text = ngettext(
        "files in {number} archive are damaged; all others can be restored, and a restore names those that cannot",
        "files in {number} archives are damaged; all others can be restored, and a restore names those that cannot",
        len(archives),
    )
    return WaysOut(text.format(number=len(archives)), (_restore(spec), *again))


def of_drill(spec: str) -> WaysOut:
    """Of a snapshot that did not give back what was there when it was made."""
    server, word, _name = spec.split("/")
    clock = Clock(word)
    text = _(
        "the snapshot does not give back all that was there when it was made; what the drill does not name came back as"
        " it was"
    )
    return WaysOut(
        text,
        (
            Way(_("see whether the backup disk changed it"), ("verify", spec), "verify"),
            _restore(spec) if clock is Clock.FILES else _database(spec, "NAME"),
            _anew(server, clock),
            Way(_("prove the new one, or an older one by its name"), ("drill", server), "drill"),
        ),
    )


def _restore(spec: str) -> Way:
    return Way(_("get back what is whole"), ("restore", spec, "--to", "DIR"), "restore")


def _database(spec: str, name: str) -> Way:
    return Way(_("get back what is whole"), ("restore", spec, "--database", name, "--to", "DIR"), "restore")


def _older(server: str) -> Way:
    return Way(_("see which other snapshots there are"), ("snapshots", server), "restore")


def _healing(server: str, clock: Clock) -> Way:
    """A run does not point into what verify found damaged."""
    if clock is Clock.FILES:
        text = _("back it up: what is damaged is fetched anew")
        return Way(text, ("run", server, "--only", "files"), "back-up")
    return _anew(server, clock)


def _anew(server: str, clock: Clock) -> Way:
    if clock is Clock.FILES:
        # Which file of which archive a drill found wrong the next run does not know.
        return Way(_("back it up anew, all of it"), ("run", server, "--only", "files", "--full"), "back-up")
    return Way(_("back it up anew"), ("run", server, "--only", "databases"), "back-up")


def _verify(spec: str) -> Way:
    return Way(_("read it again: a loose cable may be all"), ("verify", spec), "verify")
