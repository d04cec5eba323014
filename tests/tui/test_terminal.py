"""The installed `tuibackup` in a real pseudo-terminal: what arrives there, and how it ends."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

TUIBACKUP = Path(sys.executable).parent / "tuibackup"
COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
OpenTerminal = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Two servers that are never reached, and one whose name and label are as long as they get."""
    path = tmp_path / "config.toml"
    (tmp_path / "vault").mkdir(mode=0o700)
    path.write_text(
        f'state = "{tmp_path}/state"\n[vault]\npath = "{tmp_path}/vault"\n'
        + "".join(
            f'[servers.{name}]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/etc"]\n'
            for name in ("siakad", "lms", "poltekkes-medan-jurusan-farmasi-sister07")
        )
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def terminal(tmp_path: Path, config: Path) -> OpenTerminal:
    @contextmanager
    def opener(size: str = "80x24", *options: str, **env: str) -> Iterator[Terminal]:
        columns, rows = map(int, size.split("x"))
        surroundings = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC",
        } | env  # fmt: skip
        argv = [str(TUIBACKUP), "--config", str(config), *options]
        with Terminal(argv, surroundings, columns=columns, rows=rows) as seat:
            seat.wait_for("quit", "never")
            seat.settle(0.3)
            yield seat

    return opener


def test_errors_that_go_into_a_file_take_no_screen_away(tmp_path: Path, config: Path) -> None:
    command = f"exec {TUIBACKUP} --config {config} 2> {tmp_path}/errors"
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal(["sh", "-c", command], clean, columns=80, rows=24) as seat:
        seat.wait_for("quit", "never")
        seat.send("q")
        assert seat.wait() == 0
    assert (tmp_path / "errors").read_bytes() == b""


@pytest.mark.parametrize(
    "size", ["80x24", *(pytest.param(size, marks=pytest.mark.long) for size in ("120x30", "140x40"))]
)
def test_it_opens_shows_its_servers_and_leaves(terminal: OpenTerminal, size: str) -> None:
    with terminal(size) as seat:
        text = seat.text
        for words in "○ 3 never", "1 SERVERS", "2 RUN", "3 DUMP", "siakad", "lms", "b plans its first run":
            assert words in text
        seat.send("q")
        assert seat.wait() == 0


def test_sixteen_colours_are_all_that_a_plain_xterm_gets(terminal: OpenTerminal) -> None:
    with terminal(TERM="xterm") as seat:
        seat.send("ob")
        seat.wait_for("Back up 3 servers")
        codes = {code for match in COLOURS.findall(bytes(seat.raw)) for code in match[2:-1].split(b";")}
        assert b"38" not in codes
        assert b"48" not in codes
        assert codes & {b"95", b"96", b"97"}, "it is coloured"


def test_no_color_means_none_and_the_cursor_is_still_seen(terminal: OpenTerminal) -> None:
    with terminal(NO_COLOR="1") as seat:
        codes = {code for match in COLOURS.findall(bytes(seat.raw)) for code in match[2:-1].split(b";")}
        assert codes <= {b"", b"0", b"1", b"4", b"7", b"22", b"24", b"27", b"39", b"49"}
        assert b"7" in codes


def test_an_empty_no_color_is_not_set(terminal: OpenTerminal) -> None:
    with terminal(NO_COLOR="", COLORTERM="truecolor") as seat:
        assert b"38;2;" in seat.raw


@pytest.mark.parametrize(
    "locale",
    [{"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, pytest.param({"LANG": "C"}, marks=pytest.mark.long)],
)
def test_without_utf8_only_ascii_arrives(terminal: OpenTerminal, locale: dict[str, str]) -> None:
    with terminal(**locale) as seat:
        seat.send("b")
        seat.wait_for("Back up 1 server")
        assert bytes(seat.raw).isascii()
        assert "o 3 never" in seat.text


def test_nothing_is_sent_while_nothing_happens(terminal: OpenTerminal) -> None:
    with terminal() as seat:
        seat.settle(1.0)
        before = seat.bytes_written
        time.sleep(3)
        # The clock in the bar may go on by a minute.
        assert seat.bytes_written - before < 200


def test_the_first_screen_costs_little(terminal: OpenTerminal) -> None:
    with terminal() as seat:
        assert seat.bytes_written < 4_000


@pytest.mark.parametrize("size", ["50x10", "59x24"])
def test_a_terminal_that_is_too_small_is_told_so(tmp_path: Path, config: Path, size: str) -> None:
    columns, rows = map(int, size.split("x"))
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"}
    with Terminal([str(TUIBACKUP), "--config", str(config)], env, columns=columns, rows=rows) as seat:
        seat.wait_for(f"tuibackup needs 60x16; this is {size}")
        seat.send("q")
        assert seat.wait() == 0


def test_it_ends_within_seconds_when_the_connection_drops(terminal: OpenTerminal) -> None:
    with terminal() as seat:
        began = time.monotonic()
        seat.hang_up()
        seat.wait()
        assert time.monotonic() - began < 20


def test_it_ends_too_where_nobody_says_that_the_terminal_is_gone(tmp_path: Path, config: Path) -> None:
    """Under `su -c` no SIGHUP comes: Textual read the end of its input over and over, with a whole core."""
    ours, theirs = os.openpty()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    cockpit = subprocess.Popen(
        [TUIBACKUP, "--config", config],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while b"SERVERS" not in seen:
        seen += os.read(ours, 65536)
    os.close(ours)
    try:
        cockpit.wait(30)
    finally:
        cockpit.kill()


def test_ctrl_c_kills_nothing(terminal: OpenTerminal) -> None:
    with terminal() as seat:
        seat.send("\x03")
        seat.wait_for("q leaves the cockpit; runs go on")


def test_read_only_starts_nothing(terminal: OpenTerminal) -> None:
    with terminal("80x24", "--read-only") as seat:
        assert "back up" not in seat.text
        seat.send("b")
        seat.wait_for("read-only")


def test_an_internal_error_shows_no_secret_and_leaves_a_file_without_any(
    tmp_path: Path, config: Path
) -> None:
    crash = f"""
import sys
from tuibackup.secret import Secret
from tuibackup.overview.gather import Gatherer
def gather(self, wish):
    password = "hunter" + "2-planted"
    secret = Secret(password)
    raise RuntimeError("something of ours broke")
Gatherer.gather = gather
from tuibackup.cli.main import main
sys.exit(main(["--config", {str(config)!r}]))
"""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-c", crash], env) as seat:
        assert seat.wait() == 1
        assert "internal error RuntimeError" in seat.text
        assert "/crash/" in re.sub(r"\n *", "", seat.text)
        assert b"hunter2" not in seat.raw
    files = list((tmp_path / "state" / "crash").iterdir())
    assert len(files) == 1
    report = files[0].read_text()
    assert "something of ours broke" in report
    assert "hunter2-planted" not in report


def test_what_is_slow_to_load_is_not_loaded_before_the_first_screen() -> None:
    code = "import tuibackup.tui.app, sys; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"asyncssh", "aiomysql", "pymysql", "cryptography", "zstandard"} & set(loaded)


@pytest.mark.long
def test_a_first_run_asks_for_the_host_key_and_is_followed_to_its_end(
    tmp_path: Path, sshd: PrivateSshd
) -> None:
    """Everything real: sshd, the run's own process, the question over the socketpair, journal and ledger."""
    data = tmp_path / "www"
    data.mkdir()
    (data / "index.php").write_text("<?php")
    (tmp_path / "vault").mkdir(mode=0o700)
    path = tmp_path / "config.toml"
    path.write_text(
        f'state = "{tmp_path}/state"\n[vault]\npath = "{tmp_path}/vault"\nmin_free = "1 MB"\n'
        "[verify]\nafter_run = false\n[servers.siakad]\n"
        f'host = "127.0.0.1"\nport = {sshd.port}\nuser = "{sshd.user}"\nkey = "{sshd.client_key}"\n'
        f'folders = ["{data}"]\n'
    )
    path.chmod(0o600)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([str(TUIBACKUP), "--config", str(path)], env) as seat:
        seat.wait_for("○ 1 never")
        seat.send("b")
        seat.wait_for("free on")
        seat.send("\r")
        seat.wait_for("Host key of siakad", "SHA256:", seconds=30)
        seat.send("yes\r")
        seat.wait_for("√ done", "√ 1 server, in time", seconds=60)
        seat.wait_for("√ 2 download", "1 file")
        seat.send("q")
        assert seat.wait() == 0
