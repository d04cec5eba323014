"""A run as a picture, folded from its events alone. The cockpit and the command line draw only this."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from tuibackup.run.journal import events as ev
from tuibackup.sop import Clock, Outcome, Step

OUTPUT_LINES = 500  # what a view keeps of a step's output; the journal keeps all
STALLED = 10.0  # seconds without progress after which a step is said to have stalled
FINDINGS = 1000  # likewise of findings; `findings_total` counts them all


class StepView(msgspec.Struct, frozen=True):
    """One step: not begun (started is ""), running, or ended with an outcome."""

    step: Step
    started: str = ""
    outcome: Outcome | None = None
    seconds: float | None = None
    detail: str = ""
    slow: bool = False
    standard: float | None = None
    expected: float | None = None
    progress: ev.StepProgress | None = None
    output: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return bool(self.started) and self.outcome is None


class RunView(msgspec.Struct, frozen=True):
    """One run. `state` is "planned", "waiting", "running" or, once it ended, its outcome's word."""

    run: str
    server: str
    planned: ev.RunPlanned | None = None
    state: str = "planned"
    waiting: str = ""
    steps: dict[Step, StepView] = msgspec.field(default_factory=dict)
    findings: tuple[ev.StepFinding, ...] = ()
    findings_total: int = 0
    notes: tuple[str, ...] = ()
    needs: tuple[tuple[str, bool, str], ...] = ()
    finished: ev.RunFinished | None = None
    last_time: str = ""
    moved: str = ""  # when the step under way last got further

    def stalled(self, now: datetime) -> float | None:
        """Seconds for which the step under way got no byte and no file further, once they are worth telling."""
        if self.current is None or self.current.progress is None or not self.moved:
            return None
        seconds = (now - datetime.fromisoformat(self.moved)).total_seconds()
        return seconds if seconds >= STALLED else None

    @property
    def current(self) -> StepView | None:
        """The step that is under way."""
        return next((view for view in self.steps.values() if view.running), None)

    def apply(self, event: ev.AnyEvent) -> "RunView":
        """The picture after one more event."""
        view = replace(self, last_time=event.time)
        match event:
            case ev.RunPlanned():
                return replace(view, planned=event, steps=_planned_steps(event))
            case ev.RunWaiting():
                return replace(view, state="waiting", waiting=event.reason)
            case ev.RunAsked():
                return view
            case ev.RunNote():
                return replace(view, notes=(*view.notes, event.text))
            case ev.NeedsMet():
                return replace(view, needs=event.needs)
            case ev.StepStarted():
                return replace(
                    view._with(event.step, started=event.time), state="running", waiting="", moved=event.time
                )
            case ev.StepProgress():
                before = self.steps[event.step].progress if event.step in self.steps else None
                still = before and (before.items, before.bytes) == (event.items, event.bytes)
                return replace(
                    view._with(event.step, progress=event), moved=view.moved if still else event.time
                )
            case ev.StepOutput():
                lines = (*self.steps.get(event.step, StepView(event.step)).output, *event.lines)
                return view._with(event.step, output=lines[-OUTPUT_LINES:])
            case ev.StepFinding():
                room = len(view.findings) < FINDINGS or event.mark
                kept = (*view.findings, event) if room else view.findings
                return replace(view, findings=kept, findings_total=view.findings_total + 1)
            case ev.StepFinished():
                return view._with(
                    event.step,
                    outcome=event.outcome,
                    seconds=event.seconds,
                    detail=event.detail,
                    slow=event.slow,
                )
            case ev.RunFinished():
                return replace(view, state=event.outcome.value, waiting="", finished=event)
            case _:  # of other jobs
                return view

    def _with(self, step: Step, **changes: object) -> "RunView":
        changed = replace(self.steps.get(step, StepView(step)), **changes)
        return replace(self, steps={**self.steps, step: changed})


def _planned_steps(event: ev.RunPlanned) -> dict[Step, StepView]:
    wanted = [Step.CONNECT]
    if Clock.FILES in event.clocks:
        wanted.append(Step.DOWNLOAD)
    if Clock.DATABASES in event.clocks:
        wanted += [Step.LOGIN, Step.DUMP]
    return {
        step: StepView(step, standard=event.standards.get(step), expected=event.expected.get(step))
        for step in wanted
    }
