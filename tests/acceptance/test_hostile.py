"""A server that means no good, against the installed command: whatever it answers, the damage ends at its own snapshot.

Demand 6: nothing is written outside the incoming folder, memory is bounded, and what cannot be is a clear error of
one line or a listed warning. Every case is played by an SSH server in this process.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.adversary import Adversary, Made, Play, Thing
from tests.lies import FOLDER, GOOD, LIES
from tests.watching import Memory, everything

# An honest run of some files takes about 90 MB.
MEMORY = 250 << 20


@dataclass
class Attack:
    """One site that trusts one adversary."""

    site: Site
    adversary: Adversary
    peak: int = 0
    words: tuple[str, ...] = ()
    before: dict[str, str] = field(default_factory=dict)

    def plays(self, things: list[Thing], **plays: Play) -> Made:
        made = Made(FOLDER, things)
        self.adversary.plays = made.plays(**plays)
        return made

    def run(self, *words: str, timeout: float = 60) -> Said:
        """One run of step 2; whatever happened, nothing was written where it should not, nor shown raw."""
        before = everything(self.site.folder)
        with Memory(self.site.home) as memory:
            said = self.site.tuibackup("run", "siakad", "--only", "files", *words, timeout=timeout)
        self.peak = memory.peak
        assert memory.peak < MEMORY, f"the run took {memory.peak >> 20} MiB"
        assert "\x1b" not in said.out + said.err
        assert not any(ord(letter) < 32 and letter != "\n" for letter in said.out + said.err)
        changed = {path for path, seen in everything(self.site.folder).items() if before.get(path) != seen}
        allowed = (
            f"{self.site.vault}/siakad",
            f"{self.site.state}",
            f"{self.site.vault}/tuibackup-vault.toml",
        )
        parents = {str(parent) for path in allowed for parent in (Path(path), *Path(path).parents)}
        assert {path for path in changed if not path.startswith(allowed)} <= parents
        return said

    def problems(self) -> dict[str, str]:
        """Path and reason of everything that the newest snapshot lists."""
        (snapshot,) = self.site.snapshots("siakad", "files")[-1:]
        command = [
            "sqlite3",
            "-separator",
            "\x1f",
            "-newline",
            "\x1e",
            f"file:{snapshot}/index.sqlite?immutable=1",
        ]
        said = subprocess.run(
            [*command, "SELECT hex(path), reason FROM problem"], capture_output=True, check=True, text=True
        ).stdout
        rows = [row.split("\x1f") for row in said.split("\x1e") if row]
        return {bytes.fromhex(path).decode(errors="backslashreplace"): reason for path, reason in rows}

    def restored(self) -> dict[bytes, bytes]:
        """Both ways of restoring the newest snapshot stay in their folder and agree; the files below FOLDER."""
        (snapshot,) = self.site.snapshots("siakad", "files")[-1:]
        targets = [self.site.folder / "by-program", self.site.folder / "by-script"]
        before = everything(self.site.folder)
        said = self.site.tuibackup("verify", "siakad")
        assert said.code == 0, said.err + said.out
        said = self.site.tuibackup("restore", f"siakad/files/{snapshot.name}", "--to", str(targets[0]))
        assert said.code in (0, 3), said.err
        assert "\x1b" not in said.out + said.err
        subprocess.run(["sh", snapshot / "restore.sh", targets[1]], check=True, capture_output=True)
        after = everything(self.site.folder)
        allowed = tuple(map(str, [*targets, self.site.state]))
        changed = {path for path, seen in after.items() if before.get(path) != seen}
        parents = {str(parent) for target in (*targets, self.site.state) for parent in target.parents}
        assert {path for path in changed if not path.startswith(allowed)} <= parents
        found = []
        for target in targets:
            top = os.fsencode(target) + FOLDER
            found.append(
                {
                    os.path.relpath(os.path.join(place, name), top): _content(os.path.join(place, name))
                    for place, folders, files in os.walk(top)
                    for name in [
                        *files,
                        *(one for one in folders if os.path.islink(os.path.join(place, one))),
                    ]
                }
            )
        assert found[0] == found[1]
        return found[0]


def _content(path: bytes) -> bytes:
    return b"-> " + os.readlink(path) if os.path.islink(path) else Path(os.fsdecode(path)).read_bytes()


@pytest.fixture
def attack(site: Site, tmp_path: Path) -> Iterator[Attack]:
    adversary = Adversary(tmp_path / "adversary")
    with adversary.serving():
        site.add("siakad", adversary, [FOLDER.decode()])  # type: ignore[arg-type]  # it has all that `add` asks for
        yield Attack(site, adversary)


def test_an_adversary_that_behaves_is_backed_up(attack: Attack) -> None:
    """What the other tests change is the only thing that is wrong with it."""
    attack.plays(GOOD)
    said = attack.run()
    assert said.code == 0, said.err
    assert attack.restored() == {thing.path: thing.content for thing in GOOD}
    assert set(attack.adversary.seen) >= {"probe", "look", "find", "tar", "again"}


def test_names_that_lead_elsewhere_are_listed_and_go_nowhere(attack: Attack) -> None:
    outside = os.fsencode(attack.site.folder) + b"/pwned"
    names = [
        b"../pwned",
        b"d/../../pwned",
        b"/" + outside,
        outside,
        b"..",
        b".",
        b"d/..",
        b"d//x",
        b"/",
        b"nowhere/x",
    ]
    attack.plays([*GOOD, Thing(b"d", b"d"), *(Thing(name, content=b"pwned") for name in names)])
    said = attack.run()
    assert said.code == 3, said.err
    assert len(attack.problems()) == len(names)
    assert attack.restored() == {thing.path: thing.content for thing in GOOD}


def test_odd_names_are_only_names(attack: Attack) -> None:
    names = [
        b"new\nline",
        b"\x1b[2Jclear",
        b"\xff\xfe",
        b"n" * 255,
        b"-rf",
        b"--to-command=sh",
        b"\\n\\",
        b"*",
        b" ",
        b"\x9b31m",
    ]
    attack.plays([Thing(name, content=name) for name in names])
    assert attack.run().code == 0
    assert attack.restored() == {name: name for name in names}


def test_files_below_a_link_are_refused(attack: Attack) -> None:
    """Separate extractions would follow the link: `d -> elsewhere`, then `d/passwd`."""
    elsewhere = os.fsencode(attack.site.folder) + b"/elsewhere"
    os.mkdir(elsewhere)
    things = [Thing(b"d", b"l", target=elsewhere), Thing(b"d/passwd", content=b"pwned"), *GOOD]
    attack.plays(things)
    assert attack.run().code == 3
    assert list(attack.problems()) == ["d/passwd"]
    assert attack.restored() == {b"d": b"-> " + elsewhere} | {thing.path: thing.content for thing in GOOD}
    # once a folder with a file in an older archive, then a link of the same name
    attack.plays([Thing(b"e", b"d"), Thing(b"e/passwd", content=b"old"), *GOOD])
    assert attack.run().code == 0
    attack.plays([Thing(b"e", b"l", target=elsewhere), Thing(b"e/passwd", content=b"old"), *GOOD])
    assert attack.run().code == 3
    assert list(attack.problems()) == ["e/passwd"]
    assert os.listdir(elsewhere) == []


def test_a_name_twice_is_taken_once(attack: Attack) -> None:
    twice = [
        Thing(b"a", content=b"first"),
        Thing(b"d", b"d"),
        Thing(b"d/x", content=b"1"),
        Thing(b"d", b"l", target=b"/"),
    ]
    attack.plays([*twice, Thing(b"d/y", content=b"2"), Thing(b"a", content=b"again")])
    attack.adversary.plays["tar"] = Made(FOLDER, [*twice, Thing(b"d/y", content=b"2")]).tar
    assert attack.run().code == 3
    assert set(attack.problems()) >= {"a", "d"}
    assert attack.restored()[b"a"] == b"first"


@pytest.mark.parametrize("size", [-1, 1 << 63, (1 << 64) + 5, 10**400])
def test_impossible_sizes_are_listed(attack: Attack, size: int) -> None:
    attack.plays([*GOOD, Thing(b"lie", size=size)])
    said = attack.run()
    assert said.code == 3, said.err
    assert list(attack.problems()) == ["lie"]
    assert attack.restored() == {thing.path: thing.content for thing in GOOD}


# a few of each kind; the others run in test_adversary.py, in one process, and here with --long
FEW = {
    "a member never asked for", "a file of 2^62 bytes", "a pax header of gigabytes", "a bomb behind the end",
    "a listing without end of records", "a clock of 5000 digits", "a second look at others",
}  # fmt: skip


@pytest.mark.parametrize(
    "lie", [lie if lie in FEW else pytest.param(lie, marks=pytest.mark.long) for lie in LIES]
)
def test_a_lie_ends_the_step_in_one_clear_line(attack: Attack, lie: str) -> None:
    plays, words = LIES[lie]
    attack.plays(GOOD, **plays)
    said = attack.run()
    assert said.code == 1, said.err + said.out
    assert attack.site.snapshots("siakad", "files") == []
    said_lines = said.err.splitlines()
    assert [line for line in said_lines if words in line and "siakad" in line], said.err
    [line] = [line for line in said_lines if words in line and "siakad" in line][-1:]
    assert len(line) < 400
