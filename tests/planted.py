"""A server with a root folder of its own: what a test plants in /etc, /srv and elsewhere, and this machine's programs.

Each command of a login runs in a mount namespace of its own, with that folder as its root.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.toolboxes import BUSYBOX
from tuibackup.demo.sshd import PrivateSshd

_LOGIN = """#!/bin/sh
for one in usr proc dev; do mount --rbind /$one {root}/$one || exit 99; done
cd /
# All that is sent lies in {sent} afterwards.
{{
  {{ chroot {root} {as_user} {shell} -c "$SSH_ORIGINAL_COMMAND" 2>&3 | tee -a {sent}; }} 3>&1 >&4 | tee -a {sent} >&2
}} 4>&1
"""


class PlantedRoot:
    """A root folder to plant files in, and the server that has it. `nobody`: commands run as nobody."""

    def __init__(
        self, folder: Path, *, nobody: bool = False, busybox: bool = False, sudo: bool = False
    ) -> None:
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
            pytest.skip("only root can give a login a root folder of its own")
        self.root = folder / "root"
        for name in ("usr", "proc", "dev", "tmp", "etc", "var/www", "srv", "home", "opt", "root"):
            (self.root / name).mkdir(parents=True)
        for path in (folder, self.root):
            path.chmod(0o755)
        (self.root / "tmp").chmod(0o1777)
        for name in ("bin", "sbin", "lib"):
            (self.root / name).symlink_to(f"usr/{name}")
        if Path("/lib64").exists():
            (self.root / "lib64").symlink_to("usr/lib64")
        self.plant("/etc/passwd", Path("/etc/passwd").read_text())
        self.plant("/etc/group", Path("/etc/group").read_text())
        self.link("/etc/alternatives/awk", "/usr/bin/mawk")
        self._login = folder / "login"
        self.sent = folder / "sent"  # every byte that commands of this server printed
        as_user = "setpriv --reuid=65534 --regid=65534 --clear-groups" if nobody else ""
        if sudo:
            as_user = "setpriv --reuid=65534 --regid=65534 --clear-groups"
            self.plant("/etc/sudoers", "nobody ALL=(root) NOPASSWD: /usr/bin/find, /usr/bin/tar\n").chmod(
                0o440
            )
            for name in ("pam.d", "security"):
                shutil.copytree(f"/etc/{name}", self.root / "etc" / name)
            for name in ("login.defs", "nsswitch.conf", "shadow"):
                if Path("/etc", name).exists():
                    shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        shell = "/bin/sh"
        if busybox:  # its programs alone
            shell = "/usr/bin/env PATH=/busybox /busybox/sh"
            (self.root / "busybox").mkdir()
            names = subprocess.run([BUSYBOX, "--list"], capture_output=True, check=True, text=True).stdout
            for name in names.split():
                (self.root / "busybox" / name).symlink_to(BUSYBOX)
        text = _LOGIN.format(root=self.root, as_user=as_user, shell=shell, sent=self.sent)
        self._login.write_text(text)
        self._login.chmod(0o755)
        self.sshd = PrivateSshd(folder / "sshd", force_command=f"exec unshare -m {self._login}")

    def plant(self, path: str, text: str | bytes = "x") -> Path:
        """A file there, with the folders around it."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def link(self, path: str, target: str) -> None:
        """A symbolic link there."""
        link = self.root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
