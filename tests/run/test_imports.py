"""What a module brings along: a cockpit that loads asyncssh starts half a second later."""

import subprocess
import sys

import pytest


def loaded(module: str) -> set[str]:
    """The top-level packages that are there after importing `module` in a fresh interpreter."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name, there in sys.modules.items() if there}})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["plan", "process.start", "journal.journal", "journal.view", "journal.events", "locks", "operator"],
)
def test_what_faces_import_loads_neither_ssh_nor_databases_nor_textual(module: str) -> None:
    assert not loaded(f"tuibackup.run.{module}") & {
        "asyncssh", "cryptography", "aiomysql", "pymysql", "textual", "rich", "uvloop"
    }  # fmt: skip


@pytest.mark.parametrize("module", ["engine", "process.child"])
def test_a_run_loads_nothing_of_the_screen(module: str) -> None:
    assert not loaded(f"tuibackup.run.{module}") & {"textual", "rich"}


def test_importing_what_a_run_needs_starts_no_program_and_loads_no_x509() -> None:
    """asyncssh's searches for libraries that are rarely there start ldconfig, gcc and ld: 0.1 s of every run."""
    code = (
        "import sys\n"
        "programs = ('subprocess.Popen', 'os.posix_spawn', 'os.system')\n"
        "sys.addaudithook(lambda event, what: print(event, what) if event in programs else None)\n"
        "import tuibackup.run.process.child, asyncssh, ctypes.util\n"
        "print(*(name for name in sys.modules if name.startswith('cryptography.x509')), end='')\n"
        "assert ctypes.util.find_library.__module__ == 'ctypes.util', 'the search was not put back'\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == ""


def test_a_command_and_the_run_that_it_forks_import_nothing_twice() -> None:
    """It is imported before the fork: what both import afterwards costs each run the time once more."""
    before = (
        "tuibackup.cli.main, tuibackup.cli.run, tuibackup.run.process.launcher, tuibackup.run.process.common"
    )
    command = (
        "tuibackup.cli.answers, tuibackup.cli.interrupt, tuibackup.cli.loop, tuibackup.cli.watch,"
        " tuibackup.jobs.note, tuibackup.run.process.burial, tuibackup.run.process.start, tuibackup.run.places"
    )
    run = "tuibackup.run.process.child, tuibackup.files.download"

    def new(names: str) -> set[str]:
        code = f"import sys, {before}; old = set(sys.modules); import {names}; print(*set(sys.modules) - old)"
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return {name for name in answer.stdout.split() if "." in name}

    assert not new(command) & new(run)
