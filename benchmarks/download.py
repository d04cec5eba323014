"""The download beside its peers: `python -m benchmarks.download [--tree mediawiki] [--rounds 5]`.

Each round lets every peer pull the same tree from the same private sshd, one after the other, into a fresh
place; whole processes are timed, ours from the start of `tuibackup run` to its exit with fsync and
verification. Printed: the median of each, and its ratio to the first peer.
"""

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuibackup.demo.sshd import PrivateSshd

TUIBACKUP = Path(sys.executable).parent / "tuibackup"
CIPHER = "aes256-gcm@openssh.com"
PACKAGES = ("mediawiki", "wordpress", "linux-source-6.1")


@dataclass(frozen=True)
class Bench:
    """Where a round works: the server, the tree on it, and a folder for what is pulled."""

    sshd: PrivateSshd
    tree: Path
    folder: Path

    @property
    def ssh(self) -> list[str]:
        known = self.folder / "known_hosts"
        known.write_text("\n".join(self.sshd.known_hosts_lines) + "\n")
        return [
            "ssh", "-F", "none", "-c", CIPHER, "-p", str(self.sshd.port), "-i", str(self.sshd.client_key),
            "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes",
        ]  # fmt: skip

    @property
    def login(self) -> str:
        return f"{self.sshd.user}@{self.sshd.host}"


def run(command: list[str], **options: object) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]


def tuibackup(bench: Bench, target: Path) -> None:
    """`tuibackup run`, vault and ledger new: the first pull."""
    home = target / "home"
    (home / ".ssh").mkdir(parents=True)
    (target / "vault").mkdir()
    shutil.copy(bench.folder / "known_hosts", home / ".ssh/known_hosts")
    config = target / "config.toml"
    config.write_text(
        f'state = "{target}/state"\n[vault]\npath = "{target}/vault"\nmin_free = "1 MB"\n'
        f'[servers.bench]\nhost = "{bench.sshd.host}"\nport = {bench.sshd.port}\nuser = "{bench.sshd.user}"\n'
        f'key = "{bench.sshd.client_key}"\nfolders = ["{bench.tree}"]\n'
    )
    config.chmod(0o600)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    command = [str(TUIBACKUP), "--config", str(config), "run", "bench"]
    run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rsync(*flags: str) -> Callable[[Bench, Path], None]:
    def pull(bench: Bench, target: Path) -> None:
        run(["rsync", *flags, "-e", shlex.join(bench.ssh), f"{bench.login}:{bench.tree}/", f"{target}/tree/"])

    return pull


def tar_zstd(bench: Bench, target: Path) -> None:
    """`ssh tar | zstd > file`: the least a pull can do, with nothing checked and nothing proven."""
    remote = f"tar -C {shlex.quote(str(bench.tree))} -cf - ."
    with (target / "tree.tar.zst").open("wb") as stored:
        pull = subprocess.Popen(
            [*bench.ssh, bench.login, remote], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        subprocess.run(["zstd", "-q", "-1"], stdin=pull.stdout, stdout=stored, check=True)
        if pull.wait():
            raise SystemExit("ssh tar failed")


PEERS: dict[str, Callable[[Bench, Path], None]] = {
    "tuibackup": tuibackup,
    "rsync -a": rsync("-a"),
    "rsync -az": rsync("-az"),
    "ssh tar | zstd": tar_zstd,
}


def tree_of(name: str, cache: Path) -> Path:
    """The unpacked Debian package `name` (fetched once with apt-get), or the folder of that name."""
    if Path(name).is_dir():
        return Path(name).resolve()
    tree = cache / name
    if not tree.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            run(["apt-get", "-q", "download", name], cwd=scratch, stdout=subprocess.DEVNULL)
            (package,) = Path(scratch).glob("*.deb")
            run(["dpkg", "-x", str(package), f"{scratch}/tree"])
            for packed in Path(scratch, "tree").glob("usr/src/*.tar.xz"):
                run(["tar", "-C", str(packed.parent), "-xf", str(packed)])
                packed.unlink()
            Path(scratch, "tree").rename(tree)
    return tree


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", default="mediawiki", help=f"a folder, or one of {', '.join(PACKAGES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/tuibackup-benchmarks")
    words = parser.parse_args()
    peers = words.peers.split(",")
    tree = tree_of(words.tree, words.cache)
    times: dict[str, list[float]] = {peer: [] for peer in peers}
    with tempfile.TemporaryDirectory(prefix="tuibackup-bench-") as scratch:
        folder = Path(scratch)
        with PrivateSshd(folder / "sshd", config=[f"Ciphers {CIPHER}"]) as sshd:
            bench = Bench(sshd, tree, folder)
            run(
                [
                    *bench.ssh,
                    bench.login,
                    f"find {shlex.quote(str(tree))} -type f -exec cat {{}} + >/dev/null",
                ]
            )
            for number in range(words.rounds):
                order = peers[number % len(peers) :] + peers[: number % len(peers)]
                for peer in order:
                    target = folder / "target"
                    target.mkdir()
                    os.sync()
                    began = time.perf_counter()
                    PEERS[peer](bench, target)
                    times[peer].append(time.perf_counter() - began)
                    subprocess.run(["chmod", "-R", "u+w", target], check=True)
                    shutil.rmtree(target)
    files = sum(len(names) for _folder, _folders, names in os.walk(tree))
    base = statistics.median(times[peers[0]])
    print(f"{words.tree}: {files:,} files, {words.rounds} rounds, loopback, {CIPHER}")
    for peer, seconds in times.items():
        median = statistics.median(seconds)
        spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
        print(f"  {peer:<16} {median:7.2f} s  ({spread})  {median / base:5.2f} x {peers[0]}")


if __name__ == "__main__":
    main()
