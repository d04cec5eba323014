"""The words of the forms for what the program has other, shorter words for, in the language in use."""

from tuibackup.config.keep import Rule
from tuibackup.config.settings import Standards
from tuibackup.jobs.report import formal
from tuibackup.jobs.report.document import NONE, Strong
from tuibackup.jobs.report.facts import Compliance, Run, StepFact, Stored
from tuibackup.overview.picture import outcome_word
from tuibackup.sop import Clock, Outcome, Period, Step
from tuibackup.text import count, duration, size
from tuibackup.words import _, ngettext

_OWN = Standards()


def activity(step: Step) -> str:
    """*Aktivitas*, in the procedure's own words."""
    return {
        Step.CONNECT: _("Connect to the server that is to be backed up"),
        Step.DOWNLOAD: _("Download the active application folders to the local hard disk"),
        Step.LOGIN: _("Open the database application and log in"),
        Step.DUMP: _("Dump the SQL of all active databases that are to be backed up"),
    }[step]


def needed(step: Step) -> str:
    """*Kelengkapan*."""
    return {
        Step.CONNECT: _("Internet"),
        Step.DOWNLOAD: _("Internet, backup storage"),
        Step.LOGIN: _("Internet, database application"),
        Step.DUMP: _("Internet, database application, backup storage"),
    }[step]


def standard(step: Step, standards: Standards) -> str:
    """*Waktu*: the procedure's own words, and the configuration's time where that is another one."""
    connect, login = standards.connect_within, standards.login_within
    return {
        Step.CONNECT: _("5–10 minutes") if connect == _OWN.connect_within else _minutes(connect),
        Step.DOWNLOAD: _("Depends on the size of the files"),
        Step.LOGIN: _minutes(login),
        Step.DUMP: _("Depends on the size of the databases"),
    }[step]


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    if minutes == int(minutes):
        return ngettext("{count} minute", "{count} minutes", int(minutes)).format(count=int(minutes))
    return duration(seconds)


def period(one: Period) -> str:
    """ "1 week", "3 months"."""
    number = one.count
    text = {
        "day": ngettext("{count} day", "{count} days", number),
        "week": ngettext("{count} week", "{count} weeks", number),
        "month": ngettext("{count} month", "{count} months", number),
        "year": ngettext("{count} year", "{count} years", number),
    }[one.unit]
    return text.format(count=count(number))


def rule(text: str) -> str:
    """A rule of retention in words: "8 weeks, 12 months"; everything where it names nothing."""
    parts = Rule.parse(text).parts
    return ", ".join(map(period, parts)) or _("everything is kept")


def output(step: Step) -> str:
    """*Output*."""
    return {
        Step.CONNECT: _("Connected"),
        Step.DOWNLOAD: _("Backup files"),
        Step.LOGIN: _("Access to the database"),
        Step.DUMP: _("Backup files of the databases"),
    }[step]


def remark(step: Step, standards: Standards) -> str:
    """*Keterangan*: the procedure's, with the periods of the configuration."""
    files, databases = standards.files_within, standards.databases_within
    return {
        Step.CONNECT: "",
        Step.DOWNLOAD: _("Files are not replaced; at the latest after {period}").format(period=period(files)),
        Step.LOGIN: "",
        Step.DUMP: _("At the latest after {period}").format(period=period(databases)),
    }[step]


def outcome(ended: Outcome) -> str:
    """How it ended; printed bold unless it is *done*."""
    word = outcome_word(ended)
    return word if ended is Outcome.DONE else Strong(word)


def took(step: StepFact | None) -> str:
    """The actual time of a step; "!" where it was over its standard, the outcome where it was not *done*."""
    if step is None:
        return NONE
    told = duration(step.seconds) + (" !" if step.slow else "")
    return told if step.outcome is Outcome.DONE else Strong(f"{told}\n{outcome_word(step.outcome)}")


def verdict(kept: Compliance | None) -> str:
    """Whether a clock was kept, late, or missed."""
    if kept is None:
        return NONE
    if kept.verdict == "never":
        return Strong(_("never backed up"))
    told = []
    for lapse in kept.lapses:
        text = ngettext("{count} day late", "{count} days late", lapse.days).format(count=count(lapse.days))
        if lapse.came is None:
            text = _("missed: due {day}, {late} so far").format(day=formal.short_day(lapse.due), late=text)
        else:
            text = _("{late} (due {day}, came {came})").format(
                late=text, day=formal.short_day(lapse.due), came=formal.short_day(lapse.came)
            )
        told.append(text)
    return Strong("\n".join(told)) if told else _("kept")


def stored(run: Run) -> str:
    """What a run stored: items and size of each snapshot."""
    return "\n".join(amount(one) for one in run.stored if one.snapshot) or NONE


def amount(one: Stored) -> str:
    """Items and size of a snapshot."""
    items = (
        ngettext("{count} file", "{count} files", one.items)
        if one.clock is Clock.FILES
        else ngettext("{count} database", "{count} databases", one.items)
    )
    return f"{items.format(count=count(one.items))}, {size(one.bytes)}"
