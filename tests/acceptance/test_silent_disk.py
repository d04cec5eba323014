"""A disk that does not answer keeps nobody: whatever was called says so and ends when it is told to.

What hangs in such a disk cannot be killed; it stays behind until the disk answers.
"""

import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.silent import silent
from tests.sshdisk import SshDisk, ssh_disk
from tests.terminal import Terminal
from tuibackup.answering import GONE
from tuibackup.demo.sshd import PrivateSshd

FILES = "siakad/files/latest"
LEFT = "hangs there and stays until the disk answers"


@pytest.fixture
def backed(site: Site, sshd: PrivateSshd, application: Path) -> Site:
    site.add("siakad", sshd, [application])
    assert site.tuibackup("run", "siakad").code == 0
    return site


class Called:
    """A command that is under way; what it says on stderr is read line by line."""

    def __init__(self, site: Site, *words: str) -> None:
        self.words = words
        self.process = subprocess.Popen(
            [str(TUIBACKUP), *words],
            env=site.environment(),
            cwd=site.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def until(self, text: str) -> None:
        """Read until it has said `text`."""
        assert self.process.stderr
        while text not in self.said:
            line = self.process.stderr.readline()
            assert line, f"{self.words} never said {text!r}: {self.said}"
            self.said += line

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Its exit code, and all that it printed, once it is told to end."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, self.said + err


@contextmanager
def called(site: Site, *commands: tuple[str, ...]) -> Iterator[list[Called]]:
    """These commands, all at once; none outlives the block."""
    found = [Called(site, *words) for words in commands]
    try:
        yield found
    finally:
        for one in found:
            one.process.kill()


def all_end(site: Site, said: str, *commands: tuple[str, ...]) -> None:
    """Each of `commands` says `said`, waits, and ends at ctrl+c with one line more."""
    with called(site, *commands) as found:
        for one in found:
            one.until(f"tuibackup: {said}, 5 s: ")
        for one in found:
            code, out, err = one.end()
            assert code == 130, (one.words, code, err)
            assert LEFT in err.splitlines()[-1], (one.words, err)
            assert not out, (one.words, out)


@pytest.mark.long
def test_a_command_says_it_and_ends_at_ctrl_c(backed: Site) -> None:
    with silent(backed.vault):
        all_end(
            backed,
            "the backup disk does not answer",
            ("check", "--json"),
            ("restore", FILES, "--to", str(backed.folder / "out")),
        )


@pytest.mark.long
def test_so_does_every_other_one(backed: Site) -> None:
    everything = [
        *(("check",), ("check", "--json"), ("verify",), ("drill", "siakad"), ("drill", "siakad", "--json")),
        *(("ls", FILES), ("snapshots",), ("log",), ("follow",), ("stop", "siakad")),
        *(("run", "siakad"), ("run", "--due"), ("run", "--all"), ("run", "siakad", "--dry-run")),
    ]
    with silent(backed.vault):
        all_end(
            backed,
            "the backup disk does not answer",
            ("check",),
            ("run", "siakad", "--read-only", "--dry-run"),
        )
        for words in (("verify",), ("drill", "siakad"), ("ls", FILES), ("snapshots",), ("run", "--due")):
            refused = backed.tuibackup(*words)
            assert refused.code == 1, refused
            assert "tuibackup: the backup disk does not answer: " in refused.err, refused
    with silent(backed.state):
        all_end(backed, "the state folder does not answer", *everything)
    with silent(backed.config.parent):
        all_end(backed, "the folder of config.toml does not answer", *everything, ("status",), ())
    target = backed.folder / "target"
    target.mkdir()
    with silent(target):
        said = "the disk to restore to does not answer"
        all_end(backed, said, ("restore", FILES, "--to", str(target / "new")))


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_too(backed: Site, number: signal.Signals) -> None:
    with silent(backed.vault), called(backed, ("check",)) as (one,):
        one.until("5 s: ")
        code, _out, err = one.end(number)
        assert code == 128 + number
        assert LEFT in err


@pytest.mark.long
def test_ctrl_c_in_a_terminal_gives_the_prompt_back(backed: Site) -> None:
    command = f"{TUIBACKUP} check; echo code=$?; sleep 60"
    with (
        silent(backed.vault),
        Terminal(["sh", "-c", f"trap : INT; {command}"], backed.environment(), columns=160) as seat,
    ):
        seat.wait_for("the backup disk does not answer, 5 s")
        seat.send("\x03")
        seat.wait_for(LEFT.split()[0], "code=130")


@pytest.mark.long
def test_the_cockpit_starts_with_every_disk_silent(backed: Site) -> None:
    with (
        silent(backed.vault),
        silent(backed.state),
        Terminal([str(TUIBACKUP)], backed.environment(), cwd=backed.home, columns=120) as seat,
    ):
        seat.wait_for("siakad", "the backup disk does not answer", "unknown")
        seat.send("q")
        assert seat.wait() == 0


@pytest.mark.long
@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ENOTCONN])
def test_a_disk_that_is_gone_with_an_error_has_a_way_out(backed: Site, number: int) -> None:
    with silent(backed.vault, number):
        for words in (("run", "siakad"), ("verify",), ("ls", FILES)):
            said = backed.tuibackup(*words)
            assert said.code == 1
            assert GONE[number] in said.err, said
    with silent(backed.state, number):
        out = backed.folder / "out"
        back = backed.tuibackup("restore", FILES, "--to", str(out))
        assert back.code == 3, "to get a backup back needs no record"
        assert "NOT RECORDED" in back.err
        assert any(out.iterdir())
        assert GONE[number] in backed.tuibackup("log").err


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def disk(site: Site, sshd: PrivateSshd) -> Iterator[SshDisk]:
    """The site's backup disk is one over the network; a run takes some ten seconds."""
    folder = site.folder / "www"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}").write_bytes(os.urandom(100_000))
    with ssh_disk(site.vault, site.folder / "net") as disk:
        site.settings = '[run]\nbandwidth = ["4 MB/s"]\n'
        site.add("siakad", sshd, [folder])
        yield disk


def stored(disk: SshDisk) -> int:
    return sum(path.stat().st_size for path in disk.behind.rglob("*") if path.is_file())


@pytest.mark.long
def test_a_run_goes_on_when_the_disk_answers_again(site: Site, disk: SshDisk) -> None:
    with called(site, ("run", "siakad")) as (run,):
        wait_until(lambda: stored(disk) > 3_000_000)
        disk.stand_still()
        run.until("siakad: the backup disk does not answer, 5 s: ")
        disk.go_on()
        run.until("the backup disk answers again")
        out, _err = run.process.communicate(timeout=120)
        assert run.process.returncode == 0, out
    assert stored(disk) < 35_000_000, "nothing is stored twice"
    assert site.tuibackup("verify").code == 0
    (finished,) = [one for one in site.tuibackup("log", "--json").json if one["kind"] == "run"]
    assert finished["body"]["outcome"] == "done"


@pytest.mark.long
@pytest.mark.parametrize("how", ["stop", "ctrl+c"])
def test_a_run_that_hangs_is_stopped_and_the_next_one_is_good(site: Site, disk: SshDisk, how: str) -> None:
    with called(site, ("run", "siakad")) as (run,):
        wait_until(lambda: stored(disk) > 3_000_000)
        disk.stand_still()
        run.until("siakad: the backup disk does not answer, 5 s: ")
        if how == "stop":
            said = site.tuibackup("stop", "siakad")
            assert (said.code, "has ended: interrupted" in said.out) == (0, True), said
        else:
            run.process.send_signal(signal.SIGINT)
        out, err = run.process.communicate(timeout=60)
        assert run.process.returncode == 130, out + err
        assert "while the backup disk did not answer: process" in run.said + err
        due = site.tuibackup("run", "--due")
        assert due.code == 1
        assert "the backup disk does not answer" in due.err, "a timer meets it and does not hang"
        disk.go_on()
    wait_until(lambda: site.tuibackup("run", "siakad").code == 0, 120)
    assert site.tuibackup("verify").code == 0


@pytest.mark.long
@pytest.mark.parametrize("what", ["verify", "restore", "drill"])
def test_a_job_goes_on_when_the_disk_answers_again(site: Site, disk: SshDisk, what: str) -> None:
    assert site.tuibackup("run", "siakad").code == 0
    words = {
        "verify": ("verify", "--json"),
        "restore": ("restore", FILES, "--to", str(site.folder / "out"), "--json"),
        "drill": ("drill", "siakad", "--json"),
    }[what]
    disk.stand_still()
    with called(site, words) as (job,):
        job.until("the backup disk does not answer, 5 s: ")
        disk.go_on()
        out, err = job.process.communicate(timeout=120)
        assert job.process.returncode == 0, out + err
        assert "answers again" in job.said + err
        json.loads(out)
