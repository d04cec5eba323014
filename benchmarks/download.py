"""The download beside its peers, over a real sshd: `python -m benchmarks.download --all`, or one part of it.

    python -m benchmarks.download --work first --line 200mbit --tree mediawiki --rounds 5
    python -m benchmarks.download --all [--long]       every part, then the tables of docs/benchmarks.md
    python -m benchmarks.download --report             the tables again, from what was measured

Each round lets every peer do the same work one after the other; whole processes are timed, ours from the start
of `tuibackup run` to its exit with fsync, verification and record. Works: the *first* pull; a pull with
*unchanged* files and a previous one; the same with 1 % of the files *changed*.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks import lines, trees
from benchmarks.measure import Measured, child_named, measure, served_cpu
from benchmarks.peers import CIPHER, OURS, PEERS, Place
from benchmarks.report import Part, Result, aims, parts, read, table, write
from tuibackup.demo.sshd import PrivateSshd

_THERE, _HERE = 0, 1  # the cores of the server and of who pulls, where they are kept apart
_ONCE = {"scp -r", "sftp -r"}  # minutes each: one round is enough to see that


def main() -> None:
    words = _words()
    results = words.cache / "download.jsonl"
    words.cache.mkdir(parents=True, exist_ok=True)
    if words.all:
        with tempfile.TemporaryDirectory(prefix="tuibackup-bench-", dir=words.scratch) as kept:
            for part in parts(long=words.long):
                print(f"… {part.title}, {part.rounds} rounds", file=sys.stderr, flush=True)
                command = [sys.executable, "-m", "benchmarks.download", *part.words()]
                command += ["--cache", str(words.cache), "--scratch", kept, "--keep"]
                subprocess.run(command, check=False)  # a part that cannot be measured here says so
    if words.all or words.report:
        measured = read(results)
        print("\n".join([*table(measured), "", *aims(measured)]))
        return
    lines.enter(words.line)
    part = Part(
        words.work,
        words.line,
        words.tree,
        tuple(words.peers.split(",")),
        words.rounds,
        words.sftp_only,
        words.first_too,
        words.apart,
    )
    scratch = Path(tempfile.mkdtemp(prefix="tuibackup-bench-", dir=words.scratch))
    try:
        measured = _Bench(part, words.cache, scratch).run()
    finally:
        if not words.keep:
            _remove(scratch)
    write(results, measured)
    print("\n".join(table(measured)))


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", choices=("first", "unchanged", "changed"), default="first")
    parser.add_argument("--line", choices=lines.LINES, default=lines.LOOPBACK)
    parser.add_argument("--tree", default="mediawiki", help=f"a folder, or one of {', '.join(trees.TREES)}")
    parser.add_argument("--peers", default=f"{OURS},rsync -a", help=f"some of: {','.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sftp-only", action="store_true", help="the server allows nothing but SFTP")
    parser.add_argument("--apart", action="store_true", help="bind each end to a core of its own")
    parser.add_argument("--first-too", action="store_true", help="tell of the pull before the others, too")
    parser.add_argument(
        "--all",
        action="store_true",
        help="every part but the longest; about 15 minutes where nothing else runs",
    )
    parser.add_argument(
        "--long", action="store_true", help="with --all: the longest parts, too; some 10 more"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing, print what was measured")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/tuibackup-benchmarks")
    parser.add_argument("--scratch", type=Path, help="a folder for what is pulled (default: $TMPDIR)")
    parser.add_argument("--keep", action="store_true", help="leave there what was pulled")
    words = parser.parse_args()
    if unknown := set(words.peers.split(",")) - set(PEERS):
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    return words


class _Bench:
    """One part: its sshd, its line and its rounds."""

    def __init__(self, part: Part, cache: Path, scratch: Path) -> None:
        self._part = part
        self._cache = cache
        self._scratch = scratch

    def run(self) -> list[Result]:
        part = self._part
        tree = trees.tree_of(part.tree, self._cache)
        if part.work == "changed":
            tree = trees.copied(tree, self._scratch / "tree")
            time.sleep(trees.SETTLE)
        count = sum(1 for _ in trees.files(tree))
        measured: dict[str, list[Measured]] = {peer: [] for peer in part.peers}
        served: dict[str, list[float]] = {peer: [] for peer in part.peers}
        results = []
        with self._places(tree) as (places, sshd):
            for number in range(part.rounds + part.repeated):
                if part.work == "changed" and number:
                    trees.change(tree, number)
                    time.sleep(trees.SETTLE)
                shift = number % len(part.peers)
                for peer in part.peers[shift:] + part.peers[:shift]:
                    if peer in _ONCE and measured[peer]:
                        continue
                    place = places[peer]
                    before = served_cpu(sshd)
                    os.sync()
                    command = PEERS[peer](place, number if part.repeated else 0)
                    if part.apart:
                        command = ["taskset", "-c", str(_HERE), *command]
                    one = measure(command, self._scratch / "log")
                    there = served_cpu(sshd) - before
                    if one.code:
                        self._complain(peer, one)
                    if number or not part.repeated:
                        measured[peer].append(one)
                        served[peer].append(there)
                    elif part.first_too:
                        results.append(Result.of(replace(part, work="first"), count, peer, [one], [there]))
                    if not part.repeated:
                        self._set_aside(place.folder)
        return results + [Result.of(part, count, peer, measured[peer], served[peer]) for peer in part.peers]

    def _complain(self, peer: str, one: Measured) -> None:
        said = (self._scratch / "log").read_text(errors="replace").strip().splitlines()[-3:]
        print(f"{peer}: exit code {one.code}", *said, sep="\n  ", file=sys.stderr)

    @contextmanager
    def _places(self, tree: Path) -> Iterator[tuple[dict[str, Place], int]]:
        """Each peer's place, and the sshd's process id; the tree is read once, so that it is in the cache."""
        force = "internal-sftp" if self._part.sftp_only else None
        cores = os.sched_getaffinity(0)
        if self._part.apart:
            os.sched_setaffinity(0, {_THERE})  # what is started from now on inherits it: sshd, and the line
        with PrivateSshd(self._scratch / "sshd", config=[f"Ciphers {CIPHER}"], force_command=force) as sshd:
            pid = child_named("sshd")
            with lines.opened(self._part.line, sshd.port) as port:
                os.sched_setaffinity(0, cores)
                known = self._scratch / "known_hosts"
                known.write_text(
                    "".join(
                        f"{line}\n".replace(f":{sshd.port}", f":{port}") for line in sshd.known_hosts_lines
                    )
                )
                places = {}
                for number, peer in enumerate(self._part.peers):
                    folder = self._scratch / f"peer{number}"
                    folder.mkdir()
                    places[peer] = Place(sshd.user, port, sshd.client_key, known, tree, folder, self._cache)
                read = f"find {shlex.quote(str(tree))} -type f -exec cat {{}} + > /dev/null"
                subprocess.run(["sh", "-c", read], check=True)
                yield places, pid

    def _set_aside(self, folder: Path) -> None:
        """Empty `folder` without removing anything: for some minutes after many files were removed, ext4 makes new
        ones slowly (it passes over inodes that were in use just before), and `rsync -a` took six times as long.
        """
        aside = self._scratch / "aside"
        aside.mkdir(exist_ok=True)
        folder.rename(aside / str(len(os.listdir(aside))))
        folder.mkdir()


def _remove(folder: Path) -> None:
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
