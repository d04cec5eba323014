"""The dump of all databases beside its peers, over a real sshd: `python -m benchmarks.dump --all`, or one line of it.

    python -m benchmarks.dump --line loopback --rounds 5 [--size 1.2] [--peers "tuibackup run,mydumper"]
    python -m benchmarks.dump --all                    both lines, then the tables of docs/benchmarks.md
    python -m benchmarks.dump --report                 the tables again, from what was measured

Each round lets every peer dump the same databases of a private mariadbd one after the other; whole processes are timed,
ours from the start of `tuibackup run` to its exit with rows counted, fsync, verification and record. The server's data
is in its memory. `--size` is about gigabytes of SQL; the server that holds them is kept in the cache.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import lines
from benchmarks.measure import Measured, measure
from benchmarks.peers import CIPHER, OURS, TUIBACKUP, Place
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

BARE = "tuibackup run without checksums"
ALL, EACH, MYDUMPER = "ssh mariadb-dump | zstd", "one mariadb-dump a database", "mydumper over ssh -L"
LINES = (lines.LOOPBACK, lines.FAR)
_FLAGS = "--single-transaction --quick --skip-lock-tables --routines --events --triggers --no-tablespaces"
_MB = 1_000_000
# Databases and their share of the size; the large one has several tables.
DATABASES = {"siakad": 0.6, "simpeg": 0.2, "moodle": 0.1, **{f"unit_{n}": 0.02 for n in range(5)}}

# A narrow table, one of text that has to be escaped, one of bytes; together 1 GB for {narrow} = 5,000,000.
_TABLES = """
CREATE TABLE nilai (id INT PRIMARY KEY, mahasiswa INT NOT NULL, kode VARCHAR(12), nilai DECIMAL(5,2), kapan DATETIME);
INSERT INTO nilai SELECT seq, seq * 7919 MOD 99991, CONCAT('MK', seq MOD 300), seq MOD 400 / 4,
    '2026-01-01' + INTERVAL seq SECOND FROM seq_1_to_{narrow};
CREATE TABLE berita (id INT PRIMARY KEY, judul VARCHAR(200), isi TEXT);
INSERT INTO berita SELECT seq, CONCAT('Judul ke-', seq, ' "é"'), CONCAT_WS(' it\\'s\\n', SHA2(seq, 256),
    REPEAT('sebuah kalimat yang biasa, ', 4), SHA2(seq + 1, 256), 'dan seterusnya', MD5(seq)) FROM seq_1_to_{text};
CREATE TABLE pesan LIKE berita; INSERT INTO pesan SELECT * FROM berita;
CREATE TABLE berkas (id INT PRIMARY KEY, isi BLOB);
INSERT INTO berkas SELECT seq, UNHEX(REPEAT(SHA2(seq, 512), 16)) FROM seq_1_to_{bytes};
ANALYZE TABLE nilai, berita, pesan, berkas;
"""


@dataclass(frozen=True)
class Source:
    """The database server: its socket, its process, and the bytes of SQL that it holds (as the tool dumps them)."""

    socket: Path
    pid: int
    bytes: int


@dataclass(frozen=True)
class Result:
    """What one peer took in each round: seconds, processor seconds here and of the database; peak bytes; lock."""

    line: str
    bytes: int
    peer: str
    seconds: list[float]
    cpu: list[float]
    served: list[float]
    peak: int
    codes: list[int]
    lock_ms: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


Peer = Callable[[Place, Source], list[str]]


def main() -> None:
    words = _words()
    results = words.cache / "dump.jsonl"
    words.cache.mkdir(parents=True, exist_ok=True)
    if not words.report:
        peers = tuple(words.peers.split(","))
        for line in LINES if words.all else (words.line,):
            print(f"… {line}, {words.rounds} rounds", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(prefix="tuibackup-bench-", dir=words.scratch) as scratch:
                measured = _measured(line, peers, words.rounds, words.size, words.cache, Path(scratch))
            with results.open("a") as file:
                file.writelines(json.dumps(asdict(one)) + "\n" for one in measured)
    found = _newest(_read(results))
    print("\n".join([*table(list(found.values())), "", *aims(found)]))


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--line", choices=LINES, default=lines.LOOPBACK)
    parser.add_argument("--peers", default=",".join(PEERS), help=f"some of: {','.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=float, default=1.2, help="about gigabytes of SQL")
    parser.add_argument("--all", action="store_true", help="every line")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what was measured")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/tuibackup-benchmarks")
    parser.add_argument("--scratch", type=Path, help="a folder for what is dumped (default: $TMPDIR)")
    words = parser.parse_args()
    if unknown := set(words.peers.split(",")) - set(PEERS):
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    return words


def _measured(
    line: str, peers: Sequence[str], rounds: int, size: float, cache: Path, scratch: Path
) -> list[Result]:
    measured: dict[str, list[Measured]] = {peer: [] for peer in peers}
    served: dict[str, list[float]] = {peer: [] for peer in peers}
    locks: dict[str, list[float]] = {peer: [] for peer in peers}
    with _server(size, cache) as source, _places(line, peers, scratch) as places:
        # Every page is in the server's memory, and every peer's program in this machine's.
        subprocess.run(["sh", "-c", f"{_dump(source)} >/dev/null"], check=True)
        for number in range(rounds):
            shift = number % len(peers)
            for peer in [*peers[shift:], *peers[:shift]]:
                place = places[peer]
                before = _cpu(source.pid)
                os.sync()
                one = measure(PEERS[peer](place, source), scratch / "log")
                if one.code:
                    said = (scratch / "log").read_text(errors="replace").strip().splitlines()[-3:]
                    print(f"{peer}: exit code {one.code}", *said, sep="\n  ", file=sys.stderr)
                measured[peer].append(one)
                served[peer].append(_cpu(source.pid) - before)
                for told in place.folder.glob("vault/bench/databases/*/snapshot.json"):
                    locks[peer].append(json.loads(told.read_text())["lock_ms"])
                subprocess.run(["chmod", "-R", "u+w", place.folder], check=True)
                shutil.rmtree(place.folder)
                place.folder.mkdir()
    return [
        Result(
            line, source.bytes, peer, [one.seconds for one in each], [one.cpu for one in each], served[peer],
            max(one.peak for one in each), sorted({one.code for one in each} - {0}), locks[peer],
        )
        for peer, each in measured.items()
    ]  # fmt: skip


@contextmanager
def _server(size: float, cache: Path) -> Iterator[Source]:
    """A private mariadbd with about `size` GB of SQL; made once, kept in the cache."""
    folder, told = cache / f"dump-{size:g}", cache / f"dump-{size:g}.json"
    if not told.exists():
        shutil.rmtree(folder, ignore_errors=True)
    # The cache may have a long name, and a socket's may not be long.
    with PrivateMariadb(folder, options=("--innodb-buffer-pool-size=2G",)) as server:
        if not told.exists():
            print(f"making about {size:g} GB of databases", file=sys.stderr, flush=True)
            for name, share in DATABASES.items():
                rows = {
                    "narrow": max(1, int(5_000_000 * size * share)),
                    "text": max(1, int(850_000 * size * share)),
                    "bytes": max(1, int(80_000 * size * share)),
                }
                server.sql(f"CREATE DATABASE {name}; USE {name};" + _TABLES.format(**rows))
            source = Source(server.socket, server.pid, 0)
            counted = subprocess.run(
                ["sh", "-c", f"{_dump(source)} | wc -c"], capture_output=True, check=True
            )
            told.write_text(json.dumps({"bytes": int(counted.stdout)}))
        yield Source(server.socket, server.pid, json.loads(told.read_text())["bytes"])


@contextmanager
def _places(line: str, peers: Sequence[str], scratch: Path) -> Iterator[dict[str, Place]]:
    with (
        PrivateSshd(scratch / "sshd", config=[f"Ciphers {CIPHER}"]) as sshd,
        lines.opened(line, sshd.port) as port,
    ):
        known = scratch / "known_hosts"
        known.write_text(
            "".join(f"{one}\n".replace(f":{sshd.port}", f":{port}") for one in sshd.known_hosts_lines)
        )
        places = {}
        for number, peer in enumerate(peers):
            folder = scratch / f"peer{number}"
            folder.mkdir()
            places[peer] = Place(sshd.user, port, sshd.client_key, known, scratch, folder, scratch)
        yield places


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _dump(source: Source, what: str = "--all-databases") -> str:
    login = f"--no-defaults --socket={shlex.quote(str(source.socket))} --user={account()}"
    return f"mariadb-dump {login} {_FLAGS} {what}"


def ours(place: Place, source: Source, more: str = "") -> list[str]:
    """`tuibackup run`: start-up, counting, checksums, fsync, verification and record included."""
    home, config = place.folder / "home", place.folder / "config.toml"
    (home / ".ssh").mkdir(parents=True)
    (place.folder / "vault").mkdir()
    (home / ".ssh/known_hosts").write_bytes(place.known_hosts.read_bytes())
    config.write_text(
        f'state = "{place.folder}/state"\n[vault]\npath = "{place.folder}/vault"\nmin_free = "1 MB"\n'
        f'[servers.bench]\nhost = "127.0.0.1"\nport = {place.port}\nuser = "{place.user}"\nkey = "{place.key}"\n'
        f'[servers.bench.database]\ndry_load = false\nuser = "{account()}"\nsocket = "{source.socket}"\n{more}'
    )
    config.chmod(0o600)
    clean = [f"HOME={home}", f"PATH={os.environ['PATH']}", "LANG=C.UTF-8"]
    return [
        "env",
        "-i",
        *clean,
        str(TUIBACKUP),
        "--config",
        str(config),
        "run",
        "bench",
        "--only",
        "databases",
    ]


def without_checksums(place: Place, source: Source) -> list[str]:
    """What the checksums for drills cost."""
    return ours(place, source, "checksum = false\n")


def all_at_once(place: Place, source: Source) -> list[str]:
    """One program for everything, one stream: what most scripts do."""
    pull = shlex.join([*place.ssh, place.login, _dump(source)])
    return ["bash", "-o", "pipefail", "-c", f"{pull} | zstd -q -1 > {place.folder}/all.sql.zst"]


def one_after_the_other(place: Place, source: Source) -> list[str]:
    """A program for each database, one after the other."""
    script = "set -e"
    for name in DATABASES:
        pull = shlex.join([*place.ssh, place.login, _dump(source, f"--databases {name}")])
        script += f"\n{pull} | zstd -q -1 > {place.folder}/{name}.sql.zst"
    return ["bash", "-o", "pipefail", "-c", script]


def mydumper(place: Place, source: Source) -> list[str]:
    """Debian's mydumper here, its default four threads, through a tunnel to the server's socket."""
    tunnel = place.folder / "db"
    forward = [*place.ssh, "-N", "-L", f"{tunnel}:{source.socket}", place.login]
    options = [
        "--socket",
        str(tunnel),
        "--user",
        account(),
        "--compress",
        "--triggers",
        "--events",
        "--routines",
    ]
    dump = ["mydumper", *options, "--outputdir", str(place.folder / "out"), "--regex", "^(?!(mysql|sys)[.])"]
    script = (
        f"{shlex.join(forward)} & tunnel=$!; while ! [ -S {tunnel} ]; do sleep 0.01; done;"
        f" {shlex.join(dump)}; code=$?; kill $tunnel; exit $code"
    )
    return ["bash", "-c", script]


PEERS: dict[str, Peer] = {
    OURS: ours, BARE: without_checksums, ALL: all_at_once, EACH: one_after_the_other, MYDUMPER: mydumper,
}  # fmt: skip


def _read(path: Path) -> list[Result]:
    return [Result(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _newest(results: Sequence[Result]) -> dict[tuple[str, str], Result]:
    """The last word on each peer, where it had to dump as much as we had."""
    found = {(one.line, one.peer): one for one in results}
    sizes = {line: one.bytes for (line, peer), one in found.items() if peer == OURS}
    return {key: one for key, one in found.items() if one.bytes == sizes.get(one.line, one.bytes)}


def table(results: Sequence[Result]) -> list[str]:
    """A Markdown table; × is how many times as long as ours a peer took."""
    base = {one.line: one.median for one in results if one.peer == OURS}
    text = [
        "| line, SQL | peer | median | spread | × ours | CPU here + database | peak memory | lock |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in sorted(results, key=lambda one: (one.line, list(PEERS).index(one.peer))):
        ours = base.get(one.line)
        cells = [
            f"{one.line}, {one.bytes / _MB:,.0f} MB",
            f"`{one.peer}`".replace("|", "\\|"),
            f"{one.median:.2f} s" + (f", exit {one.codes}" if one.codes else ""),
            f"{min(one.seconds):.2f}–{max(one.seconds):.2f} of {len(one.seconds)}",
            f"{one.median / ours:.2f}" if ours else "",
            f"{statistics.median(one.cpu):.1f} + {statistics.median(one.served):.1f} s",
            f"{one.peak / _MB:.0f} MB",
            f"{statistics.median(one.lock_ms):.0f} ms, at most {max(one.lock_ms):.0f}" if one.lock_ms else "",
        ]
        text.append("| " + " | ".join(cells) + " |")
    return text


def aims(found: dict[tuple[str, str], Result]) -> list[str]:
    """A Markdown table of what was aimed at, and by how much it was met or missed."""
    text = ["| aim | at least | measured | |", "|---|---|---|---|"]

    def line(what: str, least: float, measured: float | None) -> None:
        if measured is None:
            verdict = ("not measured", "")
        elif measured >= least:
            verdict = (f"{measured:.2f}", "met")
        else:
            verdict = (f"{measured:.2f}", f"missed by {1 - measured / least:.0%}")
        text.append(f"| {what} | {least} | {verdict[0]} | {verdict[1]} |")

    def times(way: str, peer: str) -> float | None:
        ours, other = found.get((way, OURS)), found.get((way, peer))
        return other.median / ours.median if ours and other and not (ours.codes or other.codes) else None

    all_peer = f"`{ALL}`".replace("|", "\\|")
    line(f"loopback: times {all_peer}", 1.1, times(lines.LOOPBACK, ALL))
    line(f"loopback: times `{MYDUMPER}`", 1, times(lines.LOOPBACK, MYDUMPER))
    line(f"20 ms: times {all_peer}", 1.2, times(lines.FAR, ALL))
    line(f"20 ms: times `{MYDUMPER}`", 1, times(lines.FAR, MYDUMPER))
    ours = [one for (_, peer), one in found.items() if peer == OURS]
    line("150 MB over peak memory", 1, min((150 * _MB / one.peak for one in ours), default=None))
    locks = [lock for one in ours for lock in one.lock_ms]
    line("200 ms over the longest lock", 1, 200 / max(locks) if locks else None)
    return text


if __name__ == "__main__":
    main()
