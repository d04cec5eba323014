"""The strip of jobs other than runs: a line each, while they go on and for a while after their end."""

from tuibackup.overview.picture import Picture, job_word
from tuibackup.run.journal.job_view import JobView
from tuibackup.text import cells, count, duration, rate, shorten, size
from tuibackup.tui.lines import Line, Lines, Span, ends
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.words import _, joined

MOST = 3  # lines; more jobs than that are only counted


class Jobs(Lines):
    """Takes no room while there is no job."""

    picture: Picture | None = None

    def take(self, picture: Picture) -> None:
        self.picture = picture
        lines = job_lines(picture.jobs, self.app.size.width)
        if self.display != bool(lines):
            self.display = bool(lines)
        if lines and self.styles.height is not None and self.styles.height.value != len(lines):
            self.styles.height = len(lines)
        self.show(lines)

    def on_resize(self) -> None:
        if self.picture:
            self.take(self.picture)


def job_lines(jobs: tuple[JobView, ...], room: int) -> list[Line]:
    """At most MOST lines: those under way first."""
    going = sorted(jobs, key=lambda job: job.finished is not None)
    lines = [_line(job, room) for job in going[:MOST]]
    if len(going) > MOST:
        more = _("and {number} more: tuibackup follow").format(number=count(len(going) - MOST + 1))
        lines[-1] = ((f" {SIGNS['running']} {more}", "running"),)
    return lines


def _line(job: JobView, room: int) -> Line:
    assert job.planned
    state = job.finished.outcome.value if job.finished else "running"
    end = _ended(job) if job.finished else _going(job)
    start = f" {SIGNS[state]} {job_word(job.planned.job)} "
    what = shorten(job.planned.what, max(12, room - cells(start) - cells(end) - 3), middle=True)
    spans: Line = ((start, state), (what, ""))
    tail: tuple[Span, ...] = ((end + " ", state if job.finished else "muted"),)
    return ends(spans, tail, room)


def _going(job: JobView) -> str:
    told = job.progress
    if told is None:
        return ""
    parts = [f"{min(1.0, told.bytes / told.bytes_total):.0%}" if told.bytes_total else size(told.bytes)]
    if told.rate:
        parts.append(rate(told.rate))
    if told.left is not None:
        parts.append(_("{time} left").format(time=duration(told.left)))
    return joined("  ", parts)


def _ended(job: JobView) -> str:
    assert job.finished
    if job.finished.error:
        return shorten(job.finished.error, 60)
    if job.bad and job.planned and job.planned.job != "restore":
        text = _("{number} of {all} failed: enter on the server, or in the log, says what to do")
        return text.format(number=count(job.bad), all=count(job.results))
    return f"{_(job.finished.outcome.value)}  {duration(job.finished.seconds)}"
