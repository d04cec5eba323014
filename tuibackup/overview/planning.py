"""What the cockpit asks of the backup disk now and then, answered by a helper.

Plans, which estimate by what lies there; and which snapshots of a server do.
"""

from collections.abc import Mapping

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_vault
from tuibackup.run.plan import Plan, PlanSummary, describe, make_plans
from tuibackup.sop import Clock


class PlanQuestion(msgspec.Struct, frozen=True):
    """What is to be backed up, and whether it is to be fetched anew."""

    wants: Mapping[str, frozenset[Clock]]
    full: bool
    operator: Operator
    again: Mapping[str, Mapping[Clock, str]]


class PlanAnswer(msgspec.Struct, frozen=True):
    """The plans with what to know of them; `fault`: why there are none."""

    plans: tuple[Plan, ...] = ()
    summary: PlanSummary | None = None
    fault: str = ""


class StoredQuestion(msgspec.Struct, frozen=True):
    """Which snapshots of a server lie on the disk."""

    server: str


class StoredAnswer(msgspec.Struct, frozen=True):
    """Their specs; `fault`: why they are not known."""

    specs: frozenset[str] = frozenset()
    fault: str = ""


class PlanLook:
    """Answers by `config`; see `Helper`."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def close(self) -> None:
        """Nothing is open between two questions."""

    def __call__(self, question: PlanQuestion | StoredQuestion) -> PlanAnswer | StoredAnswer:
        return self._stored(question) if isinstance(question, StoredQuestion) else self._plan(question)

    def _stored(self, question: StoredQuestion) -> StoredAnswer:
        try:
            vault = open_vault(self._config, create=False)
            return StoredAnswer(frozenset(one.spec for one in vault.snapshots(question.server)))
        except TuibackupError as error:
            return StoredAnswer(fault=str(error))

    def _plan(self, question: PlanQuestion) -> PlanAnswer:
        try:
            plans = make_plans(
                self._config,
                question.wants,
                full=question.full,
                operator=question.operator,
                again=question.again,
            )
            return PlanAnswer(plans, describe(plans, self._config))
        except TuibackupError as error:
            return PlanAnswer(fault=str(error))
