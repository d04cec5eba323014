"""A server whose disk fails: its tools meet errors and lies that no healthy file system tells (see faulty.c)."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuibackup.demo.sshd import PrivateSshd

_SOURCE = Path(__file__).with_name("faulty.c")


def faulty_library(folder: Path) -> Path:
    """The library, made in `folder` unless it is there; the test is skipped where there is no compiler."""
    library = folder / "faulty.so"
    if not library.exists():
        if shutil.which("gcc") is None:
            pytest.skip("a disk that fails is played by a library made with gcc")
        command = ["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True)
    return library


@dataclass
class FaultyServer:
    """A private sshd; what goes wrong there is said in `rules` before each run."""

    sshd: PrivateSshd
    rules: Path

    def fails(self, *rules: str) -> None:
        """From now on these are the faults, each `ACT NUMBER PATH`."""
        self.rules.write_text("".join(f"{rule}\n" for rule in rules))


@contextmanager
def faulty_server(place: Path, tools: Path | None = None, *, sftp: bool = False) -> Iterator[FaultyServer]:
    """A server in `place`; `tools` is all its PATH (see `toolboxes`). With `sftp` it has nothing else."""
    library, rules = faulty_library(place), place / "faults"
    rules.touch()
    path = f"PATH={tools}; export PATH; " if tools else ""
    shell = f"{tools}/sh" if tools else "/bin/sh"
    failing = f"FAULTS={rules}; LD_PRELOAD={library}; export FAULTS LD_PRELOAD;"
    if sftp:
        what = "exec /usr/lib/openssh/sftp-server"
        command = f"""{failing} case $SSH_ORIGINAL_COMMAND in *sftp*) {what};; *) exit 1;; esac """
        config = ("Subsystem sftp /usr/lib/openssh/sftp-server",)
    else:
        command = f"""{path}{failing} exec {shell} -c "$SSH_ORIGINAL_COMMAND" """
        config = ()
    with PrivateSshd(place / "faulty", config=config, force_command=command) as sshd:
        yield FaultyServer(sshd, rules)
