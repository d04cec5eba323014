"""The server's page: what it shows of a past, each of its keys, notes and reasons, what failed, a run's output."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.ledger.lived import life
from tests.ledger.million import fill
from tests.tui import pictures
from tests.tui.conftest import Open, Opener
from tuibackup.config.copies import Address, CopySettings
from tuibackup.jobs.process.order import Copy
from tuibackup.ledger import Kind, Ledger
from tuibackup.overview.copies import CopyState
from tuibackup.overview.past import Past, past
from tuibackup.overview.picture import Picture, Rows
from tuibackup.run.journal.events import JobPlanned, JobProgress, Slow
from tuibackup.run.journal.job_view import JobView
from tuibackup.sop import Clock, Step
from tuibackup.tui import actions
from tuibackup.tui.app import Cockpit
from tuibackup.tui.screens.note import Note
from tuibackup.tui.screens.output import Output
from tuibackup.tui.screens.plan import PlanScreen
from tuibackup.tui.screens.server import ServerPage


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Two backups a week, for a year."""
    path = tmp_path_factory.mktemp("lived") / "ledger.sqlite"
    fill(path, life("perpus", 104, pictures.NOW - timedelta(days=1)))
    with Ledger.open(path) as ledger:
        return past(ledger, "perpus", pictures.NOW)


def only(name: str = "perpus", **changes: object) -> Picture:
    """The drawn picture, with the cursor on this server, which is changed so."""
    rows = [replace(row, **changes) for row in pictures.drawn().rows if row.name == name]  # type: ignore[arg-type]
    return replace(pictures.drawn(), rows=Rows(rows), shown=None)


async def opened(seat: Open, known: Past, *keys: str) -> ServerPage:
    seat.source.desk.pasts[known.server] = known
    seat.source.desk.specs = frozenset(one.spec for one in known.snapshots.lines)
    await seat.press("enter")
    await seat.until("more a month")
    page = seat.app.screen
    assert isinstance(page, ServerPage)
    await seat.press(*keys)
    return page


@pytest.mark.parametrize("size", ["80x24", "140x40"])
async def test_the_page_at_two_sizes(
    cockpit: Opener, golden: Callable[[str, str], None], lived: Past, size: str
) -> None:
    async with cockpit(only(), size) as seat:
        await opened(seat, lived)
        golden(f"page-{size}", seat.screen)
        await seat.press("2")
        golden(f"page-runs-{size}", seat.screen)


async def test_each_list_has_its_number_and_tab_goes_through_them(cockpit: Opener, lived: Past) -> None:
    async with cockpit(only(), "140x40") as seat:
        page = await opened(seat, lived)
        for key, shown in (
            ("2", "reason missing"),
            ("3", "no run yet"),
            ("4", "the line was busy"),
            ("5", "address"),
        ):
            await seat.press(key)
            assert shown in seat.screen, key
        await seat.press("tab")
        assert page.tab == "snapshots"
        await seat.press("shift+tab")
        assert page.tab == "set-up"
        await seat.press("escape")
        assert seat.app.screen is seat.app.main


async def test_what_lies_no_more_on_the_disk_is_said_and_a_silent_disk_keeps_nothing_else(
    cockpit: Opener, lived: Past
) -> None:
    async with cockpit(only(), "140x40") as seat:
        page = await opened(seat, lived)
        assert "not on the disk" not in seat.screen
        seat.source.desk.specs = frozenset()
        page.load()
        await seat.until("not on the disk")
        seat.source.desk.specs = None
        page.load()
        await seat.until("the backup disk does not answer", "verified")


async def test_a_list_of_ten_thousand_asks_for_the_page_around_the_cursor(
    cockpit: Opener, lived: Past
) -> None:
    long = replace(lived, runs=replace(lived.runs, total=10_000))
    async with cockpit(only(), "140x40") as seat:
        asked: list[tuple[str, int]] = []

        def more(server: str, wanted: str, offset: int) -> object:
            asked.append((wanted, offset))
            return replace(lived.runs, total=10_000, offset=offset)

        seat.source.desk.page = more  # type: ignore[assignment,method-assign]
        await opened(seat, long, "2")
        assert "runs 10,000" in seat.screen
        await seat.press("end")
        await seat.pilot.pause(0.1)
        assert ("runs", 10_000 - 1 - 100) in asked


async def test_every_action_of_the_page_is_about_its_server_whatever_is_marked(
    cockpit: Opener, lived: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    wanted = [action for action in actions.ACTIONS if action.page and action.id != "help"]

    def noting(app: Cockpit, action: actions.Action) -> Callable[[], None]:
        return lambda: done.append(f"{action.id} {app.here}")

    async with cockpit(pictures.drawn(), "140x40") as seat:
        await seat.press("o", "end")
        server = seat.app.main.servers.cursor
        assert server not in seat.app.main.servers.marks
        await seat.press("enter")
        monkeypatch.setattr(Cockpit, "doing", noting)
        for action in wanted:
            done.clear()
            await seat.press(action.keys[0])
            assert done == [f"{action.id} {server}"] or f"{action.label}: " in seat.foot + seat.screen, (
                action.id
            )


async def test_the_page_shows_the_jobs_of_its_server(cockpit: Opener) -> None:
    """A drill that was begun there went on behind it."""
    jobs = []
    for server in ("perpus", "lms"):
        common = {"time": "2026-11-22T01:31:00Z", "run": f"drill-{server}", "server": server}
        what = f"{server}/files"
        planned = JobPlanned(**common, job="drill", what=what, command=("drill", server), operator="andi")
        told = JobProgress(**common, subject=what, items=1, bytes=61, unit="B", bytes_total=100)
        jobs.append(JobView(planned.run).apply(planned).apply(told))
    async with cockpit(only()) as seat:
        await seat.press("enter")
        assert "drill perpus" not in seat.screen
        await seat.show(replace(only(), jobs=tuple(jobs)))
        assert "► drill perpus/files" in seat.screen
        assert "61%" in seat.screen
        assert "drill lms/files" not in seat.screen


async def test_b_plans_the_page_s_server_and_leaves_the_marks(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "140x40") as seat:
        await seat.press("o", "end", "enter", "b")
        assert isinstance(seat.app.screen, PlanScreen)
        assert list(seat.app.screen.wants) == [seat.app.main.servers.cursor]
        assert len(seat.app.main.servers.marks) == 4


async def test_question_mark_explains_the_page(cockpit: Opener, lived: Past) -> None:
    async with cockpit(only(), "120x60") as seat:
        await opened(seat, lived, "?")
        assert "help: server's page" in seat.screen
        assert "A cell is a week of the files" in seat.screen
        assert "Mark the server" not in seat.screen, "what does not work there is not told"


async def test_a_key_that_cannot_be_used_says_why_on_the_page(cockpit: Opener, lived: Past) -> None:
    async with cockpit(only()) as seat:
        await opened(seat, lived, "x")
        assert "no run or job of perpus is under way" in seat.screen
        await seat.press("B")
        assert "nothing of perpus failed at its last try" in seat.screen
        await seat.press("down")
        assert "nothing of perpus" not in seat.screen


# Copies


def copied(name: str, held: int, **more: object) -> CopyState:
    lasted = pictures.NOW - timedelta(days=2) if held else None
    known = CopyState(
        name, f"/mnt/{name}", held, held << 20, (), lasted, None, encrypted=False, off_site=False
    )
    return dataclasses.replace(known, **more)  # type: ignore[arg-type]


def with_copies(lived: Past) -> Past:
    newest = lived.snapshots.lines[0].spec
    return replace(
        lived,
        copies=(
            copied("usb", 3, missing=("perpus/files/lost", newest), away=pictures.NOW - timedelta(days=1)),
            copied("kampus2", 0),
        ),
    )


COPIES = {
    name: CopySettings(name=name, to=Address.parse(f"/mnt/{name}"), servers=("per*",))
    for name in ("usb", "kampus2")
}


async def test_the_page_tells_how_the_copies_stand(cockpit: Opener, lived: Past) -> None:
    async with cockpit(replace(only(), copies=True), "140x40", copies=COPIES) as seat:
        await opened(seat, with_copies(lived))
        await seat.until("kampus2: nothing yet", "usb: 3 snapshots, last copied", "away since")
        await seat.until("1 snapshot is missing")  # the other one lies no more on the backup disk
        await seat.press("5")
        assert f"usb lacks {lived.snapshots.lines[0].spec}" in seat.screen
        assert "kampus2 lacks" not in seat.screen


async def test_c_shows_the_command_and_enter_copies(
    cockpit: Opener, lived: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered: list[tuple[object, str, str]] = []
    async with cockpit(replace(only(), copies=True), "120x30", copies=COPIES) as seat:
        monkeypatch.setattr(seat.app, "order", lambda *wanted: ordered.append(wanted))
        monkeypatch.setattr(seat.app, "copy_to_clipboard", lambda text: ordered.append((text, "", "")))
        await opened(seat, with_copies(lived), "c")
        await seat.until("tuibackup copy perpus", "1 snapshot is missing", "kampus2: nothing yet")
        await seat.press("y", "enter")
    assert ordered == [
        ("tuibackup copy perpus", "", ""),
        (Copy(what=("perpus",)), "perpus", "to usb, kampus2"),
    ]


@pytest.mark.parametrize(
    ("copies", "options", "said"),
    [
        (False, {}, "[copies] in config.toml names no second place"),
        (True, {"read_only": True, "copies": COPIES}, "read-only"),
        (
            True,
            {"copies": {"usb": replace(COPIES["usb"], servers=("lms",))}},
            "no copy of [copies] takes perpus",
        ),
    ],
)
async def test_c_says_why_nothing_can_be_copied(
    cockpit: Opener, copies: bool, options: dict[str, object], said: str
) -> None:
    async with cockpit(replace(only(), copies=copies), **options) as seat:
        await seat.press("c")
        assert said in seat.foot
        await seat.press("enter", "c")
        assert said in seat.foot + seat.screen


# Notes, and reasons


def notes(folder: Path) -> list[tuple[str | None, str | None, str]]:
    with Ledger.read_only(folder / "state/ledger.sqlite") as ledger:
        return [(one.server, one.run, one.body["text"]) for one in ledger.log(kinds=[Kind.NOTE])]


async def test_n_writes_a_note_about_the_server(cockpit: Opener, tmp_path: Path) -> None:
    async with cockpit(only()) as seat:
        await seat.press("n", *"moved", "enter")
        await seat.until("noted")
    assert notes(tmp_path) == [("perpus", None, "moved")]


async def test_n_on_a_run_writes_a_note_about_that_run(cockpit: Opener, lived: Past, tmp_path: Path) -> None:
    async with cockpit(only()) as seat:
        await opened(seat, lived, "2", "down", "n")
        run = lived.runs.lines[1].run
        assert run in seat.screen
        await seat.press(*"rack", "enter")
        await seat.until("noted")
    assert notes(tmp_path) == [("perpus", run, "rack")]


SLOW = (Slow(Step.CONNECT, 731.0, 600.0),)


async def test_who_opens_the_page_of_a_slow_run_is_asked_for_the_reason_once(
    cockpit: Opener, tmp_path: Path
) -> None:
    async with cockpit(only(), "120x30") as seat:
        await seat.show(only(slow=SLOW))
        assert "√ done ▲" in seat.screen
        assert "a step of perpus was slow and the reason is missing: n gives it" in seat.foot
        await seat.press("enter")
        assert isinstance(seat.app.screen, Note)
        assert "step 1 took 12:11, over 10:00" in seat.screen
        await seat.press("escape")
        assert isinstance(seat.app.screen, ServerPage)
        assert "reason missing: step 1 took 12:11, over 10:00" in seat.screen
        await seat.press("escape", "enter")
        assert isinstance(seat.app.screen, ServerPage), "it was left for later"
        await seat.press("n", *"exams", "enter")
        await seat.until("noted")
    assert notes(tmp_path) == [("perpus", "run-1", "exams")]


async def test_a_read_only_cockpit_asks_for_no_reason_and_writes_no_note(cockpit: Opener) -> None:
    async with cockpit(only(slow=SLOW), read_only=True) as seat:
        await seat.press("enter")
        assert isinstance(seat.app.screen, ServerPage)
        await seat.press("n")
        assert "read-only" in seat.screen
        assert isinstance(seat.app.screen, ServerPage)


# What failed


async def test_capital_b_plans_only_what_failed_and_says_why(cockpit: Opener) -> None:
    picture = only(why={Clock.DATABASES: "login: access denied"})
    async with cockpit(picture, "120x30") as seat:
        await seat.press("B")
        assert isinstance(seat.app.screen, PlanScreen)
        assert seat.app.screen.wants == {"perpus": frozenset({Clock.DATABASES})}
        assert "perpus: databases again, because of the last try: login: access denied" in seat.screen


# The output of a run


async def test_l_shows_what_a_run_said_and_slash_keeps_what_contains_a_text(
    cockpit: Opener, lived: Past
) -> None:
    async with cockpit(only(), "80x24") as seat:
        seat.source.desk.said = [("", f"08:00:00  line {number}") for number in range(1000)]
        await opened(seat, lived, "2", "enter")
        assert isinstance(seat.app.screen, Output)
        await seat.until("line 0", "of 1,000 lines")
        assert seat.source.desk.asked[-1] == lived.runs.lines[0].run
        await seat.press("end")
        await seat.until("line 999")
        await seat.press("/", *"77", "q", "backspace", "enter")
        await seat.until("line 77", "/77 · 19 of 1,000")
        assert "line 78" not in seat.screen
        await seat.press("escape")
        await seat.until("of 1,000 lines")
        await seat.press("escape")
        assert isinstance(seat.app.screen, ServerPage)


async def test_l_on_a_log_entry_is_about_its_run(cockpit: Opener) -> None:
    picture = pictures.drawn()
    rows = tuple(replace(row, run=f"run-of-{row.server}") for row in picture.log.rows)
    async with cockpit(replace(picture, log=replace(picture.log, rows=rows))) as seat:
        seat.source.desk.said = [("", "said")]
        await seat.press("4", "down", "l")
        await seat.until("output of run-of-simpeg", "said")
