"""Whatever the cockpit and the prompts of the command line set in a terminal is undone, however they end.

The bytes of a real start are read: each mode that is set there must be reset at the end.
"""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.lockedkey import locked_key
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

_PRIVATE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_NORMALLY_ON = {7, 25}  # wrapping, the cursor


def wrong_modes(raw: bytes) -> set[int]:
    """Private modes that are not as they were before the first byte of `raw`."""
    on = set(_NORMALLY_ON)
    for numbers, letter in _PRIVATE.findall(raw):
        for number in map(int, numbers.split(b";")):
            (on.add if letter == b"h" else on.discard)(number)
    return on ^ _NORMALLY_ON


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site")
    made.settings = "mouse = true\n"
    made.servers["siakad"] = '[servers.siakad]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/etc"]\n'
    made.write_config()
    return made


def shell(site: Site) -> Terminal:
    """A shell that has started the cockpit, and lives on after it: what the operator looks at then."""
    same = "for i in 1 2 3 4 5 6 7 8 9; do stty -a > after; cmp -s before after && break; sleep 0.2; done"
    command = f"stty -a > before; {TUIBACKUP} 2>&1; {same}; echo ended=$?; sleep 60"
    seat = Terminal(["sh", "-c", command], site.environment(), cwd=site.home)
    seat.wait_for("quit", "siakad")
    seat.settle(0.3)
    return seat


def cockpit_of(seat: Terminal) -> int:
    return int(Path(f"/proc/{seat.pid}/task/{seat.pid}/children").read_text().split()[0])


def as_it_was(site: Site, seat: Terminal) -> None:
    seat.wait_for_bytes(b"ended=", 0)  # the screen may have it broken in two lines
    seat.settle(0.5)
    assert wrong_modes(bytes(seat.raw)) == set()
    assert (site.home / "after").read_text() == (site.home / "before").read_text()


def test_no_start_turns_on_the_keyboard_protocol_of_kitty(site: Site) -> None:
    """After an SSH drop nothing can turn it off, and the operator's shell prints `[13;129u` for enter."""
    with shell(site) as seat:
        raw = bytes(seat.raw)
        assert not re.findall(rb"\x1b\[[>=][0-9;]*u", raw)
        assert b"\x1b[>4" not in raw, "xterm's modifyOtherKeys neither"
        assert wrong_modes(raw) >= {1049, 25, 2004, 1000}, "what the other tests look for is set"


@pytest.mark.parametrize(
    "how",
    [
        "q",
        signal.SIGKILL,
        *(
            pytest.param(number, marks=pytest.mark.long)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT)
        ),
    ],
)
def test_the_terminal_is_as_it_was(site: Site, how: str | signal.Signals) -> None:
    with shell(site) as seat:
        if isinstance(how, str):
            seat.send(how)
        else:
            os.kill(cockpit_of(seat), how)
        as_it_was(site, seat)


def test_it_is_after_a_crash(site: Site) -> None:
    crash = """
import sys
from tuibackup.overview.gather import Gatherer
def gather(self, wish):
    raise RuntimeError("something of ours broke")
Gatherer.gather = gather
from tuibackup.cli.main import main
sys.exit(main([]))
"""
    with Terminal([sys.executable, "-c", crash], site.environment()) as seat:
        before = seat.modes()
        assert seat.wait() == 1
        assert wrong_modes(bytes(seat.raw)) == set()
        assert seat.modes() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.long)])
@pytest.mark.long
def test_what_is_typed_is_shown_again_after_a_prompt_that_was_ended(
    site: Site, sshd: PrivateSshd, tmp_path: Path, number: signal.Signals
) -> None:
    key = locked_key(sshd, tmp_path, "planted phrase")
    site.add("siakad", sshd, [tmp_path])
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(key))
    site.write_config()
    command = f"stty -a > before; {TUIBACKUP} run siakad; stty -a > after; echo ended; sleep 60"
    with Terminal(["sh", "-c", command], site.environment(), cwd=site.home) as seat:
        seat.wait_for("passphrase of")
        os.kill(cockpit_of(seat), number)
        seat.wait_for("ended")
    assert (site.home / "after").read_text() == (site.home / "before").read_text()
