"""What is compared: for each peer, the command of its pull number 0, 1, 2 … into a folder of its own."""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trees import package

TUIBACKUP = Path(sys.executable).parent / "tuibackup"
CIPHER = "aes256-gcm@openssh.com"
OURS = "tuibackup run"


@dataclass(frozen=True)
class Place:
    """Where one peer works: the server as it is reached, the tree there, and `folder` for what it keeps."""

    user: str
    port: int
    key: Path
    known_hosts: Path
    tree: Path
    folder: Path
    cache: Path

    @property
    def login(self) -> str:
        return f"{self.user}@127.0.0.1"

    @property
    def options(self) -> list[str]:
        return [
            "-F", "none", "-c", CIPHER, "-i", str(self.key),
            "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "BatchMode=yes",
        ]  # fmt: skip

    @property
    def ssh(self) -> list[str]:
        return ["ssh", *self.options, "-p", str(self.port)]


Peer = Callable[[Place, int], list[str]]


def ours(place: Place, number: int) -> list[str]:
    """`tuibackup run`: start-up, fsync, verification and record included; what is read again afterwards, in a job of
    its own, is not."""
    home, config = place.folder / "home", place.folder / "config.toml"
    if number == 0:
        (home / ".ssh").mkdir(parents=True)
        (place.folder / "vault").mkdir()
        (home / ".ssh/known_hosts").write_bytes(place.known_hosts.read_bytes())
        config.write_text(
            f'state = "{place.folder}/state"\n[vault]\npath = "{place.folder}/vault"\nmin_free = "1 MB"\n'
            "[verify]\nafter_run = false\n"
            f'[servers.bench]\nhost = "127.0.0.1"\nport = {place.port}\nuser = "{place.user}"\n'
            f'key = "{place.key}"\nfolders = ["{place.tree}"]\n'
        )
        config.chmod(0o600)
    clean = [f"HOME={home}", f"PATH={os.environ['PATH']}", "LANG=C.UTF-8"]
    return ["env", "-i", *clean, str(TUIBACKUP), "--config", str(config), "run", "bench"]


def rsync(*flags: str) -> Peer:
    """rsync into one folder that it brings up to date."""

    def pull(place: Place, number: int) -> list[str]:
        return [*_rsync(place), *flags, f"{place.login}:{place.tree}/", f"{place.folder}/tree/"]

    return pull


def link_dest(place: Place, number: int) -> list[str]:
    """rsync into a folder of each pull, unchanged files linked to those of the pull before."""
    before = [f"--link-dest={place.folder}/{number - 1}/"] if number else []
    return [*_rsync(place), "-a", *before, f"{place.login}:{place.tree}/", f"{place.folder}/{number}/"]


def _rsync(place: Place) -> list[str]:
    return ["rsync", "-e", shlex.join(place.ssh)]


def rsnapshot(place: Place, number: int) -> list[str]:
    """Debian's rsnapshot, unpacked into the cache, with its own way to use rsync --link-dest."""
    unpacked = place.cache / "rsnapshot"
    if not unpacked.exists():
        package("rsnapshot", unpacked)
    config = place.folder / "rsnapshot.conf"
    if number == 0:
        lines = [
            ("config_version", "1.2"),
            ("snapshot_root", f"{place.folder}/snapshots/"),
            ("cmd_rsync", "/usr/bin/rsync"),
            ("cmd_ssh", "/usr/bin/ssh"),
            ("ssh_args", shlex.join(place.ssh[1:])),
            ("link_dest", "1"),
            ("retain", "daily", "99"),
            ("lockfile", f"{place.folder}/rsnapshot.pid"),
            ("backup", f"{place.login}:{place.tree}/", "bench/"),
        ]
        config.write_text("".join("\t".join(line) + "\n" for line in lines))
    return ["perl", str(unpacked / "usr/bin/rsnapshot"), "-c", str(config), "daily"]


def tar_zstd(place: Place, number: int) -> list[str]:
    """`ssh tar | zstd > file`: the least a pull can do, with nothing checked and nothing proven."""
    pull = shlex.join([*place.ssh, place.login, f"tar -C {shlex.quote(str(place.tree))} -cf - ."])
    return ["bash", "-o", "pipefail", "-c", f"{pull} | zstd -q -1 > {place.folder}/{number}.tar.zst"]


def scp(place: Place, number: int) -> list[str]:
    """`scp -r`, which fetches everything every time."""
    source = f"{place.login}:{place.tree}"
    return ["scp", "-q", "-r", "-P", str(place.port), *place.options, source, f"{place.folder}/{number}"]


def sftp(place: Place, number: int) -> list[str]:
    """OpenSSH's `sftp -r`, which fetches everything every time."""
    target = place.folder / str(number)
    target.mkdir()
    return [
        "sftp",
        "-q",
        "-r",
        "-P",
        str(place.port),
        *place.options,
        f"{place.login}:{place.tree}",
        str(target),
    ]


PEERS: dict[str, Peer] = {
    OURS: ours,
    "rsync -a": rsync("-a"),
    "rsync -az": rsync("-az"),
    "rsync --link-dest": link_dest,
    "rsnapshot": rsnapshot,
    "ssh tar | zstd": tar_zstd,
    "scp -r": scp,
    "sftp -r": sftp,
}
