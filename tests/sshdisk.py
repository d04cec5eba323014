"""A backup disk over the network, which can stand still in the middle of things and go on: an sshfs of our own sshd."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuibackup.demo.sshd import PrivateSshd


@dataclass
class SshDisk:
    """`behind` is the folder on the server; what is written to the disk can be seen there also while it is silent."""

    behind: Path
    sshd: PrivateSshd

    def stand_still(self) -> None:
        """From now on it answers nothing, and whoever touches it cannot even be killed."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in _below(self.sshd._process.pid):
            os.kill(process, number)


@contextmanager
def ssh_disk(folder: Path, place: Path) -> Iterator[SshDisk]:
    """For the block, `folder` is such a disk; its server lies in `place`. Skips where there is no sshfs."""
    if not shutil.which("sshfs") or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("a disk over the network is played by sshfs")
    behind = place / "behind"
    behind.mkdir(parents=True)
    with PrivateSshd(place / "disk") as sshd:
        options = {
            "IdentityFile": sshd.client_key,
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": place / "known",
            "port": sshd.port,
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        source = f"{sshd.user}@{sshd.host}:{behind}"
        subprocess.run(["sshfs", *words, source, str(folder)], check=True, timeout=60)
        disk = SshDisk(behind, sshd)
        try:
            yield disk
        finally:
            disk.go_on()
            subprocess.run(["fusermount3", "-u", "-z", str(folder)], check=True)


def _below(process: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        found += [int(child), *_below(int(child))]
    return found
