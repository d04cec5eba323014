"""A line that freezes and is cut ends the cockpit: nothing of it waits for a terminal that reads no more.

Its writer's queue was full, the main thread waited in it, and no signal was seen any more: the process stayed for ever,
with a core of its own.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal


@pytest.fixture
def seat(site: Site) -> Iterator[Terminal]:
    """An open cockpit, before a terminal that answers nothing: it is sent everything at once."""
    site.servers["siakad"] = '[servers.siakad]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/etc"]\n'
    site.write_config()
    with Terminal([str(TUIBACKUP)], site.environment(), cwd=site.home) as opened:
        opened.screen.write_process_input = lambda data: None  # type: ignore[method-assign]  # answers nothing
        opened.wait_for("siakad was never backed up", "quit")
        yield opened


def freeze(seat: Terminal) -> None:
    """The terminal reads no more, and the cockpit writes until nothing is taken."""
    seat.stands = True
    for _time in range(60):
        seat.send("\x0c" * 2)  # all is drawn again
        time.sleep(0.02)


def ends(seat: Terminal, within: float = 30) -> None:
    began = time.monotonic()
    while not seat._ended():
        assert time.monotonic() - began < within, "the cockpit stays"
        time.sleep(0.05)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_line_that_froze_and_is_cut_ends_it(seat: Terminal) -> None:
    freeze(seat)
    used = processor_seconds(seat.pid)
    time.sleep(2)
    assert processor_seconds(seat.pid) - used < 0.5, "it turns in circles"
    seat.hang_up()
    ends(seat)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_while_the_line_is_frozen(seat: Terminal, number: signal.Signals) -> None:
    freeze(seat)
    os.kill(seat.pid, number)
    ends(seat)


def test_q_ends_it_while_the_line_is_frozen(seat: Terminal) -> None:
    freeze(seat)
    seat.send("q")
    ends(seat)
    assert seat.wait() == 0


def test_when_the_line_comes_back_the_newest_picture_is_shown(seat: Terminal) -> None:
    freeze(seat)
    seat.send("?")
    seat.stands = False
    seat.wait_for("esc close")
    seat.send("\x1b")
    seat.wait_for("siakad was never backed up", "q quit")
