"""Where a released version stopped, today's goes on: increments on its archives, entries on its chain."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MariadbStarter
from tests.samples import content
from tests.samples.conftest import SAMPLES, UNPACK, Sample
from tests.samples.expected import of_folder
from tests.samples.world import APPLICATION, ITS_SETTINGS, ROOT, SCANS, Servers, configure, servers


@pytest.fixture
def place() -> Iterator[None]:
    """The place of a sample's servers, which is the same for everybody: one at a time."""
    everybody = os.open(ROOT.parent, os.O_RDONLY)
    try:
        fcntl.flock(everybody, fcntl.LOCK_EX)
        if ROOT.exists():
            shutil.rmtree(ROOT)  # of a test that was killed
        ROOT.mkdir(mode=0o755)
        yield
        shutil.rmtree(ROOT)
    finally:
        os.close(everybody)


@pytest.fixture
def there(place: None, version: str, sample: Sample, start_mariadb: MariadbStarter) -> Iterator[Servers]:
    """The servers as that version saw them last; those of the configuration are these."""
    subprocess.run([*UNPACK, "-f", SAMPLES / version / "world.tar.zst", "-C", ROOT, "server"], check=True)
    database = start_mariadb()
    database.sql(content.DATABASES + content.LATER)
    with servers(sample.site.folder / "servers", humble=os.geteuid() == 0) as there:
        configure(sample.site, there, database, trusted=True)
        yield there


# Over SFTP owners are who they are: what an ordinary account unpacked is its own, and so another file than root's.
SERVERS = {"siakad": (APPLICATION, ITS_SETTINGS), "arsip": (SCANS,)}
if os.geteuid() != 0:
    del SERVERS["arsip"]


@pytest.mark.long
def test_a_run_takes_over_what_did_not_change_and_what_an_interrupted_one_had(
    sample: Sample, there: Servers
) -> None:
    """Nothing that was published becomes another by it."""
    published, entries = sample.hashes(), sample.says("log", "--json").json
    content.go_on(9)
    for server, folders in SERVERS.items():
        old = sample.site.snapshots(server, "files")[-1]
        finished = sample.says("run", server, "--only", "files", "--json").finished
        new = sample.site.snapshots(server, "files")[-1]
        assert json.loads((new / "snapshot.json").read_text())["parent"] == old.name
        if server == "siakad":
            assert " of an interrupted run" in finished["files"]["detail"], finished
        last = folders[-1]  # of the one before, the interrupted run had everything
        before = sample.expected["files"][f"{server}/files/{old.name}"][str(last)]
        now = of_folder(last, by_sftp=server == "arsip")
        changed = {name for name, facts in now.items() if facts[3] and before.get(name) != facts}
        assert fetched(new, last) == changed, f"{server}: more or less was fetched than changed"
        there_now = {str(folder): of_folder(folder, by_sftp=server == "arsip") for folder in folders}
        sample.comes_back(f"{server}/files/{new.name}", there_now)
    assert published.items() <= sample.hashes().items(), "a published file is another now"
    assert not sample.site.incoming(), "what was interrupted is in the new snapshot"
    sample.says("verify")
    assert sample.says("log", "--json").json[: len(entries)] == entries
    assert sample.ledger()["state"] == "ok"


def fetched(snapshot: Path, folder: Path) -> set[str]:
    """Names below `folder` in the snapshot's own archive of it."""
    archive = snapshot / f"{str(folder)[1:].replace('/', '%2F')}.tar.zst"
    listed = subprocess.run(
        ["tar", "--zstd", "-tf", archive], capture_output=True, text=True, check=True
    ).stdout
    return {name.removeprefix(f"{folder}/"[1:]) for name in listed.splitlines()}


@pytest.mark.long
def test_databases_go_on_after_the_older_ones(sample: Sample, there: Servers) -> None:
    before = sample.site.snapshots("siakad", "databases")[-1]
    said = sample.site.tuibackup("run", "siakad", "--only", "databases")
    assert said.code in (0, 3), said.out + said.err  # 3: a machine so busy that the lock did not come in time
    after = sample.site.snapshots("siakad", "databases")[-1]
    summaries = [json.loads((one / "snapshot.json").read_text()) for one in (before, after)]
    assert summaries[1]["good_before"] == before.name
    assert summaries[1]["sequence"] > summaries[0]["sequence"]
    (done,) = sample.says("drill", f"siakad/databases/{after.name}", "--json").json
    assert done["differences"] == []
    assert sample.ledger()["state"] == "ok"
