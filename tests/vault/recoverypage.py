"""The commands of docs/recovery.md."""

import os
import re
import subprocess
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/recovery.md"


def run(title: str, number: int = 0, **variables: object) -> subprocess.CompletedProcess[bytes]:
    """The block of that number below the heading."""
    section = PAGE.read_text("utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    block = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[number]
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    return subprocess.run(["sh", "-euc", block], env=environment, capture_output=True, check=True, timeout=60)
