import asyncio
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tuibackup.errors import TuibackupError
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.places import runs_folder
from tuibackup.sop import Clock, Outcome, Step

RUN = "2026-11-22T013000Z-siakad-4f2a"


def planned(run: str = RUN) -> ev.RunPlanned:
    return ev.RunPlanned(
        time=ev.now(),
        run=run,
        server="siakad",
        request="r",
        clocks=(Clock.FILES,),
        full=False,
        operator="andi",
    )


def progress(items: int) -> ev.StepProgress:
    return ev.StepProgress(
        time=ev.now(), run=RUN, server="siakad", step=Step.DOWNLOAD, items=items, bytes=0, unit="files"
    )


def finished() -> ev.RunFinished:
    return ev.RunFinished(
        time=ev.now(), run=RUN, server="siakad", outcome=Outcome.DONE, seconds=1.0, exit_code=0
    )


def test_a_reader_gets_each_event_once_and_keeps_a_half_written_line(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal, jr.JournalReader(journal.path) as reader:
        assert [type(event) for event in reader.poll()] == [ev.RunPlanned]
        assert list(reader.poll()) == []
        line = ev.encode(progress(7))
        os.write(journal.fileno(), line[:20])
        assert list(reader.poll()) == []
        os.write(journal.fileno(), line[20:])
        assert [event.items for event in reader.poll() if isinstance(event, ev.StepProgress)] == [7]


def test_a_line_that_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal, jr.JournalReader(journal.path) as reader:
        os.write(journal.fileno(), b'{"event": "from-the-future", "run": 1}\n\xff\xfe\nnull\n')
        journal.append(finished())
        assert [type(event) for event in reader.poll()] == [ev.RunPlanned, ev.RunFinished]


def test_a_journal_is_private_and_never_begun_twice(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal:
        assert journal.path.stat().st_mode & 0o777 == 0o600
        assert journal.path.parent.stat().st_mode & 0o777 == 0o700
        with pytest.raises(TuibackupError, match="cannot be written"):
            jr.Journal.create(tmp_path, planned())
        assert jr.is_live(journal.path)


def test_a_full_disk_leaves_lines_out_and_says_so(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, journal.fileno())
        os.close(full)
        journal.append(progress(1))
        assert "No space left" in journal.fault


def test_a_torn_line_does_not_take_the_next_one_with_it(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal:
        os.write(journal.fileno(), b'{"event": "step-pro')
    with jr.reopened(journal.path) as again:
        assert again is not None
        again.append(finished())
    assert jr.last(journal.path) is not None


def test_only_one_may_take_up_a_dead_journal(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal:
        pass
    with jr.reopened(journal.path) as one, jr.reopened(journal.path) as other:
        assert one is not None
        assert other is None


def _write_and_wait(state: Path, ready: "multiprocessing.synchronize.Event") -> None:
    jr.Journal.create(state, planned())
    ready.set()
    signal.pause()


async def test_following_ends_when_the_writer_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    writer = context.Process(target=_write_and_wait, args=(tmp_path, ready))
    writer.start()
    assert ready.wait(10)
    path = jr.journal_path(tmp_path, RUN)
    assert jr.is_live(path)
    seen = []

    async def follow() -> None:
        async for event in jr.follow(path):
            seen.append(event)

    following = asyncio.create_task(follow())
    async with asyncio.timeout(60):
        while not seen:  # noqa: ASYNC110  # a list does not tell
            await asyncio.sleep(0.01)
    assert [type(event) for event in seen] == [ev.RunPlanned]
    assert not following.done()
    writer.kill()
    writer.join()
    await asyncio.wait_for(following, 60)
    assert not jr.is_live(path)
    assert jr.last(path) is None


async def test_following_ends_with_the_last_line(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal:
        journal.append(finished())
        seen = [event async for event in jr.follow(journal.path)]
    assert [type(event) for event in seen] == [ev.RunPlanned, ev.RunFinished]


async def test_a_finished_journal_says_so_by_its_place_and_is_found_by_its_first(tmp_path: Path) -> None:
    """Whoever has it open reads on; who comes later gets the whole; nobody looks at it every second."""
    with jr.Journal.create(tmp_path, planned()) as journal, jr.JournalReader(journal.path) as reader:
        assert jr.journals(tmp_path) == [journal.path]
        list(reader.poll())
        journal.finish(finished())
        assert [type(event) for event in reader.poll()] == [ev.RunFinished]
    path = jr.journal_path(tmp_path, RUN)
    assert jr.journals(tmp_path) == []
    assert list(jr.finished_journals(tmp_path)) == [journal.path]
    assert journal.path == tmp_path / "runs" / "finished" / "2026-11-22" / f"{RUN}.jsonl"
    seen = [event async for event in jr.follow(path)]
    assert [type(event) for event in seen] == [ev.RunPlanned, ev.RunFinished]
    assert jr.first(path) == seen[0]
    assert jr.last(path) == seen[1]
    with jr.reopened(path) as again:
        assert again is None


def test_a_journal_whose_last_line_is_not_written_stays_where_the_next_start_finds_it(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, journal.fileno())
        os.close(full)
        journal.finish(finished())
    assert jr.journals(tmp_path) == [journal.path]


def test_journals_come_newest_first_and_without_drafts(tmp_path: Path) -> None:
    for run in ("2026-11-22T013000Z-a-0000", "2026-11-23T013000Z-a-0000"):
        jr.Journal.create(tmp_path, planned(run)).close()
    (runs_folder(tmp_path) / ".2026-11-24T013000Z-a-0000.jsonl.new").touch()
    assert [path.stem[:10] for path in jr.journals(tmp_path)] == ["2026-11-23", "2026-11-22"]


def test_the_end_is_found_without_reading_the_whole(tmp_path: Path) -> None:
    with jr.Journal.create(tmp_path, planned()) as journal:
        for number in range(2000):
            journal.append(progress(number))
        assert jr.last(journal.path) is None
        journal.append(finished())
        assert jr.last(journal.path) is not None
        assert jr.first(journal.path) is not None
