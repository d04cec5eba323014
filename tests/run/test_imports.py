"""What a module brings along: a cockpit that loads asyncssh starts half a second later."""

import subprocess
import sys

import pytest


def loaded(module: str) -> set[str]:
    """The top-level packages that are there after importing `module` in a fresh interpreter."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


@pytest.mark.parametrize("module", ["plan", "process", "journal", "view", "events", "lock", "operator"])
def test_what_faces_import_loads_neither_ssh_nor_databases_nor_textual(module: str) -> None:
    assert not loaded(f"tuibackup.run.{module}") & {
        "asyncssh", "cryptography", "aiomysql", "pymysql", "textual", "rich", "uvloop"
    }  # fmt: skip


@pytest.mark.parametrize("module", ["engine", "child"])
def test_a_run_loads_nothing_of_the_screen(module: str) -> None:
    assert not loaded(f"tuibackup.run.{module}") & {"textual", "rich"}
