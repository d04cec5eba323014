"""A working day of an administrator, by keys alone: only what the screen of the demo's real servers shows is read."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP
from tests.terminal import Terminal
from tuibackup.demo.playground import Playground

DOWN = "\x1b[B"


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with Playground() as playground:
        yield playground


class Seat(Terminal):
    """A terminal whose keys are pressed once the screen shows what they answer."""

    def press(self, keys: str, *shown: str) -> None:
        self.wait_for(*shown)
        self.settle(0.1)
        self.send(keys)


def seat(playground: Playground) -> Seat:
    environment: Mapping[str, str] = {
        "HOME": str(playground.home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "USER": "andi",
    }
    return Seat([str(TUIBACKUP), "--config", str(playground.config)], environment, columns=80, rows=24)


@pytest.mark.long
def test_by_keys_alone(playground: Playground) -> None:
    """Add a server, back it up, close the terminal in the middle, look for a file, restore it beside, drill."""
    with seat(playground) as one:
        one.press("a", "3 servers", "q quit")
        one.press("perpus\r", "Which host?")
        one.press("\r", "What is it to be called?")
        one.press("Perpustakaan\r", "What do people call it?")
        one.press("yes\r", "Is this its host key?")
        one.press("\r", "Which account at the server?")
        one.press("\r", "Which folders?", "nginx perpus.example")
        one.press("\r", "What of them is left out?")
        one.press("\r", "Which database server is backed up?")
        one.press("\r", "Write this into")
        one.press("\r", "Back it up now?")
        one.wait_for("√ perpus", "√ done")
        one.press("\r", "4 servers")  # the cursor is on the new server
        one.press("\x1b", "─ perpus – Perpustakaan")
        one.press("/siakad\r", "4 servers")
        one.press("b", "1 of 4")
        one.press("\r", "tuibackup run siakad", "enter start")
        one.wait_for("► step")
        one.hang_up()
        one.wait()

    with seat(playground) as two:
        two.press("/perpus\r", "√ siakad")
        two.press("\r", "1 of 4")
        two.press("\r", "1 snapshots 1", "enter browse")
        two.press("/", "all of it", "backspace up")  # of the snapshot under the cursor
        two.press("krs-00011.pdf\r", "Find a name")
        two.press(" ", "1 found", "krs-00011.pdf")
        two.press("R", "1 marked")
        two.press(DOWN, "Restore: where to?")
        two.press("\r", "  erpus:/")
        two.press("d", "--into", "dry run")
        two.press("R", "would be written: 1")
        two.press("t", "√ restore perpus", "done")
        two.press("\r", "enter start")
        two.wait_for("√ drill perpus", "done")
        two.press("\x1b", "esc back")
        two.press("q", "q quit")
        assert two.wait() == 0

    original = next(playground.root("perpus").rglob("krs-00011.pdf"))
    beside = Path(f"{playground.root('perpus')}.restored")
    (restored,) = beside.rglob("krs-00011.pdf")
    assert restored.read_bytes() == original.read_bytes()
    assert restored.stat().st_mtime == original.stat().st_mtime
