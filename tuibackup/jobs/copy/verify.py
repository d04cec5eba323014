"""Verify of a copy: every object of it is read again where it lies, and compared with what was sent."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuibackup.config import Config
from tuibackup.copies.check import Checked, check
from tuibackup.copies.held import Held, held, lacking, read_manifest
from tuibackup.copies.manifest import SUFFIX, Keys, Manifest
from tuibackup.copies.target import AwayError, CopyError, DamagedError, Target
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.jobs.copy.inside import require_copy
from tuibackup.jobs.copy.plan import known
from tuibackup.jobs.copy.reach import opener, reached
from tuibackup.jobs.copy.way import Way
from tuibackup.jobs.process.order import Verify
from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.run.places import open_vault
from tuibackup.sop import Outcome
from tuibackup.text import size
from tuibackup.words import joined, sentence


@dataclass(frozen=True, slots=True)
class VerifiedCopy(Result):
    """What was found of a snapshot in a copy. `snapshot`: its spec, or its tag where nobody can tell the name."""

    copy: str
    snapshot: str
    named: bool
    checked: Checked
    seconds: float

    @property
    def outcome(self) -> Outcome:
        return Outcome.FAILED if self.checked.problems else Outcome.DONE

    def facts(self) -> dict[str, Any]:
        found = self.checked
        return {
            "copy": self.copy,
            "snapshot": self.snapshot,
            "ok": not found.problems,
            "files": found.objects,
            "bytes": found.bytes,
            "seconds": self.seconds,
            "opened": found.opened,
            "problems": list(found.problems),
            "damaged": list(found.damaged),
            "restorable": None,
        }

    def body(self) -> dict[str, Any]:
        body = bounded(self.facts())
        del body["ok"], body["bytes"]
        problem = self.checked.problems[0] if self.checked.problems else ""
        detail = sentence(
            "{snapshot} in {copy} read again, {size}",
            snapshot=self.snapshot,
            copy=self.copy,
            size=size(self.checked.bytes),
        )
        held = {"held": not problem, "verified": not problem, "problem": problem} if self.named else {}
        return {
            **body,
            **held,
            "read": self.checked.bytes,
            "outcome": self.outcome.value,
            "detail": detail,
            "error": joined(": ", (self.copy, self.snapshot, problem)) if problem else "",
        }


def verify_copy(
    words: Verify,
    config: Config,
    recorder: Recorder,
    way: Way,
    on_progress: Callable[[str, Progress], None],
) -> Iterator[Result | TuibackupError]:
    """A result for each snapshot in the copy that is meant. Raises UsageError, CopyError: it cannot be read at all."""
    settings = config.copy(words.source)
    key = opener(Path(os.fsdecode(words.identity)) if words.identity else None)
    specs = {fact.snapshot for fact in known(config).get(settings.name, {}).values()}
    with reached(config, settings, way) as target:
        require_copy(config, settings, target)
        names = _names(config, specs)
        sizes = {one.key: one.size for one in target.objects()}
        keys = sorted(one for one in sizes if one.endswith(SUFFIX))
        read = 0
        for file in keys:
            spec = names.get(file, file.removesuffix(SUFFIX))
            try:
                manifest = read_manifest(target, file)
                what = _opened(target, manifest, key)
            except AwayError:
                raise
            except DamagedError as error:
                if _is_meant(words.what, spec, named="/" in spec):
                    read += 1
                    yield _damaged(settings.name, spec, file, error, recorder)
                continue
            except CopyError as error:
                yield error
                continue
            spec = what.spec if what is not None else spec
            if not _is_meant(words.what, spec, named="/" in spec):
                continue
            read += 1
            yield _one(settings.name, spec, manifest, what, sizes, target, key, recorder, on_progress)
        if not read:
            raise UsageError(
                sentence("{copy} has nothing of that", copy=settings.name),
                sentence("tuibackup copies tells what lies there"),
            )


def _opened(target: Target, manifest: Manifest, key: Any) -> Held | None:
    """What it holds; None where nobody can tell: it is encrypted and there is no key, or its names are damaged."""
    if manifest.encrypted and key is None:
        return None
    try:
        return held(target, manifest, key)
    except DamagedError:
        return None  # the names are among the objects that are read


def _damaged(copy: str, spec: str, file: str, error: DamagedError, recorder: Recorder) -> VerifiedCopy:
    """Of a snapshot whose manifest itself is damaged."""
    plan = {"copy": copy, "snapshot": spec if "/" in spec else None, "detail": spec}
    with recorder.attempt(Kind.COPY, plan, server=spec.split("/")[0] if "/" in spec else "") as attempt:
        checked = Checked(0, 0, False, (error.message,), (file,))
    return attempt.recorded(VerifiedCopy(copy, spec, "/" in spec, checked, 0.0))


def _names(config: Config, specs: set[str]) -> dict[str, str]:
    """Which snapshot each manifest is of, as far as this machine knows."""
    try:
        vault = open_vault(config, create=False)
    except TuibackupError:
        return {}
    keys = [Keys(vault.id, hidden=hidden) for hidden in (False, True)]
    known_here = specs | {one.spec for one in vault.snapshots()}
    return {key.manifest(one): one for one in known_here for key in keys}


def _is_meant(word: str | None, spec: str, *, named: bool) -> bool:
    if word is None:
        return True
    if not named:
        raise UsageError(
            sentence("{word}: the copy is encrypted, and its names cannot be read", word=word),
            sentence("name the identity (--identity FILE), or verify all of the copy"),
        )
    return spec == word or spec.split("/")[0] == word


def _one(
    copy: str,
    spec: str,
    manifest: Manifest,
    what: Held | None,
    sizes: dict[str, int],
    target: Target,
    key: Any,
    recorder: Recorder,
    on_progress: Callable[[str, Progress], None],
) -> VerifiedCopy:
    named = "/" in spec
    plan = {"copy": copy, "snapshot": spec if named else None, "detail": spec}
    server = spec.split("/")[0] if named else ""
    began = time.monotonic()
    with recorder.attempt(Kind.COPY, plan, server=server) as attempt:
        if gone := lacking(manifest, sizes):
            problems = tuple(sentence("{key} is gone, or was cut short", key=one.key) for one in gone)
            checked = Checked(0, 0, False, problems, tuple(one.key for one in gone if one.key in sizes))
        else:
            checked = check(manifest.objects, what, target, key, lambda told: on_progress(spec, told))
    return attempt.recorded(VerifiedCopy(copy, spec, named, checked, round(time.monotonic() - began, 3)))
