"""Copies snapshots to their second places, and records each. What could not be reached is caught up the next time."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies import place as pl
from tuibackup.copies.known import Known
from tuibackup.copies.manifest import Manifest
from tuibackup.copies.objectstore.target import ObjectTarget
from tuibackup.copies.send import Place, send
from tuibackup.copies.target import AlreadyThereError, AwayError, DamagedError, TakenError, Target
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.jobs.copy.keep import keep
from tuibackup.jobs.copy.mend import heal, lost
from tuibackup.jobs.copy.plan import CopyPlan, plan_copies
from tuibackup.jobs.copy.probing import probe_if_due
from tuibackup.jobs.copy.reach import reached, shared_disk
from tuibackup.jobs.copy.record import send_record
from tuibackup.jobs.copy.sweep import sweep
from tuibackup.jobs.copy.telling import Gate, Told
from tuibackup.jobs.copy.together import together
from tuibackup.jobs.copy.way import Way
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.ledger.entries import Kind
from tuibackup.progress import OnProgress, Progress
from tuibackup.run.places import open_vault
from tuibackup.sop import Outcome
from tuibackup.text import size
from tuibackup.vault.identity import IDENTITY
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.output import vault_errors
from tuibackup.vault.reading import reading
from tuibackup.vault.sums import needed, read_sums
from tuibackup.words import joined, sentence

_AT_ONCE = 4  # places; what they have in memory has one bound for all (copies.send)


@dataclass(frozen=True, slots=True)
class CopiedOne(Result):
    """A snapshot that lies in a copy now. `sent`: bytes that went there this time; `oldest`: when the store got the
    oldest object that it needs, ISO 8601, "" where it does not tell.
    """

    copy: str
    snapshot: Snapshot
    manifest: Manifest
    sent: int
    oldest: str
    seconds: float

    @property
    def outcome(self) -> Outcome:
        return Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "copy": self.copy,
            "snapshot": self.snapshot.spec,
            "outcome": self.outcome.value,
            "objects": len(self.manifest.objects),
            "bytes": self.manifest.size,
            "sent": self.sent,
            "encrypted": self.manifest.encrypted,
            "seconds": self.seconds,
        }

    def body(self) -> dict[str, Any]:
        detail = sentence(
            "{snapshot} → {copy}, {size}",
            snapshot=self.snapshot.spec,
            copy=self.copy,
            size=size(self.manifest.size),
        )
        oldest = {"oldest": self.oldest} if self.oldest else {}
        return {**self.facts(), **held_body(self.snapshot), **oldest, "detail": detail, "error": ""}


def held_body(snapshot: Snapshot) -> dict[str, Any]:
    """What an entry says of a snapshot that lies in a copy, so that the copy's own rule can judge it later."""
    try:
        needs = sorted(needed(read_sums(snapshot.path)) | set(snapshot.summary.points_into))
        started = snapshot.summary.started
    except VaultError:
        needs, started = [], ""
    return {"held": True, "good": snapshot.good, "started": started, "needs": needs}


@dataclass(frozen=True, slots=True)
class Away(Result):
    """A place that is not there now: no fault; what it lacks is copied when it is back."""

    copy: str
    since: str
    why: str
    missing: int

    @property
    def outcome(self) -> Outcome:
        return Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "copy": self.copy,
            "snapshot": None,
            "outcome": self.outcome.value,
            "away": self.since,
            "why": self.why,
            "missing": self.missing,
        }

    def body(self) -> dict[str, Any]:
        return self.facts()


def copy_all(
    config: Config,
    what: tuple[str, ...],
    to: str | None,
    recorder: Recorder,
    way: Way,
    on_progress: Callable[[str, Progress], None],
    *,
    wait: bool = False,
) -> Iterator[Result | TuibackupError]:
    """Copy what is missing; a result or a fault for each snapshot, and for each place that is away.

    Several places at once; a fault of one stays its own. Raises UsageError, VaultError: nothing can be copied at all.
    """
    plans = list(plan_copies(config, what, to))
    gate = Gate(min(_AT_ONCE, len(plans)))
    yield from together(
        [
            _copy_to(
                plan,
                config,
                what,
                recorder,
                way,
                Told(plan.copy.name, len(plans) > 1, gate, way.halt, on_progress),
                wait=wait,
            )
            for plan in plans
        ],
        _AT_ONCE,
        way.halt,
    )


def _copy_to(
    plan: CopyPlan,
    config: Config,
    what: tuple[str, ...],
    recorder: Recorder,
    way: Way,
    told: Told,
    *,
    wait: bool,
) -> Iterator[Result | TuibackupError]:
    """One place, with its own faults."""
    notes = Known(config.state, plan.copy.name)
    try:
        with notes.alone(wait=wait):
            (now,) = plan_copies(config, what, plan.copy.name)  # another job may have been there meanwhile
            yield from _copy(now, config, notes, recorder, way, told)
    except AwayError as error:
        yield Away(plan.copy.name, notes.missed().away, error.message, len(plan.snapshots))
    except TuibackupError as error:
        yield _of(plan.copy, error)
    finally:
        told.reached()


def _of(copy: CopySettings, error: TuibackupError) -> TuibackupError:
    return type(error)(joined(": ", (copy.name, error.message)), error.way_out)


def _copy(
    plan: CopyPlan,
    config: Config,
    notes: Known,
    recorder: Recorder,
    way: Way,
    told: Told,
) -> Iterator[Result | TuibackupError]:
    vault = open_vault(config, create=False)
    with reached(config, plan.copy, way) as target:
        told.reached()
        before = notes.notes().id or None
        identity = pl.claim(target, vault.id, before)
        if before is None and (text := shared_disk(plan.copy, vault.path)):
            way.note(joined(": ", (plan.copy.name, text)))
        notes.seen(identity.id)
        clean = notes.begin()
        target.tidy()
        if not plan.copy.encrypt_to:
            _with_identity(vault, target)
        if isinstance(target, ObjectTarget):
            probe_if_due(config, plan.copy, target, recorder)
        place = Place(target, identity.id, vault.id, notes.path, _sealer(plan.copy))
        healed, faults = heal(plan.copy, config, place, vault)
        yield from faults
        gone = lost(plan.copy, config, notes, place, recorder)
        wanted = {one.spec: one for one in (*plan.snapshots, *_in_vault(gone, vault))}
        for snapshot in sorted(wanted.values(), key=lambda one: (one.server, one.clock, one.name)):
            try:
                yield _copy_one(plan.copy, snapshot, place, notes, recorder, told.about(snapshot.spec))
            except (VaultError, DamagedError, TakenError) as error:  # of this snapshot; the others go on
                faults.append(error)
                yield error
        for snapshot in plan.passed:
            _pass_over(plan.copy, snapshot, recorder)
        yield from keep(plan.copy, config, notes, target, vault, recorder)
        yield from send_record(config, target, place.sealing)
        if faults or healed or gone or not clean:
            yield from sweep(plan.copy, config, notes, place, vault, recorder)
        else:
            notes.end(0, 0)


def _with_identity(vault: Vault, target: Target) -> None:
    """The vault's own identity lies beside unencrypted copies: a vault made of them anew is the same one."""
    with vault_errors(vault.path / IDENTITY):
        data = (vault.path / IDENTITY).read_bytes()
    with suppress(AlreadyThereError):
        target.create(IDENTITY, data)


def _sealer(copy: CopySettings) -> Any:
    if not copy.encrypt_to:
        return None
    from tuibackup.copies.crypt import Sealer

    return Sealer(copy.encrypt_to)


def _copy_one(
    copy: CopySettings,
    snapshot: Snapshot,
    place: Place,
    notes: Known,
    recorder: Recorder,
    on_progress: OnProgress,
) -> CopiedOne:
    plan = {"copy": copy.name, "snapshot": snapshot.spec, "to": place.target.name, "detail": snapshot.spec}
    with recorder.attempt(Kind.COPY, plan, server=snapshot.server) as attempt, reading(snapshot):
        manifest, sent = send(snapshot, place, on_progress)
        notes.keep(snapshot.spec, manifest)
        oldest = ""
        if isinstance(place.target, ObjectTarget):
            oldest = place.target.oldest([one.key for one in manifest.objects]).isoformat()
    return attempt.recorded(CopiedOne(copy.name, snapshot, manifest, sent, oldest, attempt.seconds))


def _pass_over(copy: CopySettings, snapshot: Snapshot, recorder: Recorder) -> None:
    """Note that the copy's rule does not take it, so that nobody waits for it."""
    detail = sentence(
        '{snapshot} is not copied to {copy}, which keeps "{rule}"',
        snapshot=snapshot.spec,
        copy=copy.name,
        rule=str(copy.keep),
    )
    body = {"copy": copy.name, "snapshot": snapshot.spec, "held": False, "let_go": True, "detail": detail}
    recorder.record(Kind.COPY, body, server=snapshot.server)


def _in_vault(specs: list[str], vault: Vault) -> Iterator[Snapshot]:
    for spec in specs:
        snapshot = vault.named(spec)
        if snapshot is not None and snapshot.path.is_dir():
            yield snapshot
