import multiprocessing
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tuibackup.errors import LedgerHeldError
from tuibackup.ledger import Kind, Ledger, schema, witness
from tuibackup.ledger.entries import GENESIS, entry_hash
from tuibackup.ledger.results import ADDED


def fill(ledger: Ledger, count: int) -> None:
    for number in range(count):
        ledger.append(Kind.NOTE, {"number": number}, operator="andi", server="siakad")


def problems_of(ledger: Ledger) -> list[str]:
    return [problem.text for problem in ledger.verify_chain().problems]


def tamper(path: Path, *statements: str) -> None:
    """Somebody with the file in hand and no respect for its triggers."""
    with sqlite3.connect(path) as database:
        database.executescript(
            "DROP TRIGGER IF EXISTS entry_no_update; DROP TRIGGER IF EXISTS entry_no_delete;"
        )
        for statement in statements:
            database.execute(statement)
        for statement in schema.STATEMENTS:
            if "TRIGGER" in statement:
                database.execute(statement)
    database.close()


def test_an_entry_comes_back_as_it_was_written(ledger: Ledger) -> None:
    moment = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    body = {"findings": ["a\x1b[31m\udc80", {"näme": 0.1}], "seconds": 3}
    entry = ledger.append(Kind.RUN, body, operator="andi", server="siakad", run="r1", time=moment)
    assert (entry.seq, entry.prev, entry.moment, entry.host) == (1, GENESIS, moment, "jump01")
    assert entry.body == body
    assert ledger.log() == [entry]


def test_entries_follow_each_other_by_hash(ledger: Ledger) -> None:
    fill(ledger, 3)
    third, second, first = ledger.log()
    assert (first.prev, second.prev, third.prev) == (GENESIS, first.hash, second.hash)
    assert problems_of(ledger) == []


def test_names_cannot_carry_control_characters_or_half_characters(ledger: Ledger) -> None:
    entry = ledger.append(Kind.TRUST, {}, operator="an\x1bdi", server="a\udcff", run="x\n")
    assert (entry.operator, entry.server, entry.run) == ("an\\x1bdi", "a\\xff", "x\\x0a")


def test_a_body_that_is_no_json_is_refused_and_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(TypeError):
        ledger.append(Kind.NOTE, {"path": b"bytes"}, operator="andi")
    assert ledger.count() == 0


def test_the_ledger_and_new_folders_are_for_their_owner_only(path: Path, ledger: Ledger) -> None:
    fill(ledger, 1)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_every_commit_is_synced_and_the_log_is_written_ahead(ledger: Ledger) -> None:
    with ledger._connection() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_nothing_is_updated_or_deleted(path: Path, ledger: Ledger) -> None:
    fill(ledger, 1)
    with sqlite3.connect(path) as database:
        for statement in ("UPDATE entry SET operator = 'x'", "DELETE FROM entry"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(statement)
    database.close()


def test_a_changed_entry_is_found(path: Path, ledger: Ledger) -> None:
    fill(ledger, 5)
    columns = {
        "operator": "'siti'", "time": "'2026-01-01T00:00:00.000Z'", "body": "'{}'", "server": "NULL",
        "host": "'elsewhere'", "kind": "'hold'", "run": "'r2'",
    }  # fmt: skip
    for column, value in columns.items():
        before = ledger.log()[2]
        tamper(path, f"UPDATE entry SET {column} = {value} WHERE seq = 3")
        (problem,) = problems_of(ledger)
        assert problem.startswith("entry 3 (2"), column
        assert problem.endswith(") was changed after it was written"), column
        old = getattr(before, column) if column != "body" else '{"number":2}'
        restored = "NULL" if old is None else f"'{old}'"
        tamper(path, f"UPDATE entry SET {column} = {restored} WHERE seq = 3")
        assert problems_of(ledger) == []


def test_a_changed_entry_with_a_fitting_hash_breaks_the_link_to_the_next(path: Path, ledger: Ledger) -> None:
    fill(ledger, 3)
    entry = ledger.log()[1]
    forged = entry_hash(2, entry.time, "note", "siti", entry.host, entry.server, entry.run, "{}", entry.prev)
    tamper(path, f"UPDATE entry SET operator = 'siti', body = '{{}}', hash = '{forged}' WHERE seq = 2")
    assert problems_of(ledger) == [
        "entry 3 does not follow entry 2: something between them was removed or changed"
    ]


def test_a_deleted_entry_is_found_in_the_middle_at_the_start_and_at_the_end(
    path: Path, ledger: Ledger
) -> None:
    fill(ledger, 9)
    tamper(path, "DELETE FROM entry WHERE seq IN (1, 4, 5, 9)")
    problems = problems_of(ledger)
    assert "entry 1 is missing" in problems
    assert "entries 4 to 5 are missing" in problems
    assert "entry 6 does not follow entry 3: something between them was removed or changed" in problems
    assert "entry 9 is missing" in problems


def test_a_cut_tail_stays_visible_after_new_entries(path: Path, ledger: Ledger) -> None:
    fill(ledger, 4)
    tamper(path, "DELETE FROM entry WHERE seq > 2")
    fill(ledger, 1)
    assert problems_of(ledger) == ["entries 3 to 4 are missing"]


def test_reordered_entries_are_found(path: Path, ledger: Ledger) -> None:
    fill(ledger, 4)
    tamper(
        path,
        "UPDATE entry SET seq = 99 WHERE seq = 2",
        "UPDATE entry SET seq = 2 WHERE seq = 3",
        "UPDATE entry SET seq = 3 WHERE seq = 99",
    )
    problems = problems_of(ledger)
    assert any("entry 2" in problem and "was changed" in problem for problem in problems)
    assert any("entry 3" in problem and "was changed" in problem for problem in problems)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE result SET good = 1 WHERE what = 'files'", "entry 1: the table result does not say"),
        ("DELETE FROM result WHERE what = 'files'", "entry 1: the table result does not say"),
        ("UPDATE result SET seq = 7 WHERE what = 'files'", "entry 7: the table result speaks of it"),
    ],
)
def test_columns_that_do_not_say_what_the_entries_say_are_found(
    path: Path, ledger: Ledger, statement: str, problem: str
) -> None:
    body = {"outcome": "failed", "clocks": {"files": {"outcome": "failed"}}}
    ledger.append(Kind.RUN, body, operator="andi", server="siakad", run="r1")
    assert problems_of(ledger) == []
    tamper(path, statement)
    assert any(found.startswith(problem) for found in problems_of(ledger))


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_that_is_written_is_whole_when_it_is_checked(
    ledger: Ledger, path: Path, kind: Kind
) -> None:
    """Drills had columns that checking did not know of: after the first one the record accused itself for good."""
    for name in ("files", "databases"):
        spec = f"siakad/{name}/2026-11-22T013000Z"
        clock = {"outcome": "done", "whole": True, "snapshot": spec, "started": "2026-11-22T01:30:00Z"}
        body = {"outcome": "done", "step": "dump", "snapshot": spec, "seconds": 1, "clocks": {name: clock}}
        for server in ("siakad", None):
            ledger.append(kind, body, operator="andi", server=server, run="r1")
    assert problems_of(ledger) == []
    assert ledger.newer() == 0
    with sqlite3.connect(path) as database:
        derived = database.execute("DELETE FROM result").rowcount
    database.close()
    found = bool(derived) and kind != ADDED  # these are missing, too, in what an earlier version wrote
    assert bool(problems_of(ledger)) == found, "columns that went missing are found for every kind"


def test_columns_that_an_earlier_version_did_not_write_are_added(path: Path) -> None:
    """First before everything, then between: somebody used that version once more."""
    specs = [f"siakad/files/{number}" for number in range(4)]
    for spec in specs:
        with Ledger.open(path) as ledger:
            ledger.append(Kind.NOTE, {}, operator="andi")
            body = {"snapshot": spec, "outcome": "done", "problems": []}
            ledger.append(Kind.VERIFY, body, operator="andi", server="siakad")
        if spec != specs[2]:
            with sqlite3.connect(path) as database:
                database.execute("DELETE FROM result WHERE snapshot = ?", [spec])
            database.close()
        with Ledger.read_only(path) as ledger:
            assert problems_of(ledger) == []
    with Ledger.open(path) as ledger:
        assert set(ledger.read_again()) == set(specs)
        assert problems_of(ledger) == []


def test_a_ledger_that_an_earlier_version_wrote_is_whole(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.executescript((Path(__file__).parents[1] / "samples/0.1/ledger.sql").read_text())
    database.close()
    with Ledger.open(path) as ledger:
        assert problems_of(ledger) == []
        ledger.append(Kind.DRILL, {"outcome": "done"}, operator="andi", server="siakad")
        assert problems_of(ledger) == []
        assert ledger.newer() == 0, ledger.kinds()
    tamper(path, "UPDATE result SET outcome = 'done' WHERE what = 'drill-databases'")
    with Ledger.open(path) as ledger:
        assert problems_of(ledger) == ["entry 10: the table result does not say what the entry says"]


def test_what_a_newer_version_wrote_is_told_and_no_fault(path: Path, ledger: Ledger) -> None:
    fill(ledger, 2)
    head = ledger.log(1)[0]
    time, body = "2027-01-01T00:00:00.000Z", '{"outcome":"done"}'
    fields = (3, time, "probe", "andi", "jump01", "siakad", None, body, head.hash)
    row = (*fields, entry_hash(*fields))
    with sqlite3.connect(path) as database:
        database.execute(f"INSERT INTO entry VALUES ({', '.join('?' * len(row))})", row)
        database.execute(
            "INSERT INTO result (seq, what, server, time, outcome, good) VALUES (3, 'probe', 'siakad', ?, 'done', 0)",
            (time,),
        )
    database.close()
    assert problems_of(ledger) == []
    assert ledger.newer() == 1
    assert [entry.kind for entry in ledger.log()] == ["probe", "note", "note"]
    tamper(path, "UPDATE entry SET operator = 'siti' WHERE seq = 3")
    assert problems_of(ledger) == [
        "entry 3 (2027-01-01T00:00:00.000Z, probe) was changed after it was written"
    ]


def test_an_entry_that_was_changed_into_nonsense_is_shown_all_the_same(path: Path, ledger: Ledger) -> None:
    ledger.append(Kind.RUN, {"outcome": "done"}, operator="andi", server="siakad", run="r1")
    fill(ledger, 1)
    tamper(path, "UPDATE entry SET body = 'nonsense', time = 'long ago' WHERE seq = 1")
    assert ledger.log()[1].body == {"error": "this entry was changed after it was written"}
    assert ledger.log()[1].moment.year == 1970
    assert ledger.last_runs()["siakad"].outcome == "failed"
    assert problems_of(ledger)[0] == "entry 1 (long ago, run) was changed after it was written"
    tamper(path, "UPDATE entry SET body = 5 WHERE seq = 1")
    assert problems_of(ledger)[0] == "entry 1 (long ago, run) was changed after it was written"


def test_a_ruined_chain_is_reported_in_a_bounded_number_of_lines(path: Path, ledger: Ledger) -> None:
    fill(ledger, 150)
    tamper(path, "UPDATE entry SET operator = 'x'")
    problems = problems_of(ledger)
    assert len(problems) == 101
    assert problems[-1] == "… and more"


def test_verify_says_how_far_it_is(ledger: Ledger) -> None:
    fill(ledger, 3)
    seen: list[int] = []
    ledger.verify_chain(seen.append)
    assert seen == [3]


def append_many(path: Path, count: int) -> None:
    with Ledger.open(path) as ledger:
        fill(ledger, count)


def test_many_processes_append_to_one_chain_from_its_first_moment(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=append_many, args=(path, 40)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    with Ledger.open(path) as ledger:
        assert ledger.count() == 160
        assert problems_of(ledger) == []


def test_sixteen_processes_append_at_once_and_nothing_is_lost(path: Path) -> None:
    """Forked, so that they all begin at the same moment."""
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=append_many, args=(path, 15)) for _ in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 16
    with Ledger.open(path) as ledger:
        assert ledger.count() == ledger.head().seq == witness.remembered(path).seq == 240
        assert problems_of(ledger) == []


def test_a_killed_writer_leaves_a_whole_chain_with_everything_it_was_told_is_written(path: Path) -> None:
    script = (
        "import sys; from tests.ledger.test_store import *\n"
        "with Ledger.open(sys.argv[1]) as ledger:\n"
        "    while True: print(ledger.append(Kind.NOTE, {}, operator='andi').seq, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        while int(writer.stdout.readline()) < 20:
            pass
        writer.send_signal(signal.SIGKILL)
        told = [int(line) for line in writer.stdout.read().split()]
    with Ledger.open(path) as ledger:
        assert problems_of(ledger) == []
        assert ledger.count() >= max(told, default=20)


def test_a_writer_waits_for_another_and_says_so_when_it_takes_too_long(path: Path) -> None:
    other = sqlite3.connect(Ledger.open(path)._path, isolation_level=None)
    with Ledger.open(path, patience=0.2) as ledger:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        with pytest.raises(LedgerHeldError, match=r"is held by another process; wait"):
            fill(ledger, 1)
        assert time.monotonic() - begun >= 0.2
        other.execute("COMMIT")
        fill(ledger, 1)
    other.close()


def test_a_sqlite_url_opens_that_file(path: Path) -> None:
    with Ledger.open(f"sqlite:///{path}") as ledger:
        fill(ledger, 1)
    assert path.exists()


def test_the_way_by_hand_in_the_documentation_works(path: Path, ledger: Ledger, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
    script = tmp_path / "check.py"
    script.write_text(page.split("```python\n")[1].split("```")[0])
    for body in ({"seconds": 1.5, "text": "né\x00\udcff"}, {}, {"list": [1, None]}):
        head = ledger.append(Kind.NOTE, body, operator="andi", server="siakad")

    def check() -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, str(script), str(path)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    assert check().stdout == f"3 entries, head {head.hash}\n"
    tamper(path, "UPDATE entry SET host = 'x' WHERE seq = 2")
    assert check().stderr == "entry 2 was changed\n"
