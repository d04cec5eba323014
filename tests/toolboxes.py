"""Accounts of servers with other tools than GNU's: what a login there finds in its PATH, and nothing else."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

BUSYBOX = Path("/usr/bin/busybox")


def toolbox(
    folder: Path,
    *,
    busybox: bool = True,
    real: Sequence[str] = (),
    without: Sequence[str] = (),
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """Make a folder of tools: BusyBox's applets, or what a machine like this one has; `real` ones of this machine,
    all but `without`, and `scripts` in the place of those they are named after.
    """
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    if busybox:
        applets = subprocess.run(
            [BUSYBOX, "--list"], capture_output=True, check=True, text=True
        ).stdout.split()
        found = dict.fromkeys(applets, BUSYBOX)
    else:
        found = {path.name: path for path in Path("/usr/bin").iterdir()}
    found |= {name: Path("/usr/bin") / name for name in real}
    for name, path in found.items():
        if name not in without and name not in (scripts or {}):
            (folder / name).symlink_to(path)
    for name, text in (scripts or {}).items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def only(folder: Path, prefix: str = "", shell: str = "") -> str:
    """The ForceCommand of an account whose tools are those of `folder`, and its `shell` too where none is named.

    `prefix` starts that shell.
    """
    return (
        f"""PATH={folder}; export PATH; exec {prefix}{shell or folder / "sh"} -c "$SSH_ORIGINAL_COMMAND" """
    )
