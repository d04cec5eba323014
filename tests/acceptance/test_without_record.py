"""Getting backups back never depends on the record: whatever the state folder is like, it works and says so loudly."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.mounting import mounted
from tests.acceptance.site import TUIBACKUP, Said, Site
from tests.receivers import until

FILES = "siakad/files/latest"


@pytest.fixture
def siakad(site: Site, backed_up: BackedUp, tmp_path: Path) -> Site:
    """A site whose server was backed up once; its ledger holds some entries."""
    backed_up.copy_to(site)
    site.settings = f'[drill]\nfolder = "{tmp_path}"\n'
    site.write_config()
    assert site.tuibackup("verify", FILES).code == 0
    return site


@contextmanager
def missing(site: Site) -> Iterator[None]:
    """A fresh machine, with the vault and a configuration: only this one can be recorded."""
    shutil.rmtree(site.state)
    yield


@contextmanager
def mounted_read_only(site: Site) -> Iterator[None]:
    with mounted(site.state, "--bind", "-o", "ro", str(site.state)):
        yield


@contextmanager
def never_there_and_read_only(site: Site) -> Iterator[None]:
    shutil.rmtree(site.state)
    site.state.mkdir()
    with mounted(site.state, "--bind", "-o", "ro", str(site.state)):
        yield


@contextmanager
def full(site: Site) -> Iterator[None]:
    kept = site.folder / "kept"
    shutil.copytree(site.state, kept)
    with mounted(site.state, "-t", "tmpfs", "-o", "size=200k", "tmpfs"):
        shutil.copytree(kept, site.state, dirs_exist_ok=True)
        with (site.state / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(b"x" * 4096)
        yield


@contextmanager
def ledger_is(site: Site, change: Callable[[Path], object]) -> Iterator[None]:
    # Whoever wrote last puts what it wrote into the file when it closes it, and so would mend what is changed here.
    until(lambda: not Path(f"{site.state}/ledger.sqlite-wal").exists())
    change(site.state / "ledger.sqlite")
    yield


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def to_newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    path.write_bytes(content)


@contextmanager
def state_is_a_file(site: Site) -> Iterator[None]:
    shutil.rmtree(site.state)
    site.state.write_text("a file")
    yield


STATES: dict[str, Callable[[Site], object]] = {
    "mounted read-only": mounted_read_only,
    "empty and read-only": never_there_and_read_only,
    "full": full,
    "garbage": lambda site: ledger_is(site, lambda path: path.write_bytes(b"garbage " * 9999)),
    "damaged": lambda site: ledger_is(site, damaged),
    "a folder in its place": lambda site: ledger_is(site, to_folder),
    "newer": lambda site: ledger_is(site, to_newer),
    "no folder": state_is_a_file,
}


OFTEN = ("damaged",)  # the others take the same way


@pytest.mark.parametrize(
    "state", [pytest.param(state, marks=() if state in OFTEN else pytest.mark.long) for state in STATES]
)
def test_what_is_stored_comes_back_and_that_nothing_was_recorded_is_loud(siakad: Site, state: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(STATES[state](siakad))  # type: ignore[arg-type]
        for words in (["ls", FILES], ["snapshots"], ["ls", "siakad/databases/latest"]):
            said = siakad.tuibackup(*words)
            assert (said.code, said.err) == (0, ""), words
        target = siakad.folder / "back"
        said = siakad.tuibackup("restore", FILES, "--to", str(target))
        assert_unrecorded(said)
        assert len(list(target.rglob("krs-*.pdf"))) == 40
        said = siakad.tuibackup("verify", FILES, "--json")
        assert_unrecorded(said)
        [verdict] = said.json
        assert verdict["ok"]
        assert verdict["not-recorded"] in said.err
        said = siakad.tuibackup("drill", FILES, "--json")
        assert_unrecorded(said)
        assert said.json[0]["outcome"] == "done"
        assert said.json[0]["not-recorded"]
        said = siakad.tuibackup("status", "--json")
        assert said.code == 0, "what the record cannot tell lies in the vault"
        assert said.json["servers"][0]["files"]["state"] == "fresh"
        [problem] = said.json["problems"]
        assert problem.startswith("nothing can be recorded: ")
        said = siakad.tuibackup("restore", FILES, "/no/such/path", "--to", str(target))
        assert (said.code, "has no /no/such/path" in said.err) == (2, True), "nothing was begun"


def assert_unrecorded(said: Said) -> None:
    assert said.code == 3, said.out + said.err
    line = said.err.splitlines()[-1]
    assert line.startswith("tuibackup: NOT RECORDED in the ledger: "), line
    assert "ledger" in line.removeprefix("tuibackup: NOT RECORDED in the ledger: ")
    assert line.count("; ") >= 1, "it says what to do"


@pytest.mark.long
def test_a_file_system_that_is_read_only_is_called_so(siakad: Site) -> None:
    """The way out was the folder's owner and mode, which were right."""
    with mounted_read_only(siakad):
        said = siakad.tuibackup("verify", FILES)
    assert_unrecorded(said)
    assert "it is done by this window itself, and ends with it" in said.err, "no journal could be written"
    assert "its file system is mounted read-only" in said.err


@pytest.mark.long
def test_a_machine_with_nothing_but_vault_and_configuration_records_anew(siakad: Site) -> None:
    shutil.rmtree(siakad.state)
    said = siakad.tuibackup("restore", FILES, "--to", str(siakad.folder / "back"), "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json["not-recorded"] is None
    assert [entry["kind"] for entry in siakad.tuibackup("log", "--json").json] == ["restore"]
    shutil.rmtree(siakad.state)
    (siakad.state).mkdir()
    (siakad.state / "vaults.json").write_text("garbage")
    assert siakad.tuibackup("drill", FILES).code == 0


@pytest.mark.long
def test_a_vault_that_is_mounted_read_only_gives_everything_back(siakad: Site) -> None:
    with mounted(siakad.vault, "--bind", "-o", "ro", str(siakad.vault)):
        for words in (
            ["ls", FILES], ["snapshots"], ["verify"], ["drill", FILES],
            ["restore", FILES, "--to", str(siakad.folder / "back")],
            ["restore", "siakad/databases/latest", "--to", str(siakad.folder / "sql")],
        ):  # fmt: skip
            said = siakad.tuibackup(*words)
            assert (said.code, said.err) == (0, ""), words


@pytest.mark.parametrize(
    "place",
    ["slots", *(pytest.param(f"slots/{one}-0", marks=pytest.mark.long) for one in ("run", "connect"))],
)
@pytest.mark.long
def test_a_lock_file_that_cannot_be_made_is_a_sentence(siakad: Site, place: str) -> None:
    path = siakad.state / place
    shutil.rmtree(siakad.state / "slots", ignore_errors=True)
    path.parent.mkdir(exist_ok=True)
    if place == "slots":
        path.write_text("a file")
    else:
        path.mkdir()
    said = siakad.tuibackup("run", "siakad", "--only", "files")
    assert said.code == 1
    assert "internal error" not in said.out + said.err
    assert f"the lock file {siakad.state}/slots/" in said.err
    assert "the state folder must be writable" in said.err


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, to make a disk answer with errors")
@pytest.mark.parametrize(
    ("call", "file"),
    [
        ("close", ".lock"),
        pytest.param("close", "slots", marks=pytest.mark.long),
        pytest.param("flock", "slots", marks=pytest.mark.long),
        pytest.param("fsync", "vault", marks=pytest.mark.long),
    ],
)
@pytest.mark.long
def test_a_disk_that_answers_with_errors_is_a_sentence_or_nothing(siakad: Site, call: str, file: str) -> None:
    lock, slot = siakad.vault / "siakad/.lock", siakad.state / "slots/run-0"
    paths = {".lock": lock, "slots": slot, "vault": siakad.vault}
    words = ["strace", "-f", "-qq", "-o", os.devnull, f"--inject={call}:error=EIO", "-e", f"trace={call}"]
    slot.parent.mkdir(mode=0o700, exist_ok=True)
    slot.touch(0o600)
    words += ["-P", str(paths[file])]
    words += [str(TUIBACKUP), "run", "siakad", "--only", "files"]
    done = subprocess.run(
        words,
        env=siakad.environment(),
        cwd=siakad.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "internal error" not in done.stdout + done.stderr
    if call == "close":
        assert done.returncode == 0, done.stderr
    elif done.returncode:
        assert "Input/output error" in done.stderr
