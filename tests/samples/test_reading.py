"""What a released version wrote is read: vault, ledger, journals, configuration. Looking changes nothing of it."""

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.samples.conftest import SAMPLES, Sample
from tuibackup.vault.index.read import Index


def test_released_samples_are_what_they_were() -> None:
    """Whoever finds that a change of the program asks for a change here has found that it breaks old backups."""
    wrong = [
        name
        for line in (SAMPLES / "SHA256SUMS").read_text().splitlines()
        for digest, name in [line.split("  ")]
        if hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest() != digest
    ]
    assert wrong == [], (
        "a released sample is never edited; a new version gets its own: python -m tests.samples.make"
    )


def everything_in(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_everything_is_told_and_nothing_changes(sample: Sample) -> None:
    before = everything_in(sample.site.folder)
    told = sample.says("--read-only", "snapshots", "--json").json
    assert sorted(one["snapshot"] for one in told) == sorted(sample.specs)
    assert [one["snapshot"] for one in told if "error" in one or one["lacks"]] == []
    newest = {spec.rpartition("/")[0]: (spec, folders) for spec, folders in sample.expected["files"].items()}
    for spec, folders in newest.values():
        folder, files = next(iter(folders.items()))
        listed = sample.says("--read-only", "ls", spec, folder, "--json").json["entries"]
        own = [name for name in files if name != "." and "/" not in name]
        assert len(listed) == len(own), f"{spec} lists {listed}, and not {own}"
    for spec, objects in sample.expected["databases"].items():
        named = {one["name"] for one in sample.says("--read-only", "ls", spec, "--json").json["databases"]}
        assert named == {name.split("`")[1] for name in objects if name.startswith("`")}, spec
    states = {one["server"]: one for one in sample.says("--read-only", "status", "--json").json["servers"]}
    assert {spec.split("/")[0] for spec in sample.specs} == states.keys()
    for server, clock in {tuple(spec.split("/")[:2]) for spec in sample.specs}:
        assert states[server][clock]["last"], f"no good backup of {server}'s {clock} is known"
        assert states[server]["missing"][clock] is None
    assert states["siakad"]["resumable"], "what the interrupted run left is not seen"
    assert everything_in(sample.site.folder) == before


@pytest.mark.long
def test_journals_of_every_outcome_are_followed_to_their_end(sample: Sample) -> None:
    ends = set()
    for journal in sample.site.journals:
        lines = journal.read_text().splitlines()
        outcome = json.loads(lines[-1])["outcome"]
        if outcome in ends:
            continue
        said = sample.site.tuibackup("follow", journal.stem, "--json")
        assert len(said.events) == len(lines), f"{journal.name}: a line was not understood"
        assert said.events[0]["event"] == "run-planned", said.out
        assert said.finished["outcome"] == outcome
        ends.add(outcome)
    assert ends == {"done", "warnings", "failed", "interrupted"}


def test_the_ledger_is_whole_and_checked_by_the_documented_program_too(sample: Sample) -> None:
    entries = sample.says("log", "--json").json
    assert {"needs", "step", "run", "verify", "restore", "drill", "trust"} <= {one["kind"] for one in entries}
    checked = sample.site.tuibackup("check", "--json").json
    (ledger,) = [
        one for one in checked if one["server"] is None and f"{len(entries)} entries" in one["detail"]
    ]
    assert ledger["state"] == "ok", ledger
    page = Path(__file__).parents[2] / "docs/ledger.md"
    program, *_ = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program, sample.site.state / "ledger.sqlite"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{len(entries)} entries, head {entries[-1]['hash']}\n", done.stderr


def test_all_of_it_is_verified(sample: Sample) -> None:
    said = sample.says("verify", "--json").json
    assert {one["snapshot"] for one in said if one["ok"]} == set(sample.specs)


def test_archives_of_one_index_are_read_at_the_same_time(sample: Sample) -> None:
    """As verify does: on Python 3.13 its threads were given each other's rows, and called sound archives damaged."""

    def entries(index: Index, archive: int) -> list[int]:
        return [entry for entry, _member in index.contents(archive)]

    for path in sorted(sample.site.vault.glob("siakad/files/*/index.sqlite")):
        for _turn in range(100):
            with Index(path) as index, ThreadPoolExecutor(len(index.archives)) as pool:
                archives = [archive.id for archive in index.archives]
                at_once = list(pool.map(partial(entries, index), archives))
                assert at_once == [entries(index, archive) for archive in archives], path
