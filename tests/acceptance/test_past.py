"""A server's past on the command line: a year in cells, what was unusual, notes and reasons, what failed again."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tuibackup.demo.sshd import PrivateSshd

BEFORE = 5  # backups by which the next one is judged


@dataclass(frozen=True)
class Lived:
    """A site whose server has a past; `quiet` is the run before the last, and `last` the one that was unusual."""

    site: Site
    quiet: Said
    last: Said

    @property
    def run(self) -> str:
        """The id of the last run."""
        return self.last.finished["run"]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """A server with five good backups; then most of its files were removed and step 1 was slow."""
    folder = tmp_path_factory.mktemp("past")
    site, root = Site(folder), folder / "srv"
    root.mkdir()
    for number in range(8):
        (root / f"page-{number}.html").write_text(f"{number}" * 4000)
    site.settings = '[sop]\nconnect_within = "1 second"\n'
    late = f'[ ! -e "{folder}/late" ] || sleep 1.2; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    with PrivateSshd(folder / "sshd", force_command=late) as sshd:
        site.add("siakad", sshd, [root], extra='label = "SIAKAD"\n')
        for _ in range(BEFORE):
            quiet = site.tuibackup("run", "siakad", "--json")
            assert quiet.code == 0, quiet.out
        for number in range(2, 8):
            (root / f"page-{number}.html").unlink()
        (folder / "late").touch()
        last = site.tuibackup("run", "siakad", "--json")
        (folder / "late").unlink()
        yield Lived(site, quiet, last)


@pytest.mark.long
def test_figures_far_off_the_median_of_the_last_five_are_told(lived: Lived) -> None:
    """Most files were gone, and no word of it stood where an administrator looks."""
    assert "unusual" not in lived.quiet.finished["files"], "five like it came before"
    unusual = {one["what"]: one for one in lived.last.finished["files"]["unusual"]}
    assert unusual["count"] == {"what": "count", "value": 2.0, "median": 8.0}
    assert unusual["size"]["value"] < unusual["size"]["median"] / 2
    assert lived.last.finished["outcome"] == "warnings", "as before: what is unusual changes no outcome"
    sentence = "files: 2 files, less than half of the median of the last five (8 files)"
    for words in ("status",), ("history", "siakad"), ("follow", "siakad"):
        assert sentence in lived.site.tuibackup(*words).out, words


@pytest.mark.long
def test_a_slow_step_asks_for_its_reason_until_a_note_gives_it(lived: Lived) -> None:
    site = lived.site
    (slow,) = lived.last.finished["slow"]
    assert slow["step"] == "connect"
    assert slow["seconds"] > slow["limit"] == 1.0
    assert f"tuibackup note --run {lived.run} TEXT" in site.tuibackup("follow", lived.run).out
    assert "siakad: reason missing: step 1 took" in site.tuibackup("status").out
    assert "reason missing, step 1 took" in site.tuibackup("history", "siakad").out
    (before,) = site.tuibackup("status", "--json").json["servers"]
    assert [one["step"] for one in before["reason-missing"]] == ["connect"]

    noted = site.tuibackup("note", "--run", lived.run, "the line was", "busy: exams")
    assert noted.code == 0, noted.err
    assert "reason missing" not in site.tuibackup("status").out
    told = site.tuibackup("history", "siakad").out
    # Of an earlier run that was slow as well it may be missing.
    assert not any(lived.run in line for line in told.splitlines() if "reason missing" in line)
    assert f"the line was busy: exams ({lived.run})" in told
    entry = site.tuibackup("log", "--json").json[-1]
    assert (entry["kind"], entry["server"], entry["run"]) == ("note", "siakad", lived.run)
    assert entry["body"]["text"] == "the line was busy: exams"


@pytest.mark.long
def test_a_reason_given_beforehand_is_a_note_of_the_run(lived: Lived) -> None:
    (lived.site.folder / "late").touch()
    said = lived.site.tuibackup("run", "siakad", "--json", "--reason", "new firewall")
    (lived.site.folder / "late").unlink()
    assert said.finished["slow"]
    notes = [one for one in lived.site.tuibackup("log", "--json").json if one["kind"] == "note"]
    assert (notes[-1]["run"], notes[-1]["body"]["text"]) == (said.finished["run"], "new firewall")
    assert "reason missing" not in lived.site.tuibackup("status").out
    again = lived.site.tuibackup("follow", said.finished["run"])
    assert "asks for a reason" not in again.out


@pytest.mark.long
def test_notes_are_about_a_run_a_server_or_nothing_in_particular(lived: Lived) -> None:
    note = lived.site.tuibackup
    assert note("note", "--server", "siakad", "moved to rack 4").code == 0
    assert note("note", "the disk was changed").code == 0
    assert "moved to rack 4" in note("history", "siakad").out
    assert "the disk was changed" in note("log").out
    for words, said in (
        (("note", " "), "the note is empty"),
        (("note", "--server", "siakat", "x"), "siakad"),
        (("note", "--run", "1999", "x"), "there is no run 1999"),
        (("note", "--run", "20", "x"), "the beginning of several runs"),
        (("note", "--server", "siakad", "--run", lived.run, "x"), "not both"),
        (("note", "y" * 1001), "1001 characters"),
        (("note", "--read-only", "x"), "--read-only"),
    ):
        refused = note(*words)
        assert (refused.code, said in refused.err) == (2, True), (words, refused.err)


@pytest.mark.long
def test_history_shows_a_year_of_every_server_and_all_of_one(lived: Lived) -> None:
    every = lived.site.tuibackup("history").out
    (line,) = re.findall(r"^  files +(\S+)$", every, re.MULTILINE)
    assert len(line) == 52
    assert line.endswith("█")
    assert set(line[:-2]) == {"·"}
    one = lived.site.tuibackup("history", "siakad").out
    assert one.startswith("siakad – SIAKAD\n")
    assert re.search(r"^    size .*█  up to ", one, re.MULTILINE)
    assert re.search(r"^  \d snapshots, .* on disk; \d runs$", one, re.MULTILINE)

    (whole,) = lived.site.tuibackup("history", "siakad", "--json").json["servers"]
    assert len(whole["files"]) == 52
    assert len(whole["databases"]) == 12
    assert whole["files"][-1]["outcome"] == "done"
    assert whole["files"][-1]["tries"] == whole["runs-total"]
    assert [one["snapshot"] for one in whole["snapshots"]][-1] == lived_first(lived.site)
    assert whole["stored"] == sum(one["stored"] for one in whole["snapshots"])
    assert {one["verified"] for one in whole["snapshots"]} == {None}
    (brief,) = lived.site.tuibackup("history", "--json").json["servers"]
    assert "runs" not in brief
    assert brief["runs-total"] == len(whole["runs"])
    assert lived.site.tuibackup("history", "siakat").code == 2


def lived_first(site: Site) -> str:
    """The spec of the oldest snapshot on the disk."""
    return f"siakad/files/{site.snapshots('siakad', 'files')[0].name}"


@pytest.mark.long
def test_history_says_when_a_snapshot_was_read_again(lived: Lived) -> None:
    latest = lived.site.snapshots("siakad", "files")[-1].name
    assert lived.site.tuibackup("verify", f"siakad/files/{latest}").code == 0
    (whole,) = lived.site.tuibackup("history", "siakad", "--json").json["servers"]
    newest, *others = whole["snapshots"]
    assert newest["verified"]
    assert newest["sound"] is True
    assert all(one["verified"] is None for one in others)


def test_only_what_failed_runs_again_and_the_plan_says_why(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    """Who wanted to repeat a failed dump had to know which clock it was, and downloaded all files again."""
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text("x")
    site.add(
        "siakad",
        sshd,
        [root],
        database='host = "127.0.0.1"\nport = 1\nuser = "nobody"\npassword_command = "echo x"\n',
    )
    site.add("perpus", sshd, [root])
    nothing = site.tuibackup("run", "--failed")
    assert nothing.code == 0, nothing.err
    assert "nothing failed at the last try of any server" in nothing.out

    failed = site.tuibackup("run", "siakad", "--json").finished
    assert (failed["files"]["outcome"], failed["databases"]["outcome"]) == ("done", "failed")
    dry = site.tuibackup("run", "siakad", "--failed", "--dry-run", "--json").json
    assert [plan["clocks"] for plan in dry["plans"]] == [["databases"]]
    assert dry["plans"][0]["again"] == {"databases": failed["databases"]["detail"]}
    again = site.tuibackup("run", "--all", "--failed")
    assert "siakad: databases again, because of the last try: " in again.out
    assert "2 download" not in again.out
    assert "perpus" not in again.out
    first = next(event for event in site.tuibackup("follow", "siakad", "--json").events)
    assert first["clocks"] == ["databases"]
    assert first["again"] == dry["plans"][0]["again"]
    (entry,) = [
        one
        for one in site.tuibackup("log", "--json").json
        if one["run"] == first["run"] and one["kind"] == "run"
    ]
    assert entry["body"]["again"] == dry["plans"][0]["again"]

    assert site.tuibackup("run", "siakad", "--only", "files").code == 0
    later = site.tuibackup("run", "--failed", "--dry-run", "--json").json
    assert [plan["clocks"] for plan in later["plans"]] == [["databases"]], "its own last try counts"
    assert "nothing failed" in site.tuibackup("run", "perpus", "--failed").out
    assert site.tuibackup("run", "--failed", "--due").code == 2


@pytest.mark.long
def test_follow_prints_all_that_an_ended_run_said_and_says_when_its_journal_is_gone(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    """Of forty findings twenty were told, with "tuibackup follow" as the way to the others."""
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text("x")
    site.add("siakad", sshd, [root, *(tmp_path / f"gone-{number:02}" for number in range(40))])
    live = site.tuibackup("run", "siakad")
    assert "and 20 more" in live.out
    told = site.tuibackup("follow", "siakad").out
    assert all(f"gone-{number:02}" in told for number in range(40))
    assert "listed in" in told
    assert "more" not in told
    (journal,) = site.journals
    run = journal.stem
    journal.unlink()
    gone = site.tuibackup("follow", run)
    assert gone.code == 1
    assert f"the journal of {run} is not there any more: journals are kept for 90 days" in gone.err
    assert f"tuibackup log --run {run}" in gone.err


@pytest.mark.long
def test_a_removed_or_held_snapshot_is_told_so(lived: Lived) -> None:
    latest = f"siakad/files/{lived.site.snapshots('siakad', 'files')[-1].name}"
    assert lived.site.tuibackup("hold", latest, "--reason", "audit 2026").code == 0
    (whole,) = lived.site.tuibackup("history", "siakad", "--json").json["servers"]
    assert [one["held"] for one in whole["snapshots"] if one["snapshot"] == latest] == ["held: audit 2026"]
    assert {one["removed"] for one in whole["snapshots"]} == {False}
    assert whole["kept"] == whole["snapshots-total"]
