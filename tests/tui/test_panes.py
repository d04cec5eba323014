"""What the panes draw, as text: states and ages whole at every width, steps beside their standard, no claims."""

from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace

from tests.tui import pictures
from tests.tui.pictures import MIB, NOW, at, fold, planned
from tuibackup.overview.picture import CONDITIONS, Picture, Room, Rows, RunFace
from tuibackup.run.journal import events as ev
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.tui.lines import plain, width
from tuibackup.tui.panes.bar import bar_line, keys_line
from tuibackup.tui.panes.dump import dump_lines
from tuibackup.tui.panes.log import log_line, widths
from tuibackup.tui.panes.serverline import columns, heading, run_words, server_line
from tuibackup.tui.panes.steps import run_lines
from tuibackup.words import use_language

WIDTHS = (60, 72, 80, 100, 120, 140, 200)


def text_of(face: RunFace, room: int = 79, rows: int = 8) -> str:
    return "\n".join(plain(line) for line in run_lines(face, NOW, room, rows))


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("room", WIDTHS)
def test_no_state_and_no_age_of_a_clock_is_ever_cut(room: int, language: str) -> None:
    from tuibackup.overview.picture import days, state_word

    use_language(language)
    table = columns(room, pictures.many().rows, weeks=True)
    for row in pictures.many().rows:
        line = server_line(row, table, NOW, marked=True)
        text = plain(line)
        assert width(line) <= room
        for clock in row.clocks:
            assert state_word(clock.state) in text
            assert clock.age_days is None or days(clock.age_days) in text


@pytest.mark.parametrize("room", WIDTHS)
def test_the_heading_stands_above_its_columns(room: int) -> None:
    table = columns(room, weeks=True)
    row = pictures.row("x", 3, 4, pictures.last(Outcome.DONE, 2, 3723))
    text, head = (
        plain(server_line(row, table, NOW, marked=False)),
        plain(heading(table, pictures.WEEK, pictures.MONTH, pictures.QUARTER)),
    )
    assert head.index("files") == text.index("fresh")
    assert head.index("last run") == text.index("√ done")
    assert "≤ 7d" in head


def test_a_long_name_keeps_both_ends() -> None:
    row = pictures.row("poltekkes-medan-jurusan-farmasi-sister07")
    text = plain(server_line(row, columns(60, [row], weeks=False), NOW, marked=False))
    assert "poltek" in text
    assert "07 " in text
    assert row.name in plain(server_line(row, columns(80, [row], weeks=False), NOW, marked=False))


def test_worst_first() -> None:
    order = [row.condition for row in pictures.many().rows.worst_first]
    assert order == sorted(order, key=CONDITIONS.index)
    assert order[0] == "failed"


def test_a_running_server_counts_as_running_and_still_as_overdue_in_the_bar() -> None:
    row = pictures.row("a", 30, 1, None, pictures.downloading("a"))
    picture = replace(pictures.drawn(), rows=Rows([row]))
    assert row.condition == "running"
    assert "! 1 OVERDUE" in plain(bar_line(picture, 80))
    assert "► 1 running" in plain(bar_line(picture, 80))


@pytest.mark.parametrize("room", range(40, 200, 7))
def test_the_bar_leaves_no_alarm_out(room: int) -> None:
    text = plain(bar_line(pictures.many(), room))
    for sign in "! 17", "× 8", "■ 9", "○ 18", "► 8", "… 8":
        assert sign in text
    assert len(text) <= room


def test_nothing_is_said_to_be_in_time_before_the_ledger_was_read() -> None:
    unread = replace(
        pictures.drawn(),
        complete=False,
        rows=Rows([replace(pictures.row("a"), files=None, databases=None, drilled={})]),
    )
    text = plain(bar_line(unread, 80))
    assert "in time" not in text
    assert "√" not in plain(server_line(unread.rows[0], columns(80, weeks=False), NOW, marked=False))


def test_quit_is_always_among_the_keys() -> None:
    hints = [("b", "back up", True), ("o", "mark overdue", True), ("?", "help", True), ("q", "quit", True)]
    for room in range(20, 60):
        assert plain(keys_line(hints, room)).endswith("q quit")


def test_steps_show_actual_of_standard_or_expectation() -> None:
    text = text_of(pictures.downloading())
    assert "√ 1 connect     0:04  of 10:00" in text
    assert "► 2 download    1:12  of ~2:30" in text
    assert "84 MiB/s   0:46 left" in text
    assert "14,210 of 23,257 files · 171 of 281 MiB" in text
    assert "▲ 2 warnings" in text


def test_over_the_standard_is_marked_slow_while_it_runs() -> None:
    assert "▲ slow" in text_of(pictures.dumping())
    assert "▲ slow" in text_of(pictures.dumping(), room=52)
    assert "▲ slow" not in text_of(pictures.downloading())


def test_a_step_that_stands_still_says_for_how_long() -> None:
    face = pictures.downloading()
    face = replace(face, view=replace(face.view, moved=at(40)))
    assert "stalled 40 s" in text_of(face)
    assert "left" not in text_of(face)


def test_a_lost_connection_is_said_in_the_steps_own_row() -> None:
    """It stood below all others, where 80x24 has no room, and the row said no more than "stalled"."""
    face = pictures.downloading()
    step = face.view.steps[Step.DOWNLOAD]
    assert step.progress is not None
    text = "connection lost, trying again in 8 s (4)"
    lost = replace(step, progress=msgspec.structs.replace(step.progress, current=text, lost=True))
    face = replace(
        face, view=replace(face.view, moved=at(40), steps={**face.view.steps, Step.DOWNLOAD: lost})
    )
    for room in (52, 80):
        assert text_of(face, room=room).count(text) == 1
        assert "stalled" not in text_of(face, room=room)


def test_without_a_known_total_there_are_counts_and_no_bar() -> None:
    first = planned("a", (Clock.FILES,))
    of = {"run": first.run, "server": "a"}
    view = fold(
        first,
        ev.StepStarted(time=at(5), step=Step.DOWNLOAD, **of),
        ev.StepProgress(time=at(1), step=Step.DOWNLOAD, items=1200, bytes=3 * MIB, unit="files", **of),
    )
    text = text_of(RunFace(view, active=True))
    assert "1,200 files · 3.0 MiB" in text
    assert "█" not in text
    assert "%" not in text


def test_the_whole_error_has_room_when_a_run_failed() -> None:
    error = "10.10.0.9 port 22: Connection refused; is sshd running there, and does a firewall let jump01 through?"
    text = text_of(pictures.failed(error=error), rows=5)
    assert error in " ".join(line.strip() for line in text.split("\n")[-3:])


def test_a_run_whose_process_is_gone_is_not_shown_as_running() -> None:
    face = replace(pictures.downloading(), active=False)
    text = text_of(face)
    assert "►" not in text
    assert "interrupted" in text


def test_an_active_run_in_the_list_says_where_it_is() -> None:
    assert run_words(pictures.downloading(), 20) == "step 2 of 4  60%"
    assert run_words(pictures.downloading(), 12) == "step 2  60%"
    assert run_words(pictures.waiting(), 20) == "waiting: no slot"
    assert run_words(pictures.waiting(reason="needs"), 20) == "waiting: needs"


def test_hostile_texts_of_a_server_are_never_markup_nor_control_characters() -> None:
    evil = pictures.failed(error=r"[bold red]\x1b[31m[/] said the server")
    assert r"[bold red]\x1b[31m[/] said" in text_of(evil)


def test_the_dump_pane_says_what_it_waits_for_and_what_there_was() -> None:
    picture = pictures.drawn()
    lines = [plain(line) for line in dump_lines("simpeg", None, picture, 79)]
    assert "last good dump: 10 Nov 08:31 · 2 databases · 43 MiB" in lines[0]
    assert "simpeg 31 MiB · simpeg_lama 12 MiB" in lines[1]
    assert "no database is configured for dns1" in plain(dump_lines("dns1", None, picture, 79)[0])
    running = dump_lines("simak", pictures.dumping(), picture, 79)
    assert "28%" in plain(running[0])
    assert "simak.krs_detail" in plain(running[0])
    assert "simak_ref: 38 tables" in plain(running[1])


@pytest.mark.parametrize("room", [56, 72, 80, 120, 140])
def test_a_log_line_keeps_time_and_outcome(room: int) -> None:
    for row in pictures.log().rows:
        line = log_line(row, pictures.drawn(), room, widths(pictures.log().rows, room))
        assert width(line) <= room
        if row.outcome:
            assert row.outcome in plain(line)


def test_the_bar_has_date_disk_and_operator_where_there_is_room() -> None:
    picture = replace(pictures.drawn(), now=datetime(2026, 11, 22, 8, 31, tzinfo=UTC))
    assert plain(bar_line(picture, 160)).rstrip().endswith("jump01  andi  Sun 22 Nov 08:31")
    small: Picture = replace(picture, rows=Rows(), room=Room("/srv", 1 << 40, 2 << 40))
    assert "/srv 1.0 TiB of 2.0 TiB free" in plain(bar_line(small, 80))
