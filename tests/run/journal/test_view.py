from datetime import UTC, datetime

from tuibackup.run.journal import events as ev
from tuibackup.run.journal.view import FINDINGS, OUTPUT_LINES, RunView
from tuibackup.sop import Clock, Outcome, Step

HEAD = {"time": "2026-11-22T01:30:00.000Z", "run": "r", "server": "siakad"}


def view_of(*events: ev.AnyEvent) -> RunView:
    view = RunView("r", "siakad")
    for event in events:
        view = view.apply(ev.decode(ev.encode(event)))
    return view


def planned(*clocks: Clock) -> ev.RunPlanned:
    return ev.RunPlanned(
        **HEAD,
        request="q",
        clocks=clocks,
        full=False,
        operator="andi",
        standards={Step.CONNECT: 600.0},
        expected={Step.DUMP: 65.0},
    )


def test_a_planned_run_shows_the_steps_of_its_clocks() -> None:
    view = view_of(planned(Clock.DATABASES))
    assert list(view.steps) == [Step.CONNECT, Step.LOGIN, Step.DUMP]
    assert view.steps[Step.CONNECT].standard == 600.0
    assert view.steps[Step.DUMP].expected == 65.0
    assert view.state == "planned"
    assert view.current is None


def test_a_run_waits_runs_and_ends() -> None:
    events: list[ev.AnyEvent] = [
        planned(Clock.FILES),
        ev.RunWaiting(**HEAD, reason="slot"),
        ev.StepStarted(**HEAD, step=Step.DOWNLOAD),
        ev.StepProgress(**HEAD, step=Step.DOWNLOAD, items=1, bytes=2, unit="files"),
    ]
    assert view_of(*events[:2]).waiting == "slot"
    running = view_of(*events)
    assert (running.state, running.waiting) == ("running", "")
    assert running.current is not None
    assert running.current.progress is not None
    ended = view_of(
        *events,
        ev.StepFinished(**HEAD, step=Step.DOWNLOAD, outcome=Outcome.DONE, seconds=3.0, detail="1 file"),
        ev.RunFinished(**HEAD, outcome=Outcome.DONE, seconds=4.0, exit_code=0),
    )
    assert ended.current is None
    assert ended.state == "done"
    assert ended.steps[Step.DOWNLOAD].seconds == 3.0


def test_a_view_stays_small_however_much_is_told() -> None:
    finding = ev.StepFinding(**HEAD, step=Step.DOWNLOAD, subject="a", reason="b")
    output = ev.StepOutput(**HEAD, step=Step.DUMP, lines=("x",) * 300)
    view = view_of(planned(*Clock), *[finding] * (FINDINGS + 5), *[output] * 3)
    assert len(view.findings) == FINDINGS
    assert view.findings_total == FINDINGS + 5
    assert len(view.steps[Step.DUMP].output) == OUTPUT_LINES


def test_a_standstill_counts_from_the_last_byte_and_ends_with_the_next() -> None:
    def at(second: int, size: int) -> ev.StepProgress:
        head = HEAD | {"time": f"2026-11-22T01:30:{second:02}.000Z"}
        return ev.StepProgress(**head, step=Step.DOWNLOAD, items=1, bytes=size, unit="files")

    now = datetime(2026, 11, 22, 1, 30, 20, tzinfo=UTC)
    began = ev.StepStarted(**HEAD, step=Step.DOWNLOAD)
    assert view_of(began).stalled(now) is None, "nothing was promised yet"
    assert view_of(began, at(1, 5), at(8, 9), at(9, 9), at(14, 9)).stalled(now) == 12.0
    assert view_of(began, at(1, 5), at(8, 9), at(9, 9), at(14, 10)).stalled(now) is None
    ended = ev.StepFinished(**HEAD, step=Step.DOWNLOAD, outcome=Outcome.DONE, seconds=3.0)
    assert view_of(began, at(1, 5), ended).stalled(now) is None
