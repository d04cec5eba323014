"""A line that freezes and is cut ends the cockpit: nothing of it waits for a terminal that reads no more.

Its writer's queue was full, the main thread waited in it, and no signal was seen any more: the process stayed for ever,
with a core of its own.
"""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.processes import carrying_out, end, processor_seconds
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


def test_a_line_that_froze_and_is_cut_ends_it(seat: Terminal) -> None:
    freeze(seat)
    cockpit = carrying_out(seat.pid)
    used = processor_seconds(cockpit)
    time.sleep(2)
    assert processor_seconds(cockpit) - used < 0.5, "it turns in circles"
    seat.hang_up()
    end(seat.pid, cockpit)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_while_the_line_is_frozen(seat: Terminal, number: signal.Signals) -> None:
    freeze(seat)
    cockpit = carrying_out(seat.pid)
    os.kill(seat.pid, number)
    end(seat.pid, cockpit)


@pytest.mark.long
def test_q_ends_it_while_the_line_is_frozen(seat: Terminal) -> None:
    freeze(seat)
    cockpit = carrying_out(seat.pid)
    seat.send("q")
    end(seat.pid, cockpit)
    assert seat.wait() == 0


def test_when_the_line_comes_back_the_newest_picture_is_shown(seat: Terminal) -> None:
    freeze(seat)
    seat.send("?")
    seat.stands = False
    seat.wait_for("esc close")
    seat.send("\x1b")
    seat.wait_for("siakad was never backed up", "q quit")
