"""What is measured, what was aimed at, and the tables of docs/benchmarks.md."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from benchmarks.lines import FAR, LOOPBACK, SLOW
from benchmarks.measure import Measured
from benchmarks.peers import OURS

MEDIAWIKI, LINUX, RANDOM, SMALL = "mediawiki", "linux-source-6.1", "random-1g", "small-5000"
FEW, MANY = "tiny-50000", "tiny-1000000"
_MB = 1_000_000

Key = tuple[str, str, str, bool, bool, str]  # work, line, tree, SFTP only, a core for each end, peer


@dataclass(frozen=True)
class Part:
    """One comparison: the same work over the same line for all `peers`, `rounds` times."""

    work: str
    line: str
    tree: str
    peers: tuple[str, ...]
    rounds: int
    sftp_only: bool = False
    first_too: bool = False  # the pull before the first that counts is told, too: as a first one
    apart: bool = False  # each end has a core of its own

    @property
    def repeated(self) -> bool:
        """Whether there is a pull before the first that counts."""
        return self.work != "first"

    @property
    def title(self) -> str:
        return f"{self.work}, {self.tree}, {self.line}{_said(self)}"

    def words(self) -> list[str]:
        """The part as options of the command line."""
        words = ["--work", self.work, "--line", self.line, "--tree", self.tree]
        words += ["--peers", ",".join(self.peers), "--rounds", str(self.rounds)]
        words += ["--sftp-only"] if self.sftp_only else []
        words += ["--apart"] if self.apart else []
        return words + (["--first-too"] if self.first_too else [])


def parts(*, long: bool) -> list[Part]:
    """Every part, those that take minutes each only when it may take `long`."""
    some = [
        Part("first", LOOPBACK, MEDIAWIKI, (OURS, "rsync -a", "rsync -az", "rsnapshot", "ssh tar | zstd"), 5),
        Part("first", LOOPBACK, LINUX, (OURS, "rsync -a", "rsync -az", "ssh tar | zstd"), 3),
        Part("first", LOOPBACK, MEDIAWIKI, (OURS, "rsync -a", "ssh tar | zstd"), 3, apart=True),
        Part("first", LOOPBACK, LINUX, (OURS, "rsync -a", "rsync -az", "ssh tar | zstd"), 3, apart=True),
        Part("first", SLOW, MEDIAWIKI, (OURS, "rsync -a", "rsync -az"), 3),
        Part("first", SLOW, LINUX, (OURS, "rsync -a", "rsync -az"), 1),
        Part("first", LOOPBACK, RANDOM, (OURS, "rsync -a"), 3),
        Part("first", FAR, RANDOM, (OURS, "rsync -a"), 3),
        Part("unchanged", LOOPBACK, MEDIAWIKI, (OURS, "rsync --link-dest", "rsnapshot"), 5),
        Part("unchanged", LOOPBACK, LINUX, (OURS, "rsync --link-dest"), 3),
        Part("unchanged", FAR, MEDIAWIKI, (OURS, "rsync --link-dest"), 3),
        Part("unchanged", FAR, LINUX, (OURS, "rsync --link-dest"), 3),
        Part("changed", LOOPBACK, MEDIAWIKI, (OURS, "rsync --link-dest"), 3),
        Part("changed", LOOPBACK, LINUX, (OURS, "rsync --link-dest"), 3),
        Part("first", LOOPBACK, FEW, (OURS, "rsync -a"), 3),
        Part("unchanged", LOOPBACK, FEW, (OURS, "rsync --link-dest"), 3),
    ]
    minutes = [
        Part("first", LOOPBACK, MEDIAWIKI, (OURS, "scp -r", "sftp -r"), 1),
        Part("first", FAR, SMALL, (OURS, "sftp -r"), 1, sftp_only=True),
        Part("unchanged", LOOPBACK, MANY, (OURS,), 1, first_too=True),
    ]
    return some + minutes if long else some


@dataclass(frozen=True)
class Result:
    """What one peer took in each round: seconds, processor seconds here and on the server; peak bytes."""

    work: str
    line: str
    tree: str
    files: int
    sftp_only: bool
    peer: str
    seconds: list[float]
    cpu: list[float]
    served: list[float]
    peak: int
    codes: list[int]
    apart: bool = False

    @classmethod
    def of(cls, part: Part, files: int, peer: str, measured: Sequence[Measured], served: list[float]) -> Self:
        return cls(
            part.work, part.line, part.tree, files, part.sftp_only, peer,
            [one.seconds for one in measured], [one.cpu for one in measured], served,
            max(one.peak for one in measured), sorted({one.code for one in measured} - {0}), part.apart,
        )  # fmt: skip

    @property
    def key(self) -> Key:
        return self.work, self.line, self.tree, self.sftp_only, self.apart, self.peer

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def _said(one: Part | Result) -> str:
    """What is peculiar about it, to be put behind the rest."""
    return (", SFTP only" if one.sftp_only else "") + (", a core for each end" if one.apart else "")


def write(path: Path, results: Iterable[Result]) -> None:
    """Add results to the file of all that was measured."""
    with path.open("a") as file:
        file.writelines(json.dumps(asdict(result)) + "\n" for result in results)


def read(path: Path) -> list[Result]:
    """What was measured, the last word on each."""
    if not path.exists():
        return []
    found: dict[Key, Result] = {}
    for line in path.read_text().splitlines():
        result = Result(**json.loads(line))
        found[result.key] = result
    return list(found.values())


def table(results: Sequence[Result]) -> list[str]:
    """A Markdown table; × is how many times as long as ours a peer took."""
    base = {result.key[:-1]: result.median for result in results if result.peer == OURS}
    lines = [
        "| work, tree, line | peer | median | spread | × ours | CPU here + there | peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    last = ""
    for one in sorted(results, key=lambda result: (result.key[:-1], result.peer != OURS, result.peer)):
        title = f"{one.work}, {one.tree} ({one.files:,} files), {one.line}"
        title += _said(one)
        ours = base.get(one.key[:-1])
        cells = [
            "" if title == last else title,
            f"`{one.peer}`".replace("|", "\\|"),
            f"{one.median:.2f} s" + (f", exit {one.codes}" if one.codes else ""),
            f"{min(one.seconds):.2f}–{max(one.seconds):.2f} of {len(one.seconds)}",
            f"{one.median / ours:.2f}" if ours else "",
            f"{statistics.median(one.cpu):.1f} + {statistics.median(one.served):.1f} s",
            f"{one.peak / _MB:.0f} MB",
        ]
        lines.append("| " + " | ".join(cells) + " |")
        last = title
    return lines


def aims(results: Sequence[Result]) -> list[str]:
    """A Markdown table of what was aimed at, and by how much it was met or missed."""
    found = {result.key: result for result in results if not result.codes}

    def ratio(work: str, line: str, tree: str, *peers: str, sftp_only: bool = False) -> float | None:
        ours = found.get((work, line, tree, sftp_only, False, OURS))
        others = [found.get((work, line, tree, sftp_only, False, peer)) for peer in peers]
        there = [other.median for other in others if other]
        return min(there) / ours.median if ours and len(there) == len(peers) else None

    lines = ["| aim | at least | measured | |", "|---|---|---|---|"]

    def line(text: str, least: float, measured: float | None) -> None:
        if measured is None:
            verdict = ("not measured", "")
        elif measured >= least:
            verdict = (f"{measured:.2f}", "met")
        else:
            verdict = (f"{measured:.2f}", f"missed by {1 - measured / least:.0%}")
        lines.append(
            f"| {text} | {round(least, 2):g} | {verdict[0]} | {verdict[1]} |".replace(
                "tar | zstd", "tar \\| zstd"
            )
        )

    for tree in (MEDIAWIKI, LINUX):
        fastest = ratio("first", SLOW, tree, "rsync -a", "rsync -az")
        line(f"first pull, {tree}, 200 Mbit/s: times the faster of `rsync -a`, `-az`", 1.05, fastest)
    for tree in (MEDIAWIKI, LINUX):
        line(f"first pull, {tree}, loopback: times `rsync -a`", 1, ratio("first", LOOPBACK, tree, "rsync -a"))
        least = ratio("first", LOOPBACK, tree, "ssh tar | zstd")
        line(f"first pull, {tree}, loopback: of `ssh tar | zstd`", 0.65, least)
    for way in (LOOPBACK, FAR):
        for tree, least_times in ((MEDIAWIKI, 1.3), (LINUX, 2)):
            times = ratio("unchanged", way, tree, "rsync --link-dest")
            line(f"nothing changed, {tree}, {way}: times `rsync --link-dest`", least_times, times)
    for tree, least_times in ((MEDIAWIKI, 1.5), (LINUX, 2)):
        times = ratio("changed", LOOPBACK, tree, "rsync --link-dest")
        line(f"1 % changed, {tree}, loopback: times `rsync --link-dest`", least_times, times)
    line("1 GiB of random bytes, loopback: of `rsync -a`", 0.7, ratio("first", LOOPBACK, RANDOM, "rsync -a"))
    line("1 GiB of random bytes, 20 ms: times `rsync -a`", 2, ratio("first", FAR, RANDOM, "rsync -a"))
    served = [found.get(("first", LOOPBACK, LINUX, False, False, peer)) for peer in (OURS, "rsync -az")]
    there = [statistics.median(one.served) for one in served if one]
    line(
        "first pull, linux-source-6.1, loopback: `rsync -az`'s processor time on the server over ours",
        1 / 1.3,
        there[1] / there[0] if len(there) == 2 and there[0] else None,
    )
    for work in ("first", "unchanged"):
        few, many = (found.get((work, LOOPBACK, tree, False, False, OURS)) for tree in (FEW, MANY))
        line(
            f"{work}, a million tiny files: 250 MB over peak memory",
            1,
            many and 250 * _MB / max(many.peak, 1),
        )
        each = (few.median / few.files) / (many.median / many.files) if few and many else None
        line(f"{work}: time a file of 50,000 over that of a million", 1, each)
    times = ratio("first", FAR, SMALL, "sftp -r", sftp_only=True)
    line("5,000 small files over SFTP only, 20 ms: times `sftp -r`", 3, times)
    return lines
