"""What the cockpit asks now and then: plans, a server's past, what a run said. Two helpers answer, because plans and
lists of snapshots come from the backup disk: while that is silent, the record can still be asked."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.overview.helper import Fault, Helper
from tuibackup.run.operator import Operator
from tuibackup.sop import Clock
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.overview.asked import Lines, Wanted
    from tuibackup.overview.past import Listed, Past
    from tuibackup.overview.pastlook import PastLook
    from tuibackup.overview.planning import PlanLook
    from tuibackup.run.plan import Plan, PlanSummary

SILENT = 5.0  # seconds without an answer after which nobody waits any more
_T = TypeVar("_T")


class Desk:
    """Each question blocks, for SILENT seconds at most; ask in a thread. Create it before this process has threads."""

    def __init__(self, config: Config, crashes: Path | None, *, read_only: bool = False) -> None:
        self._read_only = read_only
        self._disk = _Counter("tuibackup-plans", partial(_plans, config), crashes)
        self._record = _Counter("tuibackup-past", partial(_past, config, read_only=read_only), crashes)

    def plan(
        self,
        wants: Mapping[str, frozenset[Clock]],
        full: bool,
        operator: Operator,
        again: Mapping[str, Mapping[Clock, str]] | None = None,
    ) -> "tuple[tuple[Plan, ...], PlanSummary]":
        """Plans for what is wanted, and a summary; `again`: why clocks are tried again. Raises TuibackupError."""
        from tuibackup.overview.planning import PlanAnswer, PlanQuestion

        answer = self._disk.ask(
            PlanQuestion(wants, full, operator, again or {}),
            PlanAnswer,
            _("the backup disk does not answer"),
            _("nothing was started; find out why the disk hangs, then try again"),
        )
        if answer.summary is None:
            raise TuibackupError(answer.fault)
        return answer.plans, answer.summary

    def stored(self, server: str) -> frozenset[str]:
        """The specs of the snapshots of a server that lie on the backup disk. Raises TuibackupError."""
        from tuibackup.overview.planning import StoredAnswer, StoredQuestion

        answer = self._disk.ask(StoredQuestion(server), StoredAnswer, _("the backup disk does not answer"))
        if answer.fault:
            raise TuibackupError(answer.fault)
        return answer.specs

    def past(self, server: str) -> "Past":
        """What the ledger tells of a server. Raises TuibackupError."""
        from tuibackup.overview.asked import PastQuestion
        from tuibackup.overview.past import Past

        return self._of_record(PastQuestion(server), Past)

    def page(self, server: str, wanted: "Wanted", offset: int) -> "Listed[Any]":
        """More of one of its lists. Raises TuibackupError."""
        from tuibackup.overview.asked import PageQuestion
        from tuibackup.overview.past import Listed

        return self._of_record(PageQuestion(server, wanted, offset), Listed)

    def output(self, run: str, room: int, offset: int, text: str = "") -> "Lines":
        """What a run said, in lines of `room` cells that contain `text`. Raises TuibackupError."""
        from tuibackup.overview.asked import Lines, OutputQuestion

        return self._of_record(OutputQuestion(run, room, offset, text), Lines)

    def _of_record(self, question: Any, kind: type[_T]) -> _T:
        return self._record.ask(question, kind, _("the ledger does not answer"))

    def renew(self, config: Config) -> None:
        """Answer by this configuration from now on."""
        self._disk.helper.begin(partial(_plans, config))
        self._record.helper.begin(partial(_past, config, read_only=self._read_only))

    def close(self) -> None:
        self._disk.helper.close()
        self._record.helper.close()


class _Counter:
    """A helper, and those who wait for their turn with it."""

    def __init__(self, name: str, begin: Any, crashes: Path | None) -> None:
        self.helper: Helper[Any, Any] = Helper(name, begin, crashes)
        self._turn = Lock()

    def ask(self, question: Any, kind: type[_T], silent: str, way_out: str = "") -> _T:
        """The answer, which is a `kind`; answers that nobody waited for are dropped. Raises TuibackupError."""
        with self._turn:
            until = monotonic() + SILENT
            self.helper.answer(until)
            answer = self.helper.answer(until) if self.helper.ask(question) else None
        if answer is None:
            raise TuibackupError(silent, way_out)
        if isinstance(answer, Fault):
            raise TuibackupError(answer.line)
        assert isinstance(answer, kind)
        return answer


# Each is imported in its helper only, because the face does not need these modules.


def _plans(config: Config) -> "PlanLook":
    from tuibackup.overview.planning import PlanLook

    return PlanLook(config)


def _past(config: Config, *, read_only: bool) -> "PastLook":
    from tuibackup.overview.pastlook import PastLook

    return PastLook(config, read_only=read_only)
