"""Whether a clock was kept in a span of days: in time, late by how many days, or missed. Pure; the rules are `sop`'s.

A backup is due by the end of the day that lies the period after the one before. A lapse belongs to the span in which
its due day lies, and also to a later one while it lasts.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, tzinfo

from tuibackup.jobs.report.facts import Compliance, Lapse
from tuibackup.jobs.report.period import Span
from tuibackup.sop import Clock, Period, standing


def compliance(
    server: str,
    clock: Clock,
    good: Sequence[datetime],
    within: Period,
    span: Span,
    zone: tzinfo | None = None,
) -> Compliance:
    """`good`: when the backups that reset the clock began, the oldest first; the last one before the span included."""
    days = [day for moment in good if (day := moment.astimezone(zone).date()) <= span.last]
    moments = list(good[: len(days)])
    end = datetime.combine(span.last, time(23, 59, 59))
    stands = standing(
        moments[-1] if moments else None, within, end.replace(tzinfo=zone) if zone else end.astimezone(), zone
    )
    return Compliance(
        server,
        clock,
        within,
        sum(day >= span.first for day in days),
        moments[-1] if moments else None,
        stands.state,
        stands.due_by.date() if stands.due_by else None,
        tuple(_lapses(days, within, span)),
    )


def _lapses(days: Sequence[date], within: Period, span: Span) -> list[Lapse]:
    found = []
    for number, day in enumerate(days):
        due = within.after(day)
        came = days[number + 1] if number + 1 < len(days) else None
        if due < (came or span.last) and (came or span.last) >= span.first:
            found.append(Lapse(due, came, ((came or span.last) - due).days))
    return found
