"""The timers as text: which there are, what each does, as systemd's units and as cron's lines. Pure."""

import hashlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuibackup.config.notify import Summary
from tuibackup.words import _, later

_WROTE = "# Written by `tuibackup install-timer`; a change goes into a file of its own: systemctl edit NAME"
_SUM, _CONFIG = "# sum ", "# configuration "


@dataclass(frozen=True, slots=True)
class Task:
    """One timer: `calendar` as systemd writes times, `cron` as cron does; `text` what it does."""

    name: str
    words: tuple[str, ...]
    calendar: tuple[str, ...]
    cron: tuple[str, ...]
    text: str

    @property
    def said(self) -> str:
        """What it does, in the language in use."""
        return _(self.text)


@dataclass(frozen=True, slots=True)
class Unit:
    """A file of systemd."""

    name: str
    text: str


def tasks(summary: Summary | None, *, copies: bool) -> tuple[Task, ...]:
    """All of them; the summary's own time is the configuration's. `copies`: whether it names any."""
    told: tuple[str, ...] = ()
    cron: tuple[str, ...] = ()
    if summary is not None:
        told = (summary.calendar,)
        day = "*" if summary.day is None else str((summary.day + 1) % 7)
        cron = (f"{summary.at.minute} {summary.at.hour} * * {day}",)
    return (
        Task(
            "run",
            ("run", "--due"),
            ("*-*-* *:17:00",),
            ("17 * * * *",),
            later(
                "every hour: back up what is due, overdue or was never backed up, then ask for the heartbeat"
            ),
        ),
        Task(
            "verify",
            ("verify", "--due"),
            ("*-*-* 04:23:00",),
            ("23 4 * * *",),
            later("every day: read stored backups again, so that all are read within [verify] within"),
        ),
        Task(
            "drill",
            ("drill", "--due"),
            ("*-*-* 04:53:00",),
            ("53 4 * * *",),
            later("every day: restore into a scratch place what has its drill due, compare, throw it away"),
        ),
        Task(
            "retention",
            ("retention", "--apply", "--yes"),
            ("*-*-* 05:41:00",),
            ("41 5 * * *",),
            later("every day: remove what the rules of [retention] let go; without a rule nothing goes"),
        ),
        *((_COPY,) if copies else ()),
        Task(
            "report",
            ("report", "--month", "last", "--filed"),
            ("*-*-01 06:11:00",),
            ("11 6 1 * *",),
            later("every month: make the report of the month before, below reports in the state folder"),
        ),
        Task(
            "notify",
            ("notify",),
            ("*-*-* *:47:00", *told),
            ("47 * * * *", *cron),
            later(
                "every hour: tell what is to be told, the summary at its time, and what could not be sent before"
            ),
        ),
    )


_COPY = Task(
    "copy",
    ("copy",),
    ("*-*-* 03:37:00",),
    ("37 3 * * *",),
    later("every day: copy what is missing in the second places, also what a place that was away has missed"),
)


def units(tasks: Sequence[Task], command: Sequence[str], config: Path, account: str | None) -> list[Unit]:
    """A service and a timer for each. `command` begins each command; `account`: of system units, None in user units."""
    found = []
    for task in tasks:
        found.append(
            Unit(f"tuibackup-{task.name}.service", _signed(_service(task, command, account), config))
        )
        found.append(Unit(f"tuibackup-{task.name}.timer", _signed(_timer(task), config)))
    return found


def cron_lines(tasks: Sequence[Task], command: Sequence[str]) -> Iterator[str]:
    """Lines for `crontab -e`, each below what it does."""
    for task in tasks:
        yield f"# {task.said}"
        # cron takes % for the end of the line
        words = shlex.join([*command, *task.words]).replace("%", "\\%")
        yield from (f"{time} {words} >/dev/null" for time in task.cron)


def written_as_it_is(text: str) -> bool:
    """Whether a unit file is as we wrote it, by the sum in it."""
    lines = text.splitlines(keepends=True)
    sums = [line for line in lines if line.startswith(_SUM)]
    rest = "".join(line for line in lines if not line.startswith(_SUM))
    return len(sums) == 1 and sums[0].removeprefix(_SUM).strip() == _sum(rest)


def configuration_in(text: str) -> str:
    """The configuration whose file this is; "" where it does not say."""
    return next((line.removeprefix(_CONFIG) for line in text.splitlines() if line.startswith(_CONFIG)), "")


def _signed(text: str, config: Path) -> str:
    text = f"{_WROTE}\n{_CONFIG}{_clean(str(config))}\n{text}"
    first, _newline, rest = text.partition("\n")
    return f"{first}\n{_SUM}{_sum(text)}\n{rest}"


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _service(task: Task, command: Sequence[str], account: str | None) -> str:
    network = "Wants=network-online.target\nAfter=network-online.target\n" if account else ""
    user = f"User={account}\n" if account else ""
    words = " ".join(map(_quoted, (*command, *task.words)))
    # `:` keeps $ what it is. KillMode: a run outlives the command that began it, and so does a message that is tried
    # again. 3 is done with warnings, 11 that another run holds the server.
    return (
        f"[Unit]\nDescription=tuibackup, {_plain(task.said)}\n{network}\n"
        f"[Service]\nType=oneshot\n{user}ExecStart=:{words}\n"
        "KillMode=process\nSuccessExitStatus=3 11\nNice=10\n"
    )


def _timer(task: Task) -> str:
    times = "".join(f"OnCalendar={time}\n" for time in task.calendar)
    return (
        f"[Unit]\nDescription=tuibackup, {_plain(task.said)}\n\n"
        f"[Timer]\n{times}Persistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )


def _quoted(word: str) -> str:
    """A word of a command as systemd reads it: in quotes, % doubled."""
    return '"' + _clean(word.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _plain(text: str) -> str:
    return text.replace("%", "%%")


def _clean(text: str) -> str:
    escaped = "".join(one if one.isprintable() or ord(one) > 0x7F else f"\\x{ord(one):02x}" for one in text)
    return escaped.replace("%", "%%")
