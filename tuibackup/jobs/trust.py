"""Trust: see the host keys on the way to a server, and accept them; each accepted key is recorded in the ledger.

Other jobs that connect record accepted keys, too, with `accepting`.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tuibackup.config import Config, Server
from tuibackup.errors import HostKeyError, UsageError
from tuibackup.jobs.recorder import Recorder
from tuibackup.ledger.entries import Kind
from tuibackup.remote.questions import Answers, Question
from tuibackup.run.passwords import resolve
from tuibackup.run.places import known_hosts
from tuibackup.run.record import trust_body
from tuibackup.words import later, sentence

if TYPE_CHECKING:
    from tuibackup.remote.connect.hostkeys import HostKey, Told

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class TrustPlan:
    """The server whose keys are looked at. `fingerprints`: only these keys are accepted, and nobody is asked."""

    server: Server
    fingerprints: frozenset[str] = frozenset()


class Accepted(NamedTuple):
    """A host key that is trusted from now on; `where` is the host ("siakad.example port 22")."""

    where: str
    algorithm: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Trusted:
    """The keys that were accepted on the way; none: all were known. `not_recorded`: why the ledger lacks an entry."""

    plan: TrustPlan
    accepted: tuple[Accepted, ...]
    not_recorded: str | None

    def document(self) -> dict[str, Any]:
        """As `trust --json` prints it."""
        return {
            "server": self.plan.server.name,
            "accepted": [one._asdict() for one in self.accepted],
            "not-recorded": self.not_recorded,
        }


def plan_trust(config: Config, server: str, fingerprints: list[str]) -> TrustPlan:
    """Raises UsageError: no such server, or not a fingerprint."""
    plan = TrustPlan(config.host(server), frozenset(fingerprints))
    if wrong := [text for text in fingerprints if not _FINGERPRINT.fullmatch(text)]:
        raise UsageError(
            sentence("{text} is not a fingerprint", text=wrong[0]),
            sentence("a fingerprint is SHA256: and 43 characters"),
        )
    return plan


async def trust(
    plan: TrustPlan, config: Config, recorder: Recorder, answers: Answers, notes: Callable[[str], None]
) -> Trusted:
    """Ask about each unknown key; the accepted ones are kept and recorded. A key that has changed is never accepted.

    Raises HostKeyError: a key was refused, or cannot be kept, so that the next command would not know it; ConnectError,
    NeedsOperatorError.
    """
    from tuibackup.remote.session import learn_host_keys

    accepted: list[Accepted] = []
    record = accepting(recorder, plan.server.name, later("trust"))

    def told(where: str, key: "HostKey", fault: str) -> None:
        record(where, key, fault)
        if fault:
            raise HostKeyError(fault)
        accepted.append(Accepted(where, key.algorithm, key.fingerprint))

    judge: Answers = _ByFingerprint(plan.fingerprints, answers) if plan.fingerprints else answers
    await learn_host_keys(
        plan.server,
        known_hosts=known_hosts(config, told),
        answers=judge,
        secrets=partial(resolve, answers=judge),
        deadline=time.monotonic() + config.sop.connect_within,
        notes=notes,
    )
    return Trusted(plan, tuple(accepted), recorder.fault or None)


def accepting(recorder: Recorder, server: str, during: str) -> "Told":
    """Records the host keys that are accepted on the way to `server` while `during` goes on: "check", "a restore"."""

    def told(where: str, key: "HostKey", fault: str) -> None:
        recorder.record(Kind.TRUST, trust_body(where, key, during, fault), server=server)

    return told


class _ByFingerprint:
    """Answers questions about host keys by the fingerprints that were named; passes all other questions on."""

    def __init__(self, fingerprints: frozenset[str], answers: Answers) -> None:
        self._fingerprints = fingerprints
        self._answers = answers

    async def ask(self, question: Question) -> str | None:
        if question.kind != "host-key":
            return await self._answers.ask(question)
        # Compare whole words: a fingerprint inside a longer word is another one.
        shown = set(" ".join(question.detail).split())
        return "yes" if shown & self._fingerprints else "no"
