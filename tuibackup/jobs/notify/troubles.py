"""What is wrong now, out of the picture: one trouble for each thing that somebody may have to see to."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from tuibackup.config import Config
from tuibackup.overview.findings import findings
from tuibackup.overview.picture import Picture, ServerRow, clock_word
from tuibackup.run.unusual import sentence as unusual_sentence
from tuibackup.sop import Clock, Outcome, Standing, State
from tuibackup.text import size
from tuibackup.words import _, in_language, ngettext

FAILED, WARNINGS, DONE = "failed", "warnings", "done"
HERE = ""  # the "server" of what concerns this machine


class Trouble(msgspec.Struct, frozen=True):
    """`cause` stays the same as long as nothing new is to be told about it; `patient`: only told if it lasts a day."""

    level: str
    text: str
    cause: str = ""
    patient: bool = False


def troubles(picture: Picture, config: Config) -> dict[str, dict[str, Trouble]]:
    """By server (HERE for this machine) and what. A server of which nobody knows anything now is left out."""
    found = {HERE: dict(_here(picture, config))}
    for row in picture.rows:
        if not row.has(State.UNKNOWN):
            found[row.name] = dict(_of_server(row, picture.now))
    return found


def _here(picture: Picture, config: Config) -> Iterator[tuple[str, Trouble]]:
    for problem in picture.problems:
        cause = cause_of(problem)
        yield f"problem {cause}", Trouble(FAILED, in_language(problem), cause)
    room = picture.room
    if room and room.free < config.vault.least_free(room.total):
        text = _("{path}: {free} of {total} free; a run would be refused (min_free)")
        yield (
            "room",
            Trouble(FAILED, text.format(path=room.path, free=size(room.free), total=size(room.total))),
        )


def _of_server(row: ServerRow, now: datetime) -> Iterator[tuple[str, Trouble]]:
    if row.last and row.last.outcome is not Outcome.DONE:
        yield "run", _run(row)
    for clock, standing in row.standings.items():
        if standing.state is State.OVERDUE:
            yield clock.value, Trouble(FAILED, _overdue(clock, standing))
        elif standing.state is State.NEVER and row.last is None:  # else the last run tells why
            text = _("the {clock} were never backed up").format(clock=clock_word(clock))
            yield clock.value, Trouble(FAILED, text, patient=True)
    for number, finding in enumerate(findings(row, now)):
        yield f"damaged {number}", Trouble(FAILED, finding.sentence, cause_of(finding.sentence))
    for clock, gone in row.lost.items():
        yield f"missing {clock.value}", Trouble(FAILED, in_language(gone))
    for clock, unusual in row.unusual.items():
        said = "; ".join(unusual_sentence(clock, one) for one in unusual)
        text = _("unusual: {what}").format(what=said)
        yield f"unusual {clock.value}", Trouble(WARNINGS, text, " ".join(one.what for one in unusual))


def _run(row: ServerRow) -> Trouble:
    assert row.last
    outcome, error = row.last.outcome, row.last.error
    reasons = error or "; ".join(in_language(why) for why in row.why.values())
    time = f"{row.last.started.astimezone():%Y-%m-%d %H:%M}"  # a message is read on another day
    match outcome:
        case Outcome.FAILED:
            text = _("the backup of {time} failed")
        case Outcome.INTERRUPTED:
            text = _("the backup of {time} was interrupted")
        case _:
            text = _("the backup of {time} ended with warnings")
    said = text.format(time=time)
    if reasons:
        said = f"{said}: {in_language(reasons)}"
    level = WARNINGS if outcome is Outcome.WARNINGS else FAILED
    return Trouble(level, said, f"{outcome.value} {cause_of(reasons)}")


def _overdue(clock: Clock, standing: Standing) -> str:
    if standing.last is None or standing.age_days is None or standing.ahead_days:
        return _("the {clock} are overdue").format(clock=clock_word(clock))
    text = ngettext(
        "the {clock} are overdue: last backed up {days} day ago, on {day}",
        "the {clock} are overdue: last backed up {days} days ago, on {day}",
        standing.age_days,
    )
    day = standing.last.astimezone().date().isoformat()
    return text.format(clock=clock_word(clock), days=standing.age_days, day=day)


def cause_of(text: str) -> str:
    """What stays the same of a reason while only times and amounts change."""
    return re.sub(r"[0-9]+([.,:][0-9]+)*", "#", str(text))[:200]


def counted(picture: Picture, known: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The runs that ended since `known`: by server the run and its outcome."""
    return {
        row.name: (row.last.run, row.last.outcome.value)
        for row in picture.rows
        if row.last and row.last.run and known.get(row.name) != row.last.run
    }
