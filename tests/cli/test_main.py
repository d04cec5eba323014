"""The frame: words to commands, errors to one line and an exit code, nothing loaded before it is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Tuibackup
from tuibackup.cli import status
from tuibackup.cli.main import COMMANDS
from tuibackup.config import Config


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_stands_in_the_list(tuibackup: Tuibackup, command: str) -> None:
    said = tuibackup(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"usage: tuibackup {command}")
    assert f"\n  {command}" in tuibackup("--help").out


def test_an_unknown_command_names_the_nearest(tuibackup: Tuibackup) -> None:
    said = tuibackup("stauts")
    assert said.code == 2
    assert said.err == "tuibackup: there is no command stauts (did you mean status?); see tuibackup --help\n"


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--nonsense"],
        ["stop"],
        ["ls"],
        ["restore", "siakad/files/latest"],
        ["status", "--js"],
        ["run", "--only", "x"],
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(tuibackup: Tuibackup, words: list[str]) -> None:
    said = tuibackup(*words)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert f"see tuibackup {words[0]} --help" in said.err


def test_the_configuration_may_be_named_before_or_after_the_command(
    tuibackup: Tuibackup, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUIBACKUP_CONFIG")
    monkeypatch.setenv("HOME", "/nonexistent")
    file = str(config.source)
    for words in (["--config", file, "status", "--json"], ["status", "--config", file, "--json"]):
        assert len(json.loads(tuibackup(*words).out)["servers"]) == 2


def test_the_cockpit_says_that_it_needs_a_terminal(tuibackup: Tuibackup, config: Config) -> None:
    said = tuibackup()
    assert said.code == 2
    assert "needs a terminal" in said.err


def test_an_internal_error_is_one_line_and_its_file_holds_no_local_variable(
    tuibackup: Tuibackup, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        password = "planted" + "-secret"
        raise RuntimeError(len(password))

    monkeypatch.setattr(status, "run", broken)
    said = tuibackup("status")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "internal error RuntimeError" in said.err


def test_the_crash_file_is_for_us_alone_and_without_locals(
    tuibackup: Tuibackup, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_args: object, context: "status.Context") -> int:
        password = "".join(["planted", "-", "value"])
        assert context.config
        raise RuntimeError(len(password))

    monkeypatch.setattr(status, "run", broken)
    assert tuibackup("status").code == 1
    (crash,) = (config.state / "crash").glob("*.txt")
    assert oct(crash.stat().st_mode)[-3:] == "600"
    text = crash.read_text()
    assert "RuntimeError: 13" in text
    assert "planted-value" not in text


def test_a_reader_that_goes_away_is_no_error(config: Config) -> None:
    shell = f"{sys.executable} -m tuibackup.cli.main log --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.stderr == ""


def test_a_terminal_without_utf_8_gets_lookalikes(config: Config) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tuibackup.cli.main", "status"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "files <= 7d" in done.stdout


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--version"], {"asyncssh", "aiomysql", "textual", "asyncio", "msgspec"}),
        (["status"], {"asyncssh", "aiomysql", "textual", "rich", "tomlkit"}),
        (["log"], {"asyncssh", "aiomysql", "textual", "rich", "tomlkit"}),
        (["run", "nobody"], {"asyncssh", "aiomysql", "textual", "rich"}),
        (["run", "--all", "--dry-run"], {"textual", "rich"}),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(config: Config, words: list[str], absent: set[str]) -> None:
    code = (
        "import sys\nfrom tuibackup.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert absent & set(done.stderr.split()) == set()


def test_the_command_line_is_found_by_python_m(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tuibackup.cli.main", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("tuibackup ")


def test_a_thread_that_hangs_does_not_keep_a_command_that_has_ended(tmp_path: Path) -> None:
    """In a name server, or a disk that is gone: Python waits for its threads, and asyncio for its executor's."""
    program = (
        "import asyncio, time\n"
        "from tuibackup.cli import loop, main, snapshots\n"
        "main.LEAVE_SECONDS = 0.5\n"
        "async def work():\n"
        "    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)\n"
        "    return 3\n"
        "snapshots.run = lambda args, context: loop.run(work())\n"
        "main.command()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, "snapshots"], timeout=20, check=False)
    assert ended.returncode == 3


def test_what_was_printed_before_an_error_is_not_lost() -> None:
    program = (
        "from tuibackup.cli import main, snapshots\n"
        "from tuibackup.errors import UsageError\n"
        "def run(args, context):\n"
        "    print('so far')\n"
        "    raise UsageError('no further')\n"
        "snapshots.run = run\n"
        "main.command()\n"
    )
    words = [sys.executable, "-c", program, "snapshots"]
    ended = subprocess.run(words, timeout=20, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "so far\n", "tuibackup: no further\n")
