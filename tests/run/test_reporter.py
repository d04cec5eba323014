from typing import Any

from tuibackup.progress import Finding, Progress
from tuibackup.run import reporter
from tuibackup.run.journal import events as ev
from tuibackup.run.reporter import StepReporter
from tuibackup.sop import Step


class Told:
    """The events that a reporter emits, and a clock that the test moves."""

    def __init__(self, expected: float | None = None) -> None:
        self.events: list[ev.Event] = []
        self.time = 0.0
        self.report = StepReporter(Step.DOWNLOAD, self._emit, expected=expected, clock=lambda: self.time)

    def _emit(self, event: type[ev.Event], **fields: Any) -> None:
        self.events.append(event(time=ev.now(), run="r", server="s", **fields))

    def progress(self, time: float, **fields: Any) -> ev.StepProgress:
        self.time = time
        self.report.progress(
            Progress(**{"items": 0, "items_total": None, "bytes": 0, "bytes_total": None} | fields)
        )
        self.report.flush()
        event = self.events[-1]
        assert isinstance(event, ev.StepProgress)
        return event


def test_the_rate_is_that_of_the_recent_seconds() -> None:
    told = Told()
    assert told.progress(0.0, bytes=0).rate is None
    for second in range(1, 21):
        told.progress(float(second), bytes=second * 100)
    assert told.progress(21.0, bytes=2000 + 1100).rate == 200.0  # ten seconds of 100 and one of 1100


def test_a_part_that_counts_from_zero_again_gets_a_rate_of_its_own() -> None:
    told = Told()
    told.progress(0.0, bytes=0)
    told.progress(1.0, bytes=5000)
    assert told.progress(2.0, bytes=0).rate is None
    assert told.progress(3.0, bytes=100).rate == 100.0


def test_time_left_follows_the_slower_of_bytes_and_items() -> None:
    told = Told()
    told.progress(0.0, bytes=0, items=0, bytes_total=1000, items_total=1000)
    event = told.progress(10.0, bytes=500, items=100, bytes_total=1000, items_total=1000)
    assert event.left == 90.0
    assert event.seconds == 10.0


def test_time_left_comes_from_history_while_there_is_no_total() -> None:
    assert Told(expected=60.0).progress(20.0, bytes=5).left == 40.0
    assert Told(expected=10.0).progress(20.0, bytes=5).left is None
    assert Told().progress(20.0, bytes=5).left is None


def test_no_time_left_is_told_where_nothing_moves() -> None:
    told = Told()
    told.progress(0.0, bytes=10, bytes_total=100)
    assert told.progress(12.0, bytes=10, bytes_total=100).left is None
    assert told.progress(13.0, bytes=10, bytes_total=100).rate == 0.0


def test_a_step_that_stands_still_does_not_fill_the_journal() -> None:
    told = Told()
    for half_second in range(200):
        told.time = half_second / 2
        told.report.progress(Progress(1, None, 1, None))
        told.report.flush()
    assert len(told.events) <= 21


def test_output_comes_in_one_batch_and_a_flood_loses_its_middle() -> None:
    told = Told()
    for number in range(1000):
        told.report.output(f"line {number}")
    told.report.flush()
    (event,) = told.events
    assert isinstance(event, ev.StepOutput)
    assert len(event.lines) == reporter.LINES + 1
    assert event.lines[0] == "line 0"
    assert event.lines[100] == "… 800 lines left out"
    assert event.lines[-1] == "line 999"


def test_texts_of_the_server_reach_no_terminal_raw() -> None:
    told = Told()
    told.report.output("\x1b[2Jgone")
    told.report.finding(Finding("a\nb", "\x1b]0;title\x07"))
    event = told.progress(1.0, current="\x1b[31mred")
    assert "\x1b" not in str(told.events)
    assert event.current == "\\x1b[31mred"


def test_findings_are_counted_beyond_what_is_told_and_marks_are_always_told() -> None:
    told = Told()
    for number in range(reporter.FINDINGS + 500):
        told.report.finding(Finding(f"file {number}", "unreadable"))
    told.report.finding(Finding("/var/www", "is missing", mark=True))
    told.report.flush()
    assert told.report.findings_total == reporter.FINDINGS + 501
    assert len(told.events) == reporter.FINDINGS + 1
    assert isinstance(told.events[-1], ev.StepFinding)
    assert told.events[-1].mark
    assert told.report.marked


def test_while_a_step_waits_it_says_so_once_without_rate_or_time_left() -> None:
    told = Told()
    told.progress(0.0, bytes=0, bytes_total=1000)
    assert told.progress(1.0, bytes=500, bytes_total=1000).rate == 500.0
    number = len(told.events)
    for second in range(2, 600):
        told.time = float(second)
        told.report.doing("connection lost, trying again in 8 s (2)")
        told.report.flush()
    (event,) = told.events[number:]
    assert isinstance(event, ev.StepProgress)
    assert (event.bytes, event.rate, event.left) == (500, None, None)
    assert event.current == "connection lost, trying again in 8 s (2)"
    late = told.progress(599.5, bytes=500, items=3, bytes_total=1000)
    assert late.current == "connection lost, trying again in 8 s (2)", "a late report does not take it away"
    told.report.doing("")
    assert told.progress(600.5, bytes=600, bytes_total=1000).rate == 100.0, "the wait does not count"
