"""Pictures made by hand: the situations that the cockpit's tests look at. Times count from NOW, local noon-ish."""

import time as clock
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tuibackup.config import Config, Database, Server, VaultSettings
from tuibackup.errors import VaultError
from tuibackup.jobs.browsing import Browsing
from tuibackup.jobs.retention.plan import RetentionPlan
from tuibackup.overview.asked import LINES, Lines, Wanted
from tuibackup.overview.desk import Desk
from tuibackup.overview.gather import Wish
from tuibackup.overview.past import Listed, Past
from tuibackup.overview.picture import (
    LastRun,
    LogPage,
    LogRow,
    Picture,
    Room,
    Rows,
    RunFace,
    ServerRow,
    StoredDump,
)
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.view import RunView
from tuibackup.run.operator import Operator
from tuibackup.run.plan import Plan, PlanSummary, describe, make_plans
from tuibackup.sop import Clock, Outcome, Period, Standing, Step, standing

NOW = datetime(2026, 11, 22, 8, 31, 0, tzinfo=UTC)
WEEK, MONTH, QUARTER = Period(1, "week"), Period(1, "month"), Period(3, "month")
GIB = 1 << 30
MIB = 1 << 20


def age(days: int | None, period: Period) -> Standing:
    """The standing of a clock whose last good backup is so many days old."""
    return standing(None if days is None else NOW - timedelta(days=days), period, NOW, UTC)


def last(outcome: Outcome, days: int, seconds: float, error: str = "") -> LastRun:
    return LastRun(f"run-{days}", outcome, NOW - timedelta(days=days, hours=1 if days else 0), seconds, error)


def row(
    name: str,
    files: int | str | None = 1,
    databases: int | str | None = 1,
    ended: LastRun | None = None,
    run: RunFace | None = None,
    drill: int | None = 20,
) -> ServerRow:
    """A server by the ages of its clocks: days, None for never, "none" where it has no such clock."""
    kinds = [clock for clock, days in ((Clock.FILES, files), (Clock.DATABASES, databases)) if days != "none"]
    weeks = tuple(Outcome.DONE if ended else None for _ in range(13))
    return ServerRow(
        name,
        files=None if files == "none" else age(files, WEEK),  # type: ignore[arg-type]  # "none" is the only text
        databases=None if databases == "none" else age(databases, MONTH),  # type: ignore[arg-type]  # likewise
        last=ended,
        run=run,
        weeks=weeks,
        drilled={clock: age(drill, QUARTER) for clock in kinds},
    )


def at(seconds: float) -> str:
    """A moment so many seconds before NOW, as journals write it."""
    return (NOW - timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def planned(server: str, clocks: Iterable[Clock] = tuple(Clock), ago: float = 76) -> ev.RunPlanned:
    return ev.RunPlanned(
        time=at(ago),
        run=f"2026-11-22T083000Z-{server}-4f2a",
        server=server,
        request="r",
        clocks=tuple(clocks),
        full=False,
        operator="andi",
        standards={Step.CONNECT: 600, Step.LOGIN: 300},
        expected={Step.DOWNLOAD: 150, Step.DUMP: 65},
    )


def fold(*events: ev.AnyEvent) -> RunView:
    view = RunView(events[0].run, events[0].server)
    for event in events:
        view = view.apply(event)
    return view


def downloading(server: str = "siakad") -> RunFace:
    """A run in the middle of step 2, as ux.md draws it."""
    first = planned(server)
    of = {"run": first.run, "server": server}
    view = fold(
        first,
        ev.StepStarted(time=at(76), step=Step.CONNECT, **of),
        ev.StepFinished(
            time=at(72),
            step=Step.CONNECT,
            outcome=Outcome.DONE,
            seconds=4.0,
            detail="ssh-ed25519 SHA256:9fX3mQvB0c7TtyUuY1Wq4Zr8sJk2hLpD5eNxA6oVkQ4",
            **of,
        ),
        ev.StepStarted(time=at(72), step=Step.DOWNLOAD, **of),
        ev.StepFinding(
            time=at(50),
            step=Step.DOWNLOAD,
            subject="/var/www/siakad/log.txt",
            reason="changed while it was read",
            **of,
        ),
        ev.StepFinding(
            time=at(40),
            step=Step.DOWNLOAD,
            subject="/var/www/siakad/private",
            reason="cannot be read: Permission denied",
            **of,
        ),
        ev.StepProgress(
            time=at(1),
            step=Step.DOWNLOAD,
            items=14210,
            items_total=23257,
            bytes=171 * MIB,
            bytes_total=281 * MIB,
            unit="files",
            rate=84 * MIB,
            left=46,
            current="/var/www/siakad/uploads/2026/11/krs-0417.pdf",
            **of,
        ),
    )
    return RunFace(view, active=True)


def dumping(server: str = "simak") -> RunFace:
    """A run in step 4 that takes longer than expected."""
    first = planned(server, (Clock.DATABASES,), ago=260)
    of = {"run": first.run, "server": server}
    view = fold(
        first,
        ev.StepStarted(time=at(260), step=Step.CONNECT, **of),
        ev.StepFinished(time=at(258), step=Step.CONNECT, outcome=Outcome.DONE, seconds=2, detail="key", **of),
        ev.StepStarted(time=at(258), step=Step.LOGIN, **of),
        ev.StepFinished(
            time=at(249),
            step=Step.LOGIN,
            outcome=Outcome.DONE,
            seconds=1,
            detail="MariaDB 10.11, 3 databases",
            **of,
        ),
        ev.StepStarted(time=at(249), step=Step.DUMP, **of),
        ev.StepOutput(time=at(200), step=Step.DUMP, lines=("simak_ref: 38 tables, 4.0 MiB, 0:02",), **of),
        ev.StepProgress(
            time=at(1),
            step=Step.DUMP,
            items=61,
            items_total=212,
            bytes=140 * MIB,
            unit="tables",
            rate=14 * MIB,
            current="simak.krs_detail",
            **of,
        ),
    )
    return RunFace(view, active=True)


def waiting(server: str = "repository", reason: str = "slot") -> RunFace:
    first = planned(server, (Clock.FILES,), ago=20)
    view = fold(first, ev.RunWaiting(time=at(20), run=first.run, server=server, reason=reason))
    return RunFace(view, active=True)


def failed(server: str = "simpeg", error: str = "") -> RunFace:
    """A run that could not connect."""
    text = error or "10.10.0.9 port 22: Connection refused; is sshd running there, and on that port?"
    first = planned(server, ago=2460)
    of = {"run": first.run, "server": server}
    view = fold(
        first,
        ev.NeedsMet(time=at(2450), needs=(("connection", False, "10.10.0.9 port 22: refused"),), **of),
        ev.StepStarted(time=at(2460), step=Step.CONNECT, **of),
        ev.StepFinished(
            time=at(2448), step=Step.CONNECT, outcome=Outcome.FAILED, seconds=12, detail="refused", **of
        ),
        ev.RunFinished(time=at(2448), outcome=Outcome.FAILED, seconds=12, exit_code=1, error=text, **of),
    )
    return RunFace(view, active=False)


def log() -> LogPage:
    rows = [
        (0, "siakad", "trust", "", "host key SHA256:Kp2abcdefghijklmnop7Qw accepted", None, "siti"),
        (
            0,
            "simpeg",
            "run",
            "failed",
            "10.10.0.9 port 22: Connection refused; is sshd running there?",
            12.0,
            "andi",
        ),
        (1, "perpus", "run", "done", "files 8,114 · 92 MiB · 2 databases · 31 MiB", 55.0, "siti"),
        (8, "e-office", "run", "warnings", "4 files cannot be read (www-data, 0600)", 122.0, "andi"),
        (12, "website", "restore", "done", "files/latest to ~/check: 1 folder, 812 files", 6.0, "andi"),
    ]
    entries = tuple(
        LogRow(8412 - n, NOW - timedelta(days=days, minutes=10 * n), server, kind, outcome, detail, seconds, who,
               {"outcome": outcome, "detail": detail})
        for n, (days, server, kind, outcome, detail, seconds, who) in enumerate(rows)
    )  # fmt: skip
    return LogPage(entries, 8412, 8412)


def drawn() -> Picture:
    """The situation of the drawings in the design: twelve servers in every state."""
    rows = (
        row("simpeg", 9, 12, last(Outcome.FAILED, 0, 12, "10.10.0.9 port 22: Connection refused")),
        row("lms", 2, 40, last(Outcome.DONE, 2, 495), drill=97),
        row("e-office", 8, 33, last(Outcome.WARNINGS, 8, 122)),
        row("arsip", None, None, drill=None),
        row("siakad", 6, 29, last(Outcome.DONE, 6, 150), downloading()),
        row("simak", 5, 28, last(Outcome.DONE, 5, 230), dumping()),
        row("repository", 3, "none", last(Outcome.DONE, 3, 20), waiting()),
        row("e-journal", 6, 11, last(Outcome.DONE, 6, 97)),
        row("perpus", 1, 1, last(Outcome.DONE, 1, 55)),
        row("sister", 1, 14, last(Outcome.DONE, 1, 200), drill=85),
        row("website", 2, 9, last(Outcome.DONE, 2, 31)),
        row("dns1", 2, "none", last(Outcome.DONE, 2, 4)),
    )
    return Picture(
        now=NOW,
        rows=Rows(rows),
        operator="andi",
        host="jump01",
        room=Room("/srv/backup", int(1.2 * 1024 * GIB), 4096 * GIB),
        shown=failed(),
        stored=StoredDump("simpeg", (("simpeg", 31 * MIB), ("simpeg_lama", 12 * MIB)), 43 * MIB),
        log=log(),
        source="/home/andi/.config/tuibackup/config.toml",
    )


def many(count: int = 60) -> Picture:
    """Many servers with names of 40 characters, every state among them."""
    kinds = [
        ("none", None, None, None),
        (None, None, None, None),
        (7, 31, Outcome.WARNINGS, None),
        (123, 456, Outcome.INTERRUPTED, None),
        (9, 40, Outcome.FAILED, None),
        (1, 2, Outcome.DONE, downloading),
        (1, 2, Outcome.DONE, waiting),
    ]
    rows = []
    for number in range(count):
        name = f"poltekkes-medan-jurusan-farmasi-sister{number:02}"
        files, databases, outcome, make = kinds[number % len(kinds)]
        ended = last(outcome, number % 50, 3723.0 + number) if outcome else None
        rows.append(row(name, files, databases, ended, make(name) if make else None))
    assert all(len(one.name) == 40 for one in rows)
    return replace(drawn(), rows=Rows(rows), shown=None, stored=None)


def config(folder: Path, picture: Picture) -> Config:
    """A configuration with the picture's servers; its files lie in `folder`."""
    servers = {
        one.name: Server(
            one.name,
            host="10.10.0.5",
            user="tuibackup",
            folders=("/var/www",) if one.files else (),
            database=Database(user="backup") if one.databases else None,
        )
        for one in picture.rows
    }
    return Config(
        source=folder / "config.toml",
        state=folder / "state",
        vault=VaultSettings(folder / "vault"),
        symbols="unicode",
        servers=servers,
    )


class Answering(Desk):
    """A desk without helpers: plans from the configuration, a past that a test may change; notes are kept."""

    def __init__(self, settings: Config) -> None:
        self.settings = settings
        self.pasts: dict[str, Past] = {}
        self.specs: frozenset[str] | None = None
        self.fault = ""
        self.said: list[tuple[str, str]] = []
        self.asked: list[str] = []

    def plan(
        self,
        wants: Mapping[str, frozenset[Clock]],
        full: bool,
        operator: Operator,
        again: Mapping[str, Mapping[Clock, str]] | None = None,
    ) -> tuple[tuple[Plan, ...], PlanSummary]:
        plans = make_plans(self.settings, wants, full=full, operator=operator, again=again)
        return plans, describe(plans, self.settings)

    def past(self, server: str) -> Past:
        self._fail()
        return self.pasts.get(server, Past(server))

    def page(self, server: str, wanted: Wanted, offset: int) -> Listed[Any]:
        self._fail()
        return Listed()

    def stored(self, server: str) -> frozenset[str]:
        if self.specs is None:
            raise VaultError("the backup disk does not answer")
        return self.specs

    def output(self, run: str, room: int, offset: int, text: str = "") -> Lines:
        self._fail()
        self.asked.append(run)
        found = [line for line in self.said if text.casefold() in line[1].casefold()]
        return Lines(text, offset, len(found), len(self.said), tuple(found[offset : offset + LINES]))

    def renew(self, config: Config) -> None:
        self.settings = config

    def close(self) -> None:
        self.fault = "closed"

    def _fail(self) -> None:
        if self.fault:
            raise VaultError(self.fault)


class Fixed:
    """A source that gives one picture, which a test may change; it keeps what was wished for."""

    def __init__(self, picture: Picture, settings: Config) -> None:
        self.picture = picture
        self.config = settings
        self.operator = picture.operator
        self.wishes: list[Wish] = []
        self.desk = Answering(settings)

    def first(self) -> Picture:
        return self.picture

    def gather(self, wish: Wish) -> Picture:
        self.wishes.append(wish)
        return replace(self.picture, log=replace(self.picture.log, filter=wish.log_filter))

    def close(self) -> None:
        clock.sleep(0)


class NothingStored(Browsing):
    """Without a helper: no server has a snapshot."""

    def __init__(self) -> None:
        pass

    def renew(self, config: Config) -> None:
        pass

    def close(self) -> None:
        pass

    def snapshots(self, server: str) -> tuple[()]:
        return ()

    def retention(self, server: str) -> RetentionPlan:
        return RetentionPlan(server, {}, ())

    def recovery(self, server: str) -> str:
        return ""
