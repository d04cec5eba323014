"""A server that means no good, against the installed command: whatever it answers, the damage ends at its own snapshot.

Demand 6: nothing is written outside the incoming folder, memory is bounded, and what cannot be is a clear error of
one line or a listed warning. Every case is played by an SSH server in this process.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Said, Site
from tests.adversary import END, TOP, Adversary, Made, Play, Talk, Thing, member
from tests.lies import FOLDER, GOOD, LIES, playing
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

    def run(self, *words: str, timeout: float = 120, env: dict[str, str] | None = None) -> Said:
        """One run of step 2; whatever happened, nothing was written where it should not, nor shown raw."""
        before = everything(self.site.folder)
        with Memory(self.site.home) as memory:
            said = self.site.tuibackup("run", "siakad", "--only", "files", *words, timeout=timeout, env=env)
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


@pytest.mark.long
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
    assert len(attack.problems()) == len(names) + 1, "and the folder, of which more than half is missing"
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


@pytest.mark.long
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


@pytest.mark.long
def test_impossible_sizes_are_listed(attack: Attack) -> None:
    sizes = [-1, 1 << 62, 1 << 63, (1 << 64) + 5, 10**400]
    lies = [Thing(b"lie%d" % number, size=size) for number, size in enumerate(sizes)]
    attack.plays([*GOOD, *lies])
    said = attack.run()
    assert said.code == 3, said.err
    assert attack.problems().keys() == {"", *(f"lie{number}" for number in range(len(sizes)))}
    assert attack.restored() == {thing.path: thing.content for thing in GOOD}


def long(value: str) -> Any:
    return pytest.param(value, marks=pytest.mark.long)


# a few of each kind; the others run in test_adversary.py, in one process, and here with --long
FEW = {"a pax header of gigabytes"}


@pytest.mark.parametrize("lie", [lie if lie in FEW else long(lie) for lie in LIES])
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


@pytest.mark.parametrize("part", [long("probe"), long("look"), long("find"), "tar", long("again")])
@pytest.mark.long
def test_a_server_that_hangs_up_is_called_again(attack: Attack, part: str) -> None:
    """The host closes the connection at every stage, once; what it says the second time is taken."""
    made = Made(FOLDER, GOOD)
    attack.adversary.plays = made.plays()
    then = attack.adversary.plays[part]

    async def once(talk: Talk) -> None:
        attack.adversary.plays[part] = then
        if part == "find":
            await talk.write(TOP.record(b"") + b"f 644")
        elif part == "tar":
            await talk.write(member(b"./a", b"first") + b"./b")
        talk.cut()

    attack.adversary.plays[part] = once
    said = attack.run()
    if part == "probe":  # step 1: nothing has begun
        assert said.code in (0, 1, 130), said.err
        return
    assert said.code == 0, said.err
    assert attack.restored() == {thing.path: thing.content for thing in GOOD}


@pytest.mark.long
@pytest.mark.parametrize("part", [long("find"), "tar", long("again")])
def test_a_silent_server_is_given_up(attack: Attack, part: str) -> None:
    """Ten minutes of patience, shortened here to two seconds: nothing waits for ever."""
    shorter = attack.site.state / "shorter"
    shorter.mkdir(parents=True)
    (shorter / "sitecustomize.py").write_text("from tuibackup.files.shell import tools\ntools.STALL = 2.0\n")
    attack.plays(GOOD, **{part: playing(then="hang")})
    said = attack.run(env={"PYTHONPATH": str(shorter)})
    assert said.code == 1, said.err
    assert "siakad: the server sent nothing for" in said.err


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """While in it, `folder` is a disk of 400 MiB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=400m,mode=700", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets us mount nothing")
    try:
        yield
        assert list(folder.glob("*/.incoming-*")) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_listing_without_end_leaves_memory_and_room(attack: Attack) -> None:
    """Folders in no order, owners, device numbers and names of their own for each entry, until the disk's limit."""
    text = attack.site.config.read_text()
    attack.site.config.write_text(text.replace('"1 MB"', '"60%"'))

    async def find(talk: Talk) -> None:
        await talk.write(TOP.record(b""))
        for number in range(1 << 40):
            batch = [Thing(b"%d" % one + b"n" * 240, b"d") for one in range(number * 500, number * 500 + 500)]
            deep = [Thing(thing.path + b"/" + b"m" * 250, b"d") for thing in reversed(batch)]
            records = [thing.record(thing.path) for thing in [*batch, *deep]]
            await talk.write(b"".join(records).replace(b" 33 33 ", b" %d %d " % (number, number)))

    attack.plays([], find=find)
    with small_disk(attack.site.vault):
        said = attack.run(timeout=500)
    assert said.code == 1, said.err
    assert "vault nearly full" in said.err


@pytest.mark.long
def test_complaints_without_end_are_counted(attack: Attack) -> None:
    async def find(talk: Talk) -> None:
        for _ in range(4000):
            await talk.complain(b"find: '" + FOLDER + b"/\x1b[2J" + b"n" * 12_000 + b"': Permission denied\n")
        await made.find(talk)

    made = attack.plays(GOOD, find=find)
    said = attack.run()
    assert said.code == 3, said.err
    assert len(said.err) + len(said.out) < 1 << 20


@pytest.mark.long
def test_attributes_that_are_no_attributes_are_left_alone(attack: Attack) -> None:
    """What cannot be an attribute is listed when it is restored, and stops neither way of restoring."""
    records = {
        b"SCHILY.xattr.user.big": b"v" * (15 << 20),
        b"SCHILY.xattr.nonsense": b"x",
        b"SCHILY.xattr.user." + b"n" * 300: b"x",
        b"SCHILY.xattr.user.a\x1b[2Jb": b"x",
        b"SCHILY.acl.access": b"u::rwx,\x1b,g:::,,99999999999999999999:",
        b"SCHILY.acl.default": b"\xff" * 1000,
        b"RHT.security.selinux": b"\0\n",
        b"uid": b"0", b"mtime": b"x", b"GNU.volume.filename": b"/etc/passwd", b"hdrcharset": b"BINARY",
    }  # fmt: skip

    async def tar(talk: Talk) -> None:
        await talk.read_names()
        for thing in GOOD:
            await talk.write(member(b"./" + thing.path, thing.content, records))
        await talk.write(END)
        talk.exit()

    attack.plays(GOOD, tar=tar)
    said = attack.run()
    assert said.code in (0, 3), said.err
    assert attack.restored() == {thing.path: thing.content for thing in GOOD}


def test_a_snapshot_of_everything_odd_can_be_listed(attack: Attack) -> None:
    """The names of a server reach the terminal escaped, in every command that shows them."""
    odd = [b"\x1b]0;pwned\x07", b"\x9b2J", b"a\rb", b"[bold]x[/bold]", b"\xe2\x80\xaetxt.exe", b"\xff"]
    links = [Thing(b"l%d" % number, b"l", target=name) for number, name in enumerate(odd)]
    attack.plays(
        [Thing(name, content=b"x") for name in odd] + links + [Thing(b"lost", content=b"x", size=1 << 62)]
    )
    assert attack.run().code == 3
    for words in (
        ["ls", "siakad/files/latest", FOLDER.decode()],
        ["snapshots"],
        ["log"],
        ["status"],
        ["verify"],
    ):
        said = attack.site.tuibackup(*words)
        shown = said.out + said.err
        assert not any(letter in shown for letter in "\x1b\x07\x9b\r\u202e"), words
        assert all(ord(letter) >= 32 or letter == "\n" for letter in shown), words
