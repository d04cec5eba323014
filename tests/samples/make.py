"""Make the sample of this version: `.venv/bin/python -m tests.samples.make`, as root, before a release.

A small world has a history: full backups and increments, warnings, a failure, runs that were stopped and killed, checks
of every kind. What it leaves on the disk becomes `tests/samples/VERSION/world.tar.zst`, and what was on the servers
meanwhile `expected.json` beside it. The sample of a version that is released is never made again, nor edited.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.resumed import kill
from tests.acceptance.site import Said, Site
from tests.samples import content, expected
from tests.samples.world import APPLICATION, ITS_SETTINGS, ROOT, SCANS, Servers, configure, servers
from tuibackup import __version__
from tuibackup.demo.mariadbd import PrivateMariadb

SAMPLES = Path(__file__).parent
_BROKEN = "view akademik rusak", "`akademik`.`rusak`"  # looks at a table that is gone
_LIMIT = 120.0


class History:
    """A world and what was done in it; `files` and `databases` are what the snapshots must give back."""

    def __init__(self, site: Site, there: Servers, database: PrivateMariadb) -> None:
        self.files: dict[str, dict[str, expected.Told]] = {}
        self.databases: dict[str, dict[str, str]] = {}
        self._site, self._there, self._database = site, there, database

    def backs_up(
        self, server: str, clock: str, code: int, *words: str, without: tuple[str, ...] = ()
    ) -> None:
        """One run of one clock, that ends with `code`; what its snapshot must give back is taken from the server."""
        self.says(code, "run", server, "--only", clock, *words)
        spec = f"{server}/{clock}/{self._site.snapshots(server, clock)[-1].name}"
        if clock == "databases":
            self.databases[spec] = expected.of_databases(self._database, without=without)
            return
        self.files[spec] = {
            str(folder): expected.of_folder(folder, without=without, by_sftp=server == "arsip")
            for folder in ([SCANS] if server == "arsip" else [APPLICATION, ITS_SETTINGS])
        }

    def says(self, code: int, *words: str) -> Said:
        """Do one command, which must end with `code`."""
        said = self._site.tuibackup(*words)
        assert said.code == code, f"{words} ended with {said.code}, not {code}:\n{said.out}{said.err}"
        return said

    def is_ended_meanwhile(self, how: Callable[[Path], object]) -> None:
        """A run of siakad is ended by `how` (it is given the journal) when its first folder has come."""
        before = set(self._site.journals)
        met = self._there.hold.with_suffix(".met")
        met.unlink(missing_ok=True)
        self._there.hold.touch()
        run = self._site.start("run", "siakad", "--only", "files", "--full")
        (journal,) = _wait_for(lambda: set(self._site.journals) - before)
        _wait_for(met.exists)
        how(journal)
        self._there.hold.unlink()
        run.wait(_LIMIT)


def _wait_for(what: Callable[[], Any]) -> Any:
    end = time.monotonic() + _LIMIT
    while not (found := what()):
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.05)
    return found


def live(site: Site, there: Servers, database: PrivateMariadb, elsewhere: Path) -> History:
    """All that happens in the world of a sample."""
    history = History(site, there, database)
    content.begin()
    database.sql(content.DATABASES)
    configure(site, there, database, trusted=False)
    history.says(1, "run", "arsip")  # its host key is not known yet
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", there.arsip.host_keys[0]], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    history.says(0, "trust", "arsip", "--fingerprint", fingerprint)

    history.backs_up("siakad", "files", 0, "--operator", "Siti")
    history.backs_up("siakad", "databases", 3, without=_BROKEN)
    history.backs_up("arsip", "files", 0)
    content.change()
    database.sql(content.LATER)
    history.backs_up("siakad", "files", 3, without=("secret",))
    history.backs_up("siakad", "databases", 0)
    history.backs_up("arsip", "files", 0)
    content.mend()
    history.backs_up("siakad", "files", 0)

    content.go_on(3)
    history.is_ended_meanwhile(kill)
    history.backs_up("siakad", "files", 0)  # takes over what the killed run left

    for server in ("siakad", "arsip"):
        history.says(0, "verify", server)
    history.says(0, "drill", "siakad")
    history.says(0, "restore", "siakad/files/latest", str(ITS_SETTINGS), "--to", str(elsewhere / "restored"))
    database.sql("DROP DATABASE arsip")
    into = ["--database", "arsip", "--into", str(database.socket)]
    history.says(0, "restore", "siakad/databases/latest", *into)

    content.go_on(4)
    history.is_ended_meanwhile(
        lambda path: site.tuibackup("stop", path.stem)
    )  # its remains stay for later versions
    return history


def pack(history: History, folder: Path) -> None:
    """Freeze the world into `folder`."""
    folder.mkdir()
    subprocess.run(
        "tar --create --format=posix --sort=name --numeric-owner --xattrs --xattrs-include='*' --acls --sparse"
        f" -C {ROOT} home vault server | zstd -q -19 -o {folder}/world.tar.zst",
        shell=True,
        check=True,
    )
    told = {"files": history.files, "databases": history.databases}
    (folder / "expected.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    with (SAMPLES / "SHA256SUMS").open("a") as sums:
        for path in sorted(folder.iterdir()):
            sums.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {folder.name}/{path.name}\n")


def main() -> int:
    folder = SAMPLES / __version__.rpartition(".")[0]
    if folder.exists():
        print(f"{folder} exists: a released sample stays as it is", file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        print("only root can make files of all kinds, and what an account may not read", file=sys.stderr)
        return 1
    ROOT.mkdir(mode=0o755)
    try:
        with tempfile.TemporaryDirectory() as place:
            elsewhere = Path(place)
            database = PrivateMariadb(elsewhere / "database").start()
            try:
                with servers(elsewhere / "servers", humble=True) as there:
                    history = live(Site(ROOT), there, database, elsewhere)
            finally:
                database.kill()
            pack(history, folder)
    finally:
        shutil.rmtree(ROOT)
    for path in sorted(folder.iterdir()):
        print(f"{path.relative_to(SAMPLES.parents[1])}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
