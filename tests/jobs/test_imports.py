"""What a job brings along before it is done: a face that only plans and shows it stays as quick as it was."""

import subprocess
import sys

HEAVY = {"asyncssh", "cryptography", "aiomysql", "pymysql", "textual", "rich", "uvloop"}
PLANS = (
    "chosen", "recorder", "trust", "verify", "check.check", "drill.drill", "find", "content", "compare_snapshots",
    "restore.plan", "restore.folder", "restore.database",
)  # fmt: skip


def test_planning_a_job_loads_neither_ssh_nor_databases_nor_textual() -> None:
    code = (
        f"import importlib, sys\nfor name in {PLANS!r}:\n"
        f"    importlib.import_module('tuibackup.jobs.' + name)\n"
        f"    heavy = {HEAVY!r} & {{one.partition('.')[0] for one, there in sys.modules.items() if there}}\n"
        "    assert not heavy, f'{name} loads {heavy}'\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
