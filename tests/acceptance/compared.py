"""What is restored beside what was backed up."""

import subprocess
from pathlib import Path


def differences(source: Path, restored: Path) -> str:
    """What rsync would still change to make `restored` like `source`: content, owners, modes, times, ACLs."""
    return subprocess.run(
        ["rsync", "-anciHAX", "--delete", f"{source}/", f"{restored}/"],
        capture_output=True,
        check=True,
        text=True,
        errors="replace",
    ).stdout
