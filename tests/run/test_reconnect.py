"""How long and how often a lost connection is tried again, and what is no matter of patience."""

import asyncio
from collections.abc import Callable

import pytest

from tests.run.conftest import ANDI
from tuibackup.config import Config
from tuibackup.errors import (
    ConnectError,
    HostKeyError,
    InterruptedRunError,
    LoginError,
    NeedsOperatorError,
    TuibackupError,
)
from tuibackup.remote.questions import NoAnswers
from tuibackup.run import reconnect
from tuibackup.run.journal import journal as jr
from tuibackup.run.places import open_ledger
from tuibackup.run.plan import make_plans, wants
from tuibackup.run.reporter import StepReporter
from tuibackup.run.state import Work
from tuibackup.sop import Step

Try = Callable[[list[TuibackupError]], tuple[str, list[float]]]


@pytest.fixture
def tries(config: Config, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Connects again where each try meets the next of `faults`; how it ended, and the pauses. No time passes."""
    now, pauses = [1000.0], []

    async def wait(_report: StepReporter, seconds: float, _tried: int) -> None:
        pauses.append(round(seconds, 1))
        now[0] += seconds

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

    monkeypatch.setattr(reconnect, "_wait", wait)
    monkeypatch.setattr(reconnect, "time", Clock)

    def go(faults: list[TuibackupError], fruitless: int = 0) -> tuple[str, list[float]]:
        left = list(faults)

        async def reach(work: Work, _deadline: float) -> None:
            if left:
                raise left.pop(0)
            work.session, work.probe = object(), object()  # type: ignore[assignment]

        monkeypatch.setattr(reconnect, "reach", reach)
        (plan,) = make_plans(config, wants(config, ["siakad"]), full=False, operator=ANDI)
        with jr.Journal.create(config.state, plan.planned()) as journal, open_ledger(config) as ledger:
            work = Work(plan, config, journal, ledger, NoAnswers())
            report = StepReporter(Step.DOWNLOAD, work.emit)
            try:
                asyncio.run(reconnect.connect_again(work, report, fruitless))
            except TuibackupError as error:
                return f"{type(error).__name__}: {error}", pauses
        return "connected", pauses

    return go


def refused(number: int) -> list[TuibackupError]:
    return [ConnectError("10.0.0.5 port 22: refused", "is sshd running there?")] * number


def test_pauses_grow_to_half_a_minute(tries: Try) -> None:
    assert tries(refused(7)) == ("connected", [1, 2, 4, 8, 16, 30, 30, 30])


def test_after_connections_that_brought_nothing_the_first_pause_is_longer(tries: Try) -> None:
    assert tries([], fruitless=1) == ("connected", [1])
    assert tries([], fruitless=4)[1][1:] == [8]


def test_it_gives_up_when_the_time_for_connecting_is_over(tries: Try) -> None:
    said, pauses = tries(refused(1000))
    assert said == (
        "InterruptedRunError: connection to siakad lost, tried 24 times in 10:00: 10.0.0.5 port 22: refused"
    )
    assert sum(pauses) == 600


@pytest.mark.parametrize(
    ("faults", "number", "kind"),
    [
        ([NeedsOperatorError("needs an operator: Verification code:")], 1, InterruptedRunError),
        ([LoginError("accepts none of our keys")] * 9, 3, InterruptedRunError),
        ([HostKeyError("its host key has CHANGED")], 1, HostKeyError),
    ],
)
def test_what_patience_does_not_cure_ends_it_soon(
    tries: Try, faults: list[TuibackupError], number: int, kind: type[TuibackupError]
) -> None:
    said, pauses = tries(faults)
    assert said.startswith(kind.__name__)
    assert faults[0].message in said
    assert len(pauses) == number
