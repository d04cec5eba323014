"""Tries what the store of a copy really does, and records it: monthly when something is copied, and at each `check`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies.objectstore.probe import Absent, Lock, Probed, probe
from tuibackup.copies.objectstore.target import ObjectTarget
from tuibackup.jobs.recorder import Recorder
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.probed import probe_body, probes
from tuibackup.run.places import open_ledger
from tuibackup.sop import Outcome
from tuibackup.words import joined, sentence

EVERY = timedelta(days=30)
_SLACK = timedelta(days=1)


def probe_if_due(config: Config, copy: CopySettings, target: ObjectTarget, recorder: Recorder) -> None:
    """Probe it if that is a month ago, or its lock was not kept then. Raises CopyError, LedgerError."""
    with open_ledger(config, read_only=True) as ledger:
        last = probes(ledger).get(copy.name)
    broken = last is not None and copy.lock is not None and last.lock != Lock.KEPT
    if last is None or broken or datetime.now(UTC) - last.time >= EVERY:
        probe_now(copy, target, recorder)


def probe_now(copy: CopySettings, target: ObjectTarget, recorder: Recorder | None) -> list[tuple[bool, str]]:
    """Probe it and record what came of it: what was found, a sentence each, and whether that is as it should be.

    Raises CopyError: the store cannot be used.
    """
    found, now = probe(target), datetime.now(UTC)
    told = list(_told(copy, found, now))
    wrong = [text for good, text in told if not good]
    if recorder is not None:
        body = probe_body(
            copy.name,
            enforces=found.absent is Absent.ENFORCED,
            lock=found.lock.value,
            until=found.until,
            now=now,
        )
        outcome = Outcome.WARNINGS if wrong else Outcome.DONE
        texts = joined("; ", (text for _good, text in told))
        recorder.record(
            Kind.COPY,
            {
                **body,
                "outcome": outcome.value,
                "detail": joined(": ", (copy.name, texts)),
                "error": joined("; ", wrong),
            },
        )
    return told


def _told(copy: CopySettings, found: Probed, now: datetime) -> Iterator[tuple[bool, str]]:
    if found.absent is Absent.ENFORCED:
        yield True, sentence("the store itself refuses to replace an object")
    else:
        yield (
            True,
            sentence(
                "the store would replace an object: tuibackup looks before it writes, and that is all that prevents it"
            ),
        )
    promised = None if copy.lock is None else copy.lock.after(now.date()) - now.date()
    if found.lock is Lock.KEPT:
        if found.until is None:
            yield (
                True,
                sentence("a lock forbids to delete what is stored; for how long, the store does not tell"),
            )
            return
        until = found.until.astimezone().date().isoformat()
        if promised is not None and found.until - now < promised - _SLACK:
            yield (
                False,
                sentence(
                    "what is stored today cannot be deleted before {date}; lock = promises {period}",
                    date=until,
                    period=copy.lock,
                ),
            )
        else:
            yield True, sentence("what is stored today cannot be deleted before {date}", date=until)
        return
    if found.lock is Lock.REFUSED:
        text = sentence("this key may not delete; whether another one may, the store does not tell")
    else:
        text = sentence("nothing is locked: whoever has the key can delete what is stored")
    if promised is not None:
        text = joined(
            "; ",
            (text, sentence("lock = promises {period}: see the retention of the bucket", period=copy.lock)),
        )
    yield promised is None, text
