"""Which snapshots of one clock stay by a rule, and why. Pure: no clock, disk or ledger is read here.

A snapshot goes only because newer good ones took its place. Periods are counted by those that hold a good snapshot, in
local calendar days, ISO weeks, calendar months and years; so an outage of any length removes nothing. What is dated in
the future, or before a snapshot that was made earlier, was made while this machine's clock was wrong: it stays, and
does not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from tuibackup.config.keep import Rule
from tuibackup.sop import Period
from tuibackup.words import later, sentence, sentence_n

_ORDINALS = {1: later("{number}st"), 2: later("{number}nd"), 3: later("{number}rd")}
_TH = later("{number}th")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What retention knows of a snapshot. `needs`: names of the older ones that it points into.

    `good`: it resets its clock, and nothing of it is known to be damaged. `stays`: reasons of its own, whatever the
    rule says (it is held, it is being read).
    """

    name: str
    started: datetime
    good: bool
    needs: frozenset[str] = frozenset()
    stays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A snapshot's fate. `reasons`: why it stays, or why it goes; never none."""

    name: str
    goes: bool
    reasons: tuple[str, ...]


def judge(
    found: Sequence[Candidate],
    rule: Rule,
    now: datetime,
    *,
    stop: str | None = None,
    zone: tzinfo | None = None,
) -> tuple[Judged, ...]:
    """One answer for each snapshot of a clock; `found` has them in the order in which they were made.

    `stop`: why nothing goes now, whatever the rule says. `zone` None is the system's.
    """
    if not rule.parts:
        everything = sentence("the rule keeps everything")
        return tuple(Judged(one.name, False, one.stays or (everything,)) for one in found)
    left, went = tuple(found), dict[str, str]()
    while (
        True
    ):  # what goes may be what made another one look wrongly dated: applying twice removes nothing more
        kept = _kept(left, rule, now, zone)
        going = [one.name for one in left if one.name not in kept]
        if not going:
            break
        went |= {name: why for name, why in _taken_place(left, now, zone).items() if name in going}
        left = tuple(one for one in left if one.name in kept)
    if stop is not None:
        return tuple(Judged(one.name, False, kept.get(one.name, (stop,))) for one in found)
    return tuple(Judged(one.name, one.name in went, kept.get(one.name) or (went[one.name],)) for one in found)


def _kept(
    found: Sequence[Candidate], rule: Rule, now: datetime, zone: tzinfo | None
) -> Mapping[str, tuple[str, ...]]:
    """What stays, with its reasons."""
    reasons: dict[str, list[str]] = {}

    def keep(name: str, why: str) -> None:
        reasons.setdefault(name, []).append(why)

    for one in found:
        for why in one.stays:
            keep(one.name, why)
    wrong = _wrongly_dated(found, now)
    for name, why in wrong.items():
        keep(name, why)
    newest = next((number for number in reversed(range(len(found))) if found[number].good), None)
    if newest is None:
        for one in found:
            keep(one.name, sentence("there is no good snapshot yet"))
    else:
        keep(found[newest].name, sentence("newest good"))
        for one in found[newest + 1 :]:
            keep(one.name, sentence("newer than the newest good one"))
    dated = [one for one in found if one.name not in wrong]
    for part in rule.parts:
        for name, why in _of_part(dated, part, now, zone):
            keep(name, why)
    return _with_needed(found, reasons)


def _of_part(
    dated: Sequence[Candidate], part: Period, now: datetime, zone: tzinfo | None
) -> Iterable[tuple[str, str]]:
    """What one part of a rule keeps of snapshots that are dated well."""
    good: dict[date, Candidate] = {}  # by the first day of the period: the newest good one in it
    other: dict[date, Candidate] = {}
    for one in dated:
        begin = _begin(one.started.astimezone(zone).date(), part.unit)
        (good if one.good else other)[begin] = one
    counted = sorted(good, reverse=True)[: part.count]
    for place, begin in enumerate(counted, 1):
        why = sentence(
            "newest of {period}, {place} of {count}",
            period=_named(begin, part.unit, now.astimezone(zone).date()),
            place=_ordinal(place),
            count=part.count,
        )
        yield good[begin].name, why
    full = len(counted) == part.count
    if good and not full:
        why = sentence(
            "the oldest good one: the rule is not full yet ({number} of {period})",
            number=len(counted),
            period=_counted(part),
        )
        yield next(one.name for one in dated if one.good), why
    for begin, one in other.items():
        if begin not in good and (not full or begin > counted[-1]):
            period = _named(begin, part.unit, now.astimezone(zone).date())
            yield one.name, sentence("newest of {period}, which has no good one", period=period)


def _with_needed(
    found: Sequence[Candidate], reasons: Mapping[str, list[str]]
) -> Mapping[str, tuple[str, ...]]:
    """Also what they point into, and what that points into: a snapshot that stays is whole."""
    kept = {name: list(whys) for name, whys in reasons.items()}
    known = {one.name: one for one in found}
    ask = sorted(kept, reverse=True)
    for name in ask:  # grows meanwhile
        for older in sorted(known[name].needs & known.keys()):
            if older not in kept:
                kept[older] = [sentence("{snapshot} points into it", snapshot=name)]
                ask.append(older)
    return {name: tuple(whys) for name, whys in kept.items()}


def _wrongly_dated(found: Sequence[Candidate], now: datetime) -> Mapping[str, str]:
    """Those whose dates cannot be true, with the reason why they stay."""
    wrong: dict[str, str] = {}
    latest: Candidate | None = None
    for one in found:
        if one.started > now:
            wrong[one.name] = sentence("dated in the future: it stays, and does not count")
        elif latest is not None and one.started < latest.started:
            wrong[one.name] = sentence(
                "dated before {snapshot}, which was made earlier: it stays, and does not count",
                snapshot=latest.name,
            )
        else:
            latest = one
    return wrong


def _taken_place(found: Sequence[Candidate], now: datetime, zone: tzinfo | None) -> Mapping[str, str]:
    """Why each would go: which newer good one took its place."""
    newest = next(one for one in reversed(found) if one.good)
    return {
        one.name: sentence("newer good ones took its place, the newest is {snapshot}", snapshot=newest.name)
        if one.good
        else sentence("not good, and {snapshot}, which is newer, is", snapshot=newest.name)
        for one in found
    }


def _begin(day: date, unit: str) -> date:
    """The first day of the period that `day` lies in."""
    match unit:
        case "day":
            return day
        case "week":
            return date.fromisocalendar(*day.isocalendar()[:2], 1)
        case "month":
            return day.replace(day=1)
    return day.replace(month=1, day=1)


def _named(begin: date, unit: str, today: date) -> str:
    """ "week 47", with its year where that is not the present one; "2026-11"; "2026"; "2026-11-22"."""
    match unit:
        case "day":
            return begin.isoformat()
        case "week":
            year, week, _day = begin.isocalendar()
            if year == today.isocalendar().year:
                return sentence("week {week}", week=week)
            return sentence("week {week} of {year}", week=week, year=year)
        case "month":
            return sentence("month {month}", month=f"{begin:%Y-%m}")
    return sentence("year {year}", year=f"{begin:%Y}")


def _counted(part: Period) -> str:
    """ "12 months"."""
    count = part.count
    match part.unit:
        case "day":
            return sentence_n("{count} day", "{count} days", count)
        case "week":
            return sentence_n("{count} week", "{count} weeks", count)
        case "month":
            return sentence_n("{count} month", "{count} months", count)
    return sentence_n("{count} year", "{count} years", count)


def _ordinal(number: int) -> str:
    tail = number % 10 if number // 10 % 10 != 1 else 0
    return sentence(_ORDINALS.get(tail, _TH), number=number)
