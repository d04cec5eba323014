"""Three months in the life of a vault, lived in minutes; `python -m tests.acceptance.quarter` tells them.

Every day has the commands that a timer gives, on the clock of that day. Files and rows change, a snapshot is held, the
encrypted copy is away for two weeks, one server does not answer for a while. Then the backup disk is lost, and a fresh
account has config.toml and the identity, and nothing else.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.acceptance.conftest import make_application
from tests.acceptance.site import Said, Site
from tests.conftest import starting
from tests.moved import moved, moved_library
from tests.ticking import ticking_ahead, ticking_sshd
from tuibackup.demo.mariadbd import PrivateMariadb, account, initialise
from tuibackup.demo.sshd import PrivateSshd

DAYS = 91
HELD, HELD_FOR = 63, 30  # days ago; the hold's end passes while the story goes on
AWAY = range(35, 50)  # days ago that the copy was not plugged in
SILENT = range(20, 34)  # that simpeg did not answer
EVERY = 7  # days between verify, drill, retention and copy

Tell = Callable[[str], None]


@dataclass
class Quarter:
    """The site and its two servers: siakad with files and a database, simpeg with files alone."""

    site: Site
    clock: Path
    siakad: Path
    simpeg: Path
    database: PrivateMariadb
    empty: PrivateMariadb
    sshd: PrivateSshd
    other: PrivateSshd
    identity: Path
    tell: Tell
    said: list[tuple[int, str, Said]] = field(default_factory=list)  # day, command, answer
    held: str = ""
    first: int = DAYS
    random: Random = field(default_factory=lambda: Random(13))

    @property
    def copy(self) -> Path:
        return self.site.folder / "usb"

    def do(self, ago: int, *words: str, site: Site | None = None, codes: tuple[int, ...] = (0,)) -> Said:
        """The command on that day. It has to end with one of these codes."""
        said = (site or self.site).tuibackup(*words, env=moved(self.clock, -ago), timeout=600)
        self.said.append((ago, " ".join(words), said))
        self.tell(f"day {DAYS - ago:2}  $ tuibackup {' '.join(words)}  → {said.code}")
        assert said.code in codes, f"{ago} days ago: {self.said[-1][1]}: {said.out}{said.err}"
        return said

    def live(self, days: int = DAYS) -> None:
        """All of the days, up to today."""
        self.first = days
        for ago in range(days, -1, -1):
            self.change(ago)
            self.day(ago)

    def change(self, ago: int) -> None:
        """What people did there that day."""
        for folder in (self.siakad, self.simpeg):
            names = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
            for path in self.random.sample(names, 3):
                path.write_bytes(self.random.randbytes(self.random.randrange(1, 4000)))
            (folder / f"day-{ago:02}.txt").write_text(f"{ago} days before the disk was lost\n")
            if ago % 5 == 0:
                self.random.choice(names).unlink()
        if ago % EVERY == 0:
            self.database.sql(f"INSERT INTO akademik.nilai (id, nim, huruf) VALUES ({10_000 + ago}, 1, 'A')")

    def day(self, ago: int) -> None:
        """What the timers did."""
        if ago == AWAY[-1]:
            self.copy.rename(self.copy.with_name("drawer"))
        if ago == AWAY[0] - 1:
            self.copy.with_name("drawer").rename(self.copy)
        if ago == SILENT[-1]:
            self.other.stop()
        if ago == SILENT[0] - 1:
            self.other.start()
        silent = ago in SILENT
        self.do(ago, "run", "--due", codes=(0, 1) if silent else (0,))
        if ago == min(HELD, self.first):
            words = ("--reason", "audit 2026", "--until", self.date(ago - HELD_FOR))
            self.held = self.do(ago, "hold", "siakad/files/latest", *words, "--json").json["snapshot"]
        if ago % EVERY:
            return
        self.do(ago, "copy")
        self.do(ago, "verify", "--due")
        self.do(ago, "drill", "--due")
        self.do(ago, "retention", "--apply", "--yes")
        self.do(ago, "status", "--long", codes=(0, 4))

    def date(self, ago: int) -> str:
        """That day as the program's clock has it."""
        said = subprocess.run(
            ["date", "-d", f"{-ago} days", "+%F"], capture_output=True, text=True, check=True
        )
        return said.stdout.strip()

    def lose(self) -> Site:
        """Vault, ledger and home are gone, kept aside only to compare; the fresh account that is left. It knows of a
        new and empty server.
        """
        self.tell("— the backup disk is lost —")
        fresh = Site(
            self.site.folder / "fresh", self.site.servers, self.site.settings, self.site.vault_settings
        )
        shutil.copytree(self.site.home / ".ssh", fresh.home / ".ssh", dirs_exist_ok=True)
        fresh.add(
            "baru", self.sshd, ["/srv"], database=f'user = "{account()}"\nsocket = "{self.empty.socket}"\n'
        )
        lost = self.site.folder / "lost"
        lost.mkdir()
        self.site.vault.rename(lost / "vault")
        self.site.home.rename(lost / "home")
        return fresh

    def status(self, ago: int = 0) -> dict[str, Any]:
        """`status --json` of that day, by server."""
        said = self.do(ago, "status", "--json", codes=(0, 4))
        return {one["server"]: one for one in said.json["servers"]}


@contextmanager
def quarter(folder: Path, memory: Path, template: Path, tell: Tell = lambda _line: None) -> Iterator[Quarter]:
    """The two servers, a third and empty one, the vault and the copy, before the first day."""
    import pyrage

    key = pyrage.x25519.Identity.generate()
    identity = folder / "identity.txt"
    identity.write_text(f"{key}\n")
    identity.chmod(0o600)
    for name in ("usb", "drills", "one", "two"):
        (folder / name).mkdir()
    for path in (
        folder.parent,
        folder,
        folder / "drills",
    ):  # the drill's database server is another account's
        path.chmod(0o755)
    siakad, simpeg = make_application(folder / "one"), make_application(folder / "two")
    site = Site(folder)
    site.settings = (
        f'[drill]\nfolder = "{folder}/drills"\nwithin = "1 month"\n'
        '[verify]\nwithin = "1 month"\nafter_run = false\n'
        '[retention]\nfiles = "3 weeks, 2 months"\ndatabases = "2 months"\nrequire_copies = ["usb"]\n'
        f'[copies.usb]\nto = "{folder}/usb"\nencrypt_to = ["{key.to_public()}"]\n'
        "[recover]\nfacts = true\n"
    )
    site.vault_settings = 'full_every = "1 month"'
    with (
        starting(memory, template) as start,
        ticking_sshd(folder) as sshd,
        PrivateSshd(folder / "other") as other,
    ):
        ticking_ahead(folder, 100)
        database, empty = start(), start()
        database.sql(
            "CREATE DATABASE akademik; USE akademik;"
            "CREATE TABLE nilai (id INT PRIMARY KEY, nim INT, huruf VARCHAR(20)) ENGINE=InnoDB;"
            "INSERT INTO nilai SELECT seq, seq, 'B' FROM seq_1_to_500;"
            "CREATE VIEW baik AS SELECT * FROM nilai WHERE huruf = 'A';"
        )
        site.add("siakad", sshd, [siakad], database=f'user = "{account()}"\nsocket = "{database.socket}"\n')
        site.add("simpeg", other, [simpeg])
        yield Quarter(
            site, moved_library(folder), siakad, simpeg, database, empty, sshd, other, identity, tell
        )


def main() -> None:
    """Live it, and tell every command."""
    with tempfile.TemporaryDirectory(prefix="quarter-", dir="/dev/shm") as name:
        folder = Path(name)
        (folder / "world").mkdir()
        initialise(folder / "template")
        with quarter(
            folder / "world", folder, folder / "template", lambda line: print(line, flush=True)
        ) as lived:
            lived.live(int(sys.argv[1]) if sys.argv[1:] else DAYS)
            for _ago, _command, said in lived.said[-3:]:
                print(said.out, said.err)
            fresh = lived.lose()
            for words in LOST:
                said = lived.do(0, *words(lived), site=fresh, codes=(0, 3))
                print(said.out, said.err)


def sealed(lived: Quarter) -> list[str]:
    return ["usb", "--identity", str(lived.identity)]


LOST: tuple[Callable[[Quarter], list[str]], ...] = (
    lambda lived: ["copies"],
    lambda lived: ["snapshots", "--from", *sealed(lived)],
    lambda lived: [
        "restore",
        "siakad/files/latest",
        "--to",
        f"{lived.site.folder}/back",
        "--from",
        *sealed(lived),
    ],
    lambda lived: ["recover", "siakad", "--from", *sealed(lived)],
    lambda lived: ["recover", "siakad", "--onto", "baru", "--from", *sealed(lived)],
    lambda lived: ["copy", "--back", *sealed(lived)],
    lambda lived: ["verify"],
    lambda lived: ["status", "--long"],
    lambda lived: ["holds"],
    lambda lived: ["retention"],
    lambda lived: ["copy"],
    lambda lived: ["run", "--all"],
    lambda lived: ["copy"],
)


if __name__ == "__main__":
    sys.exit(main())
