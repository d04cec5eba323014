"""The table: rows that are made anew one by one are those that are made all at once."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.tui import pictures
from tuibackup.config import Standards
from tuibackup.overview.picture import LastRun, Rows, RunFace
from tuibackup.overview.table import Table
from tuibackup.overview.told import Drill, Drills, Good, ServerFacts, ServerOnDisk
from tuibackup.run.journal.view import RunView
from tuibackup.run.stored import Lost
from tuibackup.sop import Clock, Outcome, Period

NAMES = ("siakad", "dns1", "mail", "simpeg")
NOW = datetime(2026, 11, 22, 8, 31, tzinfo=UTC)
WHOLE = pictures.config(
    Path("/nowhere"), replace(pictures.drawn(), rows=Rows(map(pictures.row, NAMES)))
)  # fmt: skip

moments = st.integers(-40, 900).map(lambda hours: NOW - timedelta(hours=hours))
outcomes = st.sampled_from(Outcome)
configs = st.builds(
    lambda names, weeks: replace(
        WHOLE,
        servers={name: WHOLE.servers[name] for name in names},
        sop=Standards(files_within=Period(weeks, "week")),
    ),
    st.lists(st.sampled_from(NAMES), unique=True),
    st.integers(1, 3),
)
facts = st.builds(
    lambda good, outcome, drilled, tried: ServerFacts(
        {clock: Good(good, "x/y/z") for clock in Clock},
        LastRun("r", outcome, good, 9.0),
        {
            clock: Drills(*(Drill("x/y/z", outcome, drilled, 1.0) if there else None for there in which))
            for clock, which in zip(Clock, ((True, tried), (not tried, True)), strict=True)
        },
    ),
    moments, outcomes, moments, st.booleans(),
)  # fmt: skip
found = st.builds(
    lambda clock, good, lost: ServerOnDisk(
        {clock: Lost("x/y/z", "it is gone", good, None)} if lost else {}, None, {clock: good}
    ),
    st.sampled_from(Clock), moments, st.booleans(),
)  # fmt: skip


def faces(servers: list[str]) -> Mapping[str, RunFace]:
    return {server: RunFace(RunView("r", server), active=True) for server in servers}


def of_servers(what: st.SearchStrategy[Any]) -> st.SearchStrategy[Mapping[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES), what)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("some facts"), of_servers(facts)),
        st.tuples(st.just("all facts"), of_servers(facts)),
        st.tuples(st.just("runs"), st.lists(st.sampled_from(NAMES), unique=True).map(faces)),
        st.tuples(st.just("disk"), of_servers(found)),
        st.tuples(st.just("no disk"), st.none()),
        st.tuples(st.just("config"), configs),
        st.tuples(st.just("time"), moments),
        st.tuples(st.just("ledger"), st.booleans()),
    ),
    max_size=12,
)


@given(STEPS)
def test_rows_made_one_by_one_are_those_made_all_at_once(steps: list[tuple[str, Any]]) -> None:
    table, config, now, read = Table(WHOLE), WHOLE, NOW, True
    known: dict[str, Any] = {}
    runs: Mapping[str, RunFace] = {}
    disk: dict[str, Any] = {}
    before = table.rows(now, read=read)
    for what, value in steps:
        match what:
            case "some facts" | "all facts":
                anew = what == "all facts"
                known = dict(value) if anew else known | value
                table.record(value, anew=anew)
            case "runs":
                runs = value
                table.follow(value)
            case "disk":
                disk |= value
                table.find(value)
            case "no disk":
                disk = {}
                table.lose_disk()
            case "config":
                config, disk = value, {}
                table.renew(value)
            case "time":
                now = value
            case "ledger":
                read = value
        anew_whole = Table(config)
        anew_whole.record(known, anew=True)
        anew_whole.follow(runs)
        anew_whole.find(disk)
        rows = table.rows(now, read=read)
        assert rows == anew_whole.rows(now, read=read), f"after {what}"
        assert rows is before or rows != before or what == "config", "what did not change is the same object"
        before = rows


def test_what_follows_from_all_rows_is_what_each_row_says() -> None:
    rows = pictures.many().rows
    for word in ("overdue", "never"):
        assert rows.counted[word] == sum(word in {state.value for state in row.states} for row in rows)
    for word in ("failed", "interrupted"):
        assert rows.counted[word] == sum(bool(row.last and row.last.outcome == word) for row in rows)
    for word in ("running", "waiting"):
        assert rows.counted[word] == sum(row.condition == word for row in rows)
    assert all(rows.by_name[row.name] is row for row in rows)
    assert [row.run for row in rows if row.run] == list(rows.active)
