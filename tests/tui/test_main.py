"""The main screen's behaviour: cursor, marks, filter, panes, dialogs; with pictures made by hand."""

import pytest
from msgspec.structs import replace

from tests.tui import pictures
from tests.tui.conftest import Open, Opener
from tuibackup.overview.gather import Wish
from tuibackup.overview.picture import Picture, Rows
from tuibackup.run.operator import Operator
from tuibackup.run.plan import Plan, PlanSummary
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.tui.doing.backups import Backups
from tuibackup.tui.doing.stopping import Stopping
from tuibackup.tui.screens.main import layout_for
from tuibackup.tui.screens.plan import PlanScreen


def names(seat: Open) -> list[str]:
    """The servers in the order of the screen."""
    known = {row.name for row in seat.app.main.picture.rows}
    words = [line.split() for line in seat.screen.partition("─ 2 RUN")[0].split("\n")]
    return [word for line in words for word in line[:3] if word.strip("*") in known]


@pytest.mark.parametrize(
    ("size", "layout"),
    [((80, 24), "small"), ((120, 30), "wide"), ((140, 40), "large"), ((79, 24), "single"), ((80, 23), "single"),
     ((60, 16), "single"), ((59, 40), "tiny"), ((200, 15), "tiny"), ((200, 30), "wide"), ((100, 60), "small")],
)  # fmt: skip
def test_the_layout_follows_the_size(size: tuple[int, int], layout: str) -> None:
    assert layout_for(*size) == layout


@pytest.mark.parametrize("size", ["80x24", pytest.param("120x30", marks=pytest.mark.long), "140x40"])
async def test_all_four_panes_are_named_on_the_screen(cockpit: Opener, size: str) -> None:
    async with cockpit(pictures.drawn(), size) as seat:
        for title in "1 SERVERS", "2 RUN", "3 DUMP", "4 L":
            assert title.casefold() in seat.screen.casefold()


async def test_below_the_least_size_one_line_says_what_is_needed(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "50x10") as seat:
        assert seat.screen.strip() == "tuibackup needs 60x16; this is 50x10"


async def test_a_small_terminal_shows_one_pane_at_a_time(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "70x20") as seat:
        assert "1 SERVERS" in seat.screen
        assert "2 RUN" not in seat.screen
        await seat.press("2")
        assert "2 RUN" in seat.screen
        assert "1 SERVERS" not in seat.screen
        await seat.press("tab", "tab")
        assert "4 LOG" in seat.screen


async def test_resizing_changes_the_layout_and_keeps_the_cursor(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "80x24") as seat:
        await seat.press("down", "down", "down", "down")
        await seat.pilot.resize_terminal(140, 40)
        await seat.pilot.pause(0.1)
        assert "┬" in seat.screen
        assert seat.app.main.servers.cursor == "siakad"


async def test_rows_do_not_move_when_a_state_changes_until_s_is_pressed(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        before = names(seat)
        await seat.press("down", "down")
        rows = tuple(
            replace(row, last=pictures.last(Outcome.FAILED, 0, 3)) if row.name == "perpus" else row
            for row in seat.app.main.picture.rows
        )
        await seat.show(replace(pictures.drawn(), rows=Rows(rows)))
        assert names(seat) == before
        assert "s sorts them" in seat.screen
        await seat.press("s")
        assert names(seat) != before
        assert seat.app.main.servers.order.index("perpus") < 2
        assert seat.app.main.servers.cursor == "e-office"


async def test_o_marks_what_is_overdue_or_never_backed_up_and_starts_nothing(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("o")
        assert seat.app.main.servers.marks == {"simpeg", "lms", "e-office", "arsip"}
        assert "back up 4" in seat.foot
        await seat.press("o")
        assert not seat.app.main.servers.marks


async def test_O_marks_what_is_due_as_well(cockpit: Opener) -> None:  # noqa: N802  # the key
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("O")
        assert seat.app.main.servers.marks > {"simpeg", "lms", "e-office", "arsip"}


async def test_space_marks_and_goes_on(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("space", "space")
        assert seat.app.main.servers.marks == {"simpeg", "lms"}
        assert "2 marked" in seat.screen


async def test_the_run_pane_follows_the_cursor(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("]")
        assert "2 RUN siakad" in seat.screen
        await seat.press("]")
        assert "2 RUN simak" in seat.screen
        await seat.press("[", "[")
        assert "2 RUN repository" in seat.screen, "round the end"
        assert seat.source.wishes[-1].server == "repository"


async def test_the_filter_shows_how_many_fit_and_esc_takes_it_away(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("/", *"dns", "enter")
        assert "1 of 12 /dns" in seat.screen
        assert names(seat) == ["dns1"]
        await seat.press("escape")
        assert "12 servers" in seat.screen


async def test_the_log_is_filtered_by_the_query(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("4", "/", *"simpeg", "enter")
        await seat.pilot.pause(0.1)
        assert seat.source.wishes[-1] == Wish("simpeg", "simpeg")
        assert "/simpeg" in seat.screen


async def test_a_pane_without_a_filter_says_so(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("2", "/")
        assert "filter: works in: servers, log" in seat.foot


async def test_details_list_findings_one_by_one_and_the_whole_error(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "120x40") as seat:
        await seat.press("]", "enter")
        assert "/var/www/siakad/log.txt: changed while it was read" in seat.screen
        assert "/var/www/siakad/private: cannot be read: Permission denied" in seat.screen
        assert "SHA256:9fX3mQvB0c7TtyUuY1Wq4Zr8sJk2hLpD5eNxA6oVkQ4" in seat.screen
        await seat.press("escape")
        assert seat.app.screen is seat.app.main
        await seat.press("home", "enter")
        assert "is sshd running there, and on that port?" in seat.screen
        assert "× connection: 10.10.0.9 port 22: refused" in seat.screen


async def test_the_details_of_a_log_entry_show_its_body(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("4", "down", "enter")
        assert "entry 8,411 of the ledger" in seat.screen
        assert "Connection refused; is sshd running there?" in seat.screen


async def test_the_log_keeps_its_entry_under_the_cursor_when_newer_ones_come(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "140x40") as seat:
        await seat.press("4", "down", "down")
        chosen = seat.app.main.log_pane.chosen
        page = pictures.log()
        newer = replace(page.rows[0], sequence=9000)
        await seat.show(replace(pictures.drawn(), log=replace(page, rows=(newer, *page.rows))))
        assert seat.app.main.log_pane.chosen == chosen


async def test_stop_asks_names_what_happens_and_means_no(
    cockpit: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(Stopping, "_stop", lambda self, run, name: stopped.append(name))
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("]", "x")
        assert "Stop the run of siakad?" in seat.screen
        assert "interrupted" in seat.screen
        await seat.press("enter")
        assert seat.app.screen is seat.app.main
        await seat.press("x", "escape")
        assert not stopped
        await seat.press("x", "y")
        assert stopped == ["siakad"]


def planner(asked: list[tuple[dict[str, frozenset[Clock]], bool]]) -> object:
    """Stands for run.plan in tests of the dialog alone."""

    def make(
        self: Backups, wants: dict[str, frozenset[Clock]], full: bool
    ) -> tuple[tuple[Plan, ...], PlanSummary]:
        asked.append((wants, full))
        plans = tuple(
            Plan(run=name, request="r", server=name, clocks=clocks, full=full, operator=Operator("andi"),
                 expected=dict.fromkeys(Step, 10.0), estimate_bytes=12 << 20)
            for name, clocks in wants.items()
        )  # fmt: skip
        summary = PlanSummary(900 << 20, 1 << 40, 4 << 40, self.seat.config.vault.path, ("database password of lms",),
                              ("your agent is forwarded: a run cannot reconnect after you log out",))  # fmt: skip
        return plans, summary

    return make


async def test_the_plan_shows_and_changes_what_will_be_done(
    cockpit: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[dict[str, frozenset[Clock]], bool]] = []
    monkeypatch.setattr(Backups, "_plan", planner(asked))
    started: list[tuple[Plan, ...]] = []
    monkeypatch.setattr(Backups, "_planned", lambda self, plans: started.append(plans))
    async with cockpit(pictures.drawn(), "120x30") as seat:
        await seat.press("space", "space", "b")
        await seat.until("needs about 900 MiB")
        for text in ("Back up 2 servers", "OVERDUE 9d", "~0:40", "~12 MiB", "needs about 900 MiB; 1.0 TiB free",
                     "database password of lms", "▲ your agent is forwarded"):  # fmt: skip
            assert text in seat.screen
        await seat.press("right", "right", "space", "down", "left", "left", "space", "f")
        await seat.until("Back up 1 server ", "everything is fetched anew", "in all")
        assert "tuibackup run simpeg --only files --full" in seat.screen
        assert asked[-1] == ({"simpeg": frozenset({Clock.FILES})}, True)
        assert "Back up 1 server " in seat.screen
        assert not started
        await seat.press("d")
        assert "what would be done (nothing was started)" in seat.screen
        await seat.press("enter")
        assert [plan.server for plan in started[0]] == ["simpeg"]


async def test_closing_the_plan_starts_nothing(cockpit: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backups, "_plan", planner([]))
    started: list[object] = []
    monkeypatch.setattr(Backups, "start", lambda self, plans: started.append(plans))
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("b")
        assert isinstance(seat.app.screen, PlanScreen)
        await seat.press("escape")
        assert seat.app.screen is seat.app.main
        assert not started


async def test_nothing_chosen_cannot_be_started(cockpit: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backups, "_plan", planner([]))
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("b", "space")
        await seat.until("nothing is chosen")
        await seat.press("enter")
        assert isinstance(seat.app.screen, PlanScreen)


async def test_a_server_with_a_run_under_way_is_not_planned_again(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("]", "b")
        assert "a run of siakad is under way" in seat.foot


async def test_q_closes_the_top_screen_first_and_then_leaves(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("enter", "q")
        assert seat.app.screen is seat.app.main
        await seat.press("ctrl+c")
        assert "q leaves the cockpit; runs go on" in seat.foot
        await seat.press("q")
        assert seat.app.return_code == 0


async def test_ctrl_q_closes_a_dialog_too(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("?", "ctrl+q")
        assert seat.app.screen is seat.app.main


async def test_y_copies_the_row_with_its_error(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("y")
        assert "simpeg" in seat.app.clipboard
        assert "is sshd running there" in seat.app.clipboard


async def test_the_operator_is_asked_for_once_where_names_are_configured(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), operators=("Andi", "Siti")) as seat:
        assert "who is at the keyboard?" in seat.screen
        await seat.press("down", "enter")
        assert seat.app.operator.name == "Siti"
        assert seat.app.operator.chosen


async def test_a_server_that_left_the_configuration_leaves_the_screen(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("space")
        fewer: Picture = replace(pictures.drawn(), rows=Rows(pictures.drawn().rows[1:]))
        await seat.show(fewer)
        assert "simpeg" not in names(seat)
        assert not seat.app.main.servers.marks


async def test_what_is_typed_ahead_is_not_taken_for_commands(cockpit: Opener) -> None:
    """On a slow line many keys come in at once: "/dns" must not run d, n and s."""
    async with cockpit(pictures.drawn()) as seat:
        for key in ("slash", "d", "n", "s", "1", "enter"):
            seat.app.simulate_key(key)
        await seat.pilot.pause()
        await seat.pilot.pause(0.1)
        assert "1 of 12 /dns1" in seat.screen
        assert not seat.app.main.filtering


async def test_a_palette_takes_what_is_typed_before_it_is_drawn(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        for key in ("ctrl+p", "l", "i", "g", "h", "t"):
            seat.app.simulate_key(key)
        await seat.pilot.pause()
        await seat.pilot.pause(0.1)
        assert seat.app.theme == "tuibackup-light"
