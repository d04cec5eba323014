"""Plans for the cockpit's dialog, made by a helper: they read the ledger, and estimate by what lies on the disk."""

from collections.abc import Mapping

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.run.operator import Operator
from tuibackup.run.plan import Plan, PlanSummary, describe, make_plans
from tuibackup.sop import Clock


class PlanQuestion(msgspec.Struct, frozen=True):
    """What is to be backed up, and whether it is to be fetched anew."""

    wants: Mapping[str, frozenset[Clock]]
    full: bool
    operator: Operator


class PlanAnswer(msgspec.Struct, frozen=True):
    """The plans with what to know of them; `fault`: why there are none."""

    plans: tuple[Plan, ...] = ()
    summary: PlanSummary | None = None
    fault: str = ""


class PlanLook:
    """Plans by `config`; see `Helper`."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def close(self) -> None:
        """Nothing is open between two questions."""

    def __call__(self, question: PlanQuestion) -> PlanAnswer:
        try:
            plans = make_plans(self._config, question.wants, full=question.full, operator=question.operator)
            return PlanAnswer(plans, describe(plans, self._config))
        except TuibackupError as error:
            return PlanAnswer(fault=str(error))
