"""What happens to the cockpit while it is open: helpers that are killed, a keymap that cannot be used, tiny terminals.

It goes on, and says what it lacks.
"""

import os
import re
import signal
import time

import pytest

from tests.acceptance.processes import carrying_out, children, there
from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal

HELPERS = {"tuibackup-disk", "tuibackup-ledge", "tuibackup-plans", "tuibackup-runs", "tuibackup-guard"}


def opened(site: Site, **size: int) -> Terminal:
    for name in ("lms", "siakad"):
        site.servers[name] = f'[servers.{name}]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/etc"]\n'
    site.write_config()
    seat = Terminal([str(TUIBACKUP)], site.environment(), cwd=site.home, **size)
    seat.wait_for("was never backed up", "q quit")
    return seat


def helpers(seat: Terminal) -> dict[str, int]:
    """The cockpit's own processes, by their names, which they give themselves once they run."""
    found: dict[str, int] = {}
    deadline = time.monotonic() + 60
    while not set(found) >= HELPERS:
        assert time.monotonic() < deadline, f"there are only {set(found)}"
        found = children(carrying_out(seat.pid))
    return found


def test_a_helper_that_was_killed_is_named_and_the_cockpit_goes_on(site: Site) -> None:
    with opened(site, columns=200) as seat:
        before = helpers(seat)
        os.kill(before["tuibackup-guard"], signal.SIGKILL)  # it is needed only after a kill -9
        os.kill(before["tuibackup-plans"], signal.SIGKILL)
        seat.send("b")
        seat.wait_for("Back up 1 server", "× the process tuibackup-plans has ended: open the cockpit again")
        seat.send("\x1b")
        for name in ("tuibackup-disk", "tuibackup-ledger", "tuibackup-runs"):
            os.kill(before[name[:15]], signal.SIGKILL)
            seat.wait_for(f"the process {name} has ended")
            seat.send("j")
            seat.wait_for("RUN siakad")
            seat.send("k")
            seat.wait_for("RUN lms")
        seat.wait_for("unknown", "the last run of lms is not known")
        seat.send("q")
        assert seat.wait() == 0


@pytest.mark.long
def test_a_keymap_that_cannot_be_used_is_said_and_the_keys_stay(site: Site) -> None:
    with opened(site, columns=120) as seat:
        whole = site.config.read_text()
        site.config.write_text(whole + '[keymap]\nback-up = "escape"\n')
        line = len(whole.splitlines()) + 2
        seat.wait_for(f'config.toml:{line}: keymap.back-up: "escape" is taken')
        seat.send("b")
        seat.wait_for("Back up 1 server")
        seat.send("\x1b")
        seat.wait_for("q quit")
        site.config.write_text(whole + '[keymap]\nback-up = "f5"\n')
        seat.wait_for(" config.toml was read again")
        seat.send("\x1b[15~")
        seat.wait_for("Back up 1 server")
        seat.send("\x1bq")
        assert seat.wait() == 0


@pytest.mark.long
def test_every_key_in_a_terminal_of_any_size(site: Site) -> None:
    with opened(site) as seat:
        for columns, rows in ((60, 16), (1, 1), (200, 5), (80, 24)):
            seat.resize(columns, rows)
            for key in "1234":
                seat.send(f"{key}y\x1bj?\x1b/x\x1b\r\x1bb\x1bo\t\x10\x1b")
                seat.settle(0.1)
            assert not seat._ended(), seat.text
        seat.wait_for("1 SERVERS", "q quit")
        seat.send("y")
        seat.wait_for("copied, as far as your terminal allows it")
        seat.send("\x1bq")
        assert seat.wait() == 0


def seen(seat: Terminal) -> list[list[tuple[object, ...]]]:
    """Each cell with its colours, but for times."""
    lines = [re.sub(r"\d\d:\d\d", "     ", line.ljust(seat.screen.columns)) for line in seat.lines]
    buffer = seat.screen.buffer
    return [
        [(character, buffer[y][x].bg, buffer[y][x].reverse) for x, character in enumerate(line)]
        for y, line in enumerate(lines)
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "xterm"},
        {"TERM": "tmux-256color"},
        {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        {"TERM": "linux", "NO_COLOR": "1"},
        {"TERM": "screen"},
        {"TERM": "vt100"},
    ],
    ids=lambda environment: "-".join(environment.values()),
)
def test_what_was_sent_cell_by_cell_is_what_a_whole_picture_shows(
    site: Site, environment: dict[str, str]
) -> None:
    for name in ("lms", "siakad"):
        site.servers[name] = f'[servers.{name}]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/漢字/🐧"]\n'
    site.write_config()
    with Terminal([str(TUIBACKUP)], site.environment(environment), cwd=site.home) as seat:
        seat.wait_for("was never backed up", "q quit")
        for keys in ("?", "\x1b\r", "\x1bj", "1/x", "\x1b4"):
            seat.send(keys)
            seat.settle(1.5)
            sent = seen(seat)
            start = len(seat.raw)
            seat.send("\x0c")
            seat.wait_for_bytes(b"\x1b[2J", start)
            seat.settle(0.4)
            assert seen(seat) == sent, f"after {keys!r}:\n{seat.text}"


@pytest.mark.parametrize("name", ["tuibackup-disk", "tuibackup-ledge", "tuibackup-runs"])
def test_status_ends_and_names_a_helper_that_was_killed(site: Site, name: str) -> None:
    """It waited for that answer for ever, and so did all that looks as it does: messages, metrics, timers."""
    site.servers["lms"] = '[servers.lms]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/etc"]\n'
    site.write_config()
    for _try in range(20):
        command = site.reading("status", "--json")
        while command.poll() is None:
            found = children(children(command.pid).get("tuibackup", 0)) if there(command.pid) else {}
            if name in found:
                os.kill(found[name], signal.SIGKILL)
                break
        said, _nothing = command.communicate(timeout=60)
        if f"the process {name}" in said:
            return
    pytest.fail("each time it had answered before it was killed")
