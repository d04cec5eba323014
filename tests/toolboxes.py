"""Accounts of servers with other tools than GNU's: what a login there finds in its PATH, and nothing else."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tuibackup.demo.sshd import PrivateSshd

BUSYBOX = Path("/usr/bin/busybox")
RULES = "Defaults secure_path={tools}\nnobody ALL=(root) NOPASSWD: {tools}/find, {tools}/tar\n"


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


OLD_FIND = f"""#!/bin/sh
case "$*" in *-files0-from*) echo "find: unknown predicate '-files0-from'" >&2; exit 1;; esac
exec {shutil.which("find")} "$@"
"""


def acting(folder: Path, tool: str, script: str, more: str = "") -> PrivateSshd:
    """Start a server in the new `folder` on which one tool is a script of ours; $REAL in it is the tool itself.

    `more` are commands of the account's shell before it. Who looks for a tool's version gets the real one's.
    """
    folder.mkdir()
    tools = folder / "tools"
    tools.mkdir()
    real = shutil.which(tool)
    lines = f'#!/bin/sh\nREAL={real}\ncase "$*" in *--version*) exec $REAL "$@";; esac\n{script}\n'
    (tools / tool).write_text(lines)
    (tools / tool).chmod(0o755)
    if tool == "xargs":  # a find that needs it
        (tools / "find").write_text(OLD_FIND)
        (tools / "find").chmod(0o755)
    command = f"""{more}PATH={tools}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    return PrivateSshd(folder / "sshd", force_command=command).start()


def with_sudo(here: Path, tools: Path, command: str, rules: str = RULES) -> str:
    """`command` as an account that may read nothing of root's but with sudo, by `rules` about what lies in {tools}.

    They are seen by this login alone: they lie over /etc/sudoers in a mount namespace of its own. The test is skipped
    where that cannot be had.
    """
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root can make an account that sudo knows")
    sudoers = here / "sudoers"
    sudoers.write_text(rules.replace("{tools}", str(tools)))
    sudoers.chmod(0o440)
    login = here / "login"
    login.write_text(
        f"#!/bin/sh\nmount --bind {sudoers} /etc/sudoers || exit 99\n"
        f"exec setpriv --reuid=65534 --regid=65534 --clear-groups sh {here}/command\n"
    )
    (here / "command").write_text(command)
    login.chmod(0o755)
    return f"exec unshare -m {login}"
