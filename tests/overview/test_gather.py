"""The picture from real files: ledger, journals, vault folder."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.tui import pictures
from tuibackup.config import Config
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.overview.forecast import full_by
from tuibackup.overview.gather import Gatherer, Wish
from tuibackup.overview.picture import Picture
from tuibackup.overview.recorded import LedgerLook
from tuibackup.overview.told import LedgerQuestion
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.sop import Clock, Outcome, State, Step


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    rows = (pictures.row("siakad"), pictures.row("dns1", 1, "none"))
    config = pictures.config(tmp_path, replace(pictures.drawn(), rows=rows))
    config.state.mkdir()
    config.vault.path.mkdir()
    return config


@pytest.fixture
def gatherer(settings: Config) -> Iterator[Gatherer]:
    made = Gatherer(settings, "andi")
    yield made
    made.close()


def record(
    config: Config,
    server: str,
    days: int,
    outcome: str = "done",
    run: str = "r1",
    error: str = "",
    stored: int = 0,
) -> None:
    """A run in the ledger, so many days ago, with both clocks published where it was done."""
    began = datetime.now(UTC) - timedelta(days=days)
    clock = {
        "outcome": outcome,
        "whole": True,
        "started": began.isoformat(),
        "detail": "8 files",
        "stored": stored,
    }
    clocks = {name: {**clock, "snapshot": f"{server}/{name}/x"} for name in ("files", "databases")}
    with Ledger.open(config.state / "ledger.sqlite") as ledger:
        ledger.append(
            Kind.STEP,
            {"step": "connect", "outcome": "done", "seconds": 4.0, "standard": 600.0, "detail": "ssh-ed25519 X"},
            operator="andi", server=server, run=run, time=began,
        )  # fmt: skip
        ledger.append(
            Kind.RUN,
            {"outcome": outcome, "seconds": 61.0, "error": error, "clocks": clocks if outcome == "done" else {}},
            operator="andi", server=server, run=run, time=began,
        )  # fmt: skip


def test_the_first_picture_needs_no_ledger_and_claims_nothing(gatherer: Gatherer) -> None:
    picture = gatherer.first()
    assert [row.name for row in picture.rows] == ["siakad", "dns1"]
    assert not picture.complete
    assert {row.condition for row in picture.rows} == {"unknown"}


def test_clocks_and_last_runs_come_from_the_ledger(settings: Config, gatherer: Gatherer) -> None:
    record(settings, "siakad", 9)
    picture = gatherer.settled(Wish())
    row = picture.row("siakad")
    assert row
    assert row.files
    assert row.databases
    assert row.last
    assert (row.files.state, row.files.age_days) == (State.OVERDUE, 9)
    assert row.databases.state is State.FRESH
    assert (row.last.outcome, row.last.seconds) == (Outcome.DONE, 61.0)
    dns = picture.row("dns1")
    assert dns
    assert dns.files
    assert dns.databases is None
    assert dns.files.state is State.NEVER
    assert row.weeks.count(Outcome.DONE) == 1


def test_a_new_entry_is_seen_at_the_next_look(settings: Config, gatherer: Gatherer) -> None:
    record(settings, "siakad", 9)
    gatherer.settled(Wish("siakad"))
    record(settings, "siakad", 0, "failed", "r2", "host down")
    picture = gatherer.settled(Wish("siakad"))
    row = picture.row("siakad")
    assert row
    assert row.last
    assert row.last.error == "host down"
    assert row.condition == "failed"
    assert [entry.kind for entry in picture.log.rows] == ["run", "run"], "steps are part of their run"


def test_a_run_whose_journal_is_gone_is_told_from_its_record(settings: Config, gatherer: Gatherer) -> None:
    record(settings, "siakad", 0)
    face = gatherer.settled(Wish("siakad")).face("siakad")
    assert face
    assert not face.active
    assert face.view.steps[Step.CONNECT].detail == "ssh-ed25519 X"
    assert face.view.steps[Step.CONNECT].standard == 600.0
    assert face.view.state == "done"


def test_the_log_is_filtered_by_the_ledger(settings: Config, gatherer: Gatherer) -> None:
    record(settings, "siakad", 1)
    record(settings, "dns1", 1, "failed", "r2", "no route to host")
    page = gatherer.settled(Wish(log_filter="NO ROUTE")).log
    assert [row.server for row in page.rows] == ["dns1"]
    assert (page.matching, page.total) == (1, 2)


def test_an_active_run_is_followed_and_its_standstill_noticed(settings: Config, gatherer: Gatherer) -> None:
    def progress(picture: Picture) -> ev.StepProgress | None:
        row = picture.row("siakad")
        return row.run.view.steps[Step.DOWNLOAD].progress if row and row.run else None

    first = replace_time(pictures.planned("siakad", (Clock.FILES,)))
    of = {"run": first.run, "server": "siakad"}
    with Journal.create(settings.state, first) as journal:
        journal.append(ev.StepStarted(time=ev.now(), step=Step.DOWNLOAD, **of))
        face = gatherer.settled(Wish("siakad")).face("siakad")
        assert face
        assert face.active
        journal.append(ev.StepProgress(time="2026-11-22T08:00:00.000Z", step=Step.DOWNLOAD, items=5, bytes=5,
                                       unit="files", **of))  # fmt: skip
        journal.append(ev.StepProgress(time="2026-11-22T08:00:40.000Z", step=Step.DOWNLOAD, items=5, bytes=5,
                                       unit="files", **of))  # fmt: skip
        picture = gatherer.settled(Wish("siakad"))
        seen = progress(picture)
        assert seen
        assert seen.items == 5
        face = picture.face("siakad")
        assert face
        assert face.view.moved == "2026-11-22T08:00:00.000Z", "the first of the two equal ones"


def test_a_run_that_dies_without_a_word_is_recorded_as_interrupted(
    settings: Config, gatherer: Gatherer
) -> None:
    first = replace_time(pictures.planned("siakad", (Clock.FILES,)))
    with Journal.create(settings.state, first):
        assert gatherer.settled(Wish("siakad")).active
    gatherer.settled(Wish("siakad"))
    picture = gatherer.settled(Wish("siakad"))
    row = picture.row("siakad")
    assert row
    assert row.last
    assert row.last.outcome is Outcome.INTERRUPTED
    face = picture.face("siakad")
    assert face
    assert face.view.state == "interrupted"


def test_a_folder_that_is_no_vault_yet_is_no_problem_and_a_missing_one_is(
    settings: Config, tmp_path: Path
) -> None:
    gatherer = Gatherer(settings, "andi")
    assert not gatherer.settled(Wish()).problems
    gatherer.close()
    settings.vault.path.rmdir()
    gatherer = Gatherer(settings, "andi")
    assert "backup disk not mounted?" in gatherer.settled(Wish()).problems[0]
    gatherer.close()


def test_a_broken_ledger_is_said_and_does_not_stop_the_cockpit(settings: Config, gatherer: Gatherer) -> None:
    (settings.state / "ledger.sqlite").write_text("this is no database, " * 100)
    picture = gatherer.settled(Wish("siakad"))
    assert picture.problems
    assert len(picture.rows) == 2


def test_hostile_texts_in_records_arrive_clean(settings: Config, gatherer: Gatherer) -> None:
    record(settings, "siakad", 0, "failed", "r1", "said \x1b[2J and \u202e")
    picture = gatherer.settled(Wish("siakad"))
    row = picture.row("siakad")
    assert row
    assert row.last
    assert row.last.error == r"said \x1b[2J and \u202e"
    assert picture.log.rows[0].detail == r"said \x1b[2J and \u202e"
    face = picture.face("siakad")
    assert face
    assert face.view.finished
    assert face.view.finished.error == r"said \x1b[2J and \u202e"


def replace_time(event: ev.RunPlanned) -> ev.RunPlanned:
    """The event as if it were written now."""
    return ev.RunPlanned(
        time=ev.now(), run=event.run, server=event.server, request="r", clocks=event.clocks, full=False,
        operator="andi", standards=event.standards, expected=event.expected,
    )  # fmt: skip


def test_what_a_month_adds_is_told_once_and_again_where_something_was_recorded(settings: Config) -> None:
    record(settings, "siakad", 60, run="r1")
    look = LedgerLook(settings, read_only=False)
    try:
        told = [look(LedgerQuestion()).growth for _again in range(100)]
        assert [growth for growth in told if growth is not None] == [0.0], "the first download is no growth"
        record(settings, "siakad", 30, run="r2", stored=1 << 30)
        told = [look(LedgerQuestion()).growth for _again in range(100)]
        (growth,) = (growth for growth in told if growth is not None)
        assert full_by(1 << 30, growth, date(2026, 11, 1)) == date(2026, 12, 1)
    finally:
        look.close()
