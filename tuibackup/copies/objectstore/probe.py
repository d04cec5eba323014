"""What a store really does, found out with a few bytes: whether it creates only what is absent, and whether it locks.

Documentation of stores is wrong now and then, and a bucket's settings change. So it is tried, at `check` and monthly,
with an object of its own below the copy's prefix. The one that proves the lock is a canary: it is deleted by its
version id, which is the only deletion whose success or refusal tells the truth.
"""

import http.client
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from tuibackup.copies.objectstore.faults import Refusal, RefusedError
from tuibackup.copies.objectstore.signed import Sums
from tuibackup.copies.objectstore.target import ObjectTarget
from tuibackup.copies.target import AlreadyThereError, CopyError
from tuibackup.text import printable

FOLDER = ".tuibackup-probe"  # hidden from listings of the copy
_RULE = re.compile(r"retention|immutab|lock|hold", re.IGNORECASE)


class Absent(StrEnum):
    """What came of creating the same object twice."""

    ENFORCED = "enforced"  # the second was refused
    IGNORED = "ignored"  # the second replaced the first


class Lock(StrEnum):
    """What came of deleting the canary for good."""

    KEPT = "kept"  # refused by a rule of the store
    GONE = "gone"  # it was deleted
    REFUSED = "refused"  # refused to this key; whether to all, nobody tells


@dataclass(frozen=True, slots=True)
class Probed:
    """`until`: to when the canary is locked, where the store tells; `mode`: S3's, or "". `said`: its words."""

    absent: Absent
    lock: Lock
    until: datetime | None = None
    mode: str = ""
    said: str = ""


def probe(target: ObjectTarget) -> Probed:
    """Try both. Raises CopyError: the store cannot be used."""
    import obstore

    key, version = _first(target)
    try:
        second = b"the second of two: it replaced the first\n"
        _, replaced = target.put(key, second, Sums.of(second))
    except obstore.exceptions.AlreadyExistsError:
        absent = Absent.ENFORCED
    except (obstore.exceptions.BaseError, RefusedError, OSError, http.client.HTTPException) as error:
        raise target.fault(error) from None
    else:
        absent, version = Absent.IGNORED, replaced or version
    return _canary(target, key, version, absent)


def _first(target: ObjectTarget, tries: int = 3) -> tuple[str, str]:
    """A new object of a name that nobody has used: its key and its version id, or ""."""
    key = f"{FOLDER}/{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(4)}"
    try:
        return key, target.create(
            key, b"the first of two: tuibackup tries whether this can be replaced and deleted\n"
        )
    except AlreadyThereError:  # our own: the answer was lost, and with it the version id
        if tries == 1:
            raise
    with suppress(CopyError):  # it may be locked
        target.delete(key)
    return _first(target, tries - 1)


def _canary(target: ObjectTarget, key: str, version: str, absent: Absent) -> Probed:
    """Delete it for good."""
    import obstore

    signer = target.signer
    if signer is None or version in ("", "null"):  # without versions a plain deletion is one for good
        try:
            obstore.delete(target.library, key)
        except obstore.exceptions.BaseError as error:
            refusal = Refusal.of(str(error))
            if refusal.status not in (403, 409, 412):
                raise target.fault(error) from None
            said = printable(f"{refusal.status} {refusal.code} {refusal.message}".strip())
            return Probed(absent, Lock.KEPT if _RULE.search(said) else Lock.REFUSED, said=said)
        return Probed(absent, Lock.GONE)
    try:
        answer = signer.ask("DELETE", key, {"versionId": version})
        if answer.status < 300:
            return Probed(absent, Lock.GONE)
        told = signer.ask("HEAD", key, {"versionId": version}).headers
    except (OSError, http.client.HTTPException) as error:
        raise target.fault(error) from None
    refusal = Refusal.of_answer(answer.status, answer.text)
    said = printable(f"{refusal.status} {refusal.code} {refusal.message}".strip())
    until = _moment(told.get("x-amz-object-lock-retain-until-date", ""))
    if until is not None:
        return Probed(absent, Lock.KEPT, until, told.get("x-amz-object-lock-mode", "").lower(), said)
    return Probed(absent, Lock.KEPT if _RULE.search(said) else Lock.REFUSED, said=said)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
