"""Changes a ledger in every way we could think of, and counts what is found, and by what.

`python -m tests.ledger.tampering` prints the table of docs/ledger.md; test_tampering.py holds it.
"""

import json
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuibackup.errors import LedgerError
from tuibackup.jobs.ledger.witnesses import Asked, by_others, by_seals
from tuibackup.ledger import Kind, Ledger, seal, witness
from tuibackup.ledger.entries import GENESIS, canonical, entry_hash
from tuibackup.ledger.results import results_of
from tuibackup.ledger.witness import Head

COLUMNS = ("time", "kind", "operator", "host", "server", "run", "body", "prev", "hash")
WAYS = ("the ledger and the file beside it", "its seals", "what is kept elsewhere")

Row = dict[str, Any]


@dataclass
class Place:
    """A state folder with a ledger of `size` entries, sealed twice, and what somebody keeps elsewhere."""

    folder: Path
    size: int = 24

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def ledger(self) -> Path:
        return self.state / "ledger.sqlite"

    @property
    def seals(self) -> Path:
        return self.state / "seals"

    @property
    def elsewhere(self) -> Path:
        return self.folder / "elsewhere"

    def make(self) -> None:
        """Write it, and keep it beside, to be put back."""
        self.elsewhere.mkdir()
        with Ledger.open(self.ledger, host="jump01") as ledger:
            for number in range(self.size - 2):
                clock = {
                    "outcome": "done",
                    "whole": True,
                    "snapshot": f"siakad/files/{number}",
                    "sums": "0" * 64,
                }
                clocks = {"files": {**clock, "started": "2026-11-22T01:30:00Z"}}
                kind = Kind.RUN if number % 2 else Kind.NOTE
                body = {"text": f"number {number}, é", "outcome": "done", "seconds": 1.5, "clocks": clocks}
                ledger.append(kind, body, operator="andi", server="siakad", run=f"run-{number}")
                if number in (self.size // 2, self.size - 4):
                    self.sealed(ledger)
            (self.elsewhere / "all.jsonl").write_text("".join(f"{line}\n" for _seq, line in ledger.lines()))
        shutil.copytree(self.state, self.folder / "kept")

    def sealed(self, ledger: Ledger) -> None:
        text = seal.statement(ledger.head(), "2026-11-29T08:00:00.000Z", "tuibackup@jump01")
        made = seal.signed(text, seal.account_key(self.seals, None))
        ledger.append(Kind.SEAL, made.body(), operator="andi")
        seal.write(self.seals, made)

    def put_back(self) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(self.folder / "kept", self.state)

    def found(self) -> list[bool]:
        """Which of WAYS find something."""
        looks: list[Callable[[Ledger], object]] = [
            lambda ledger: ledger.verify_chain().problems,
            lambda ledger: list(by_seals(ledger, self.seals, Asked())),
            lambda ledger: list(by_others(ledger, [self.elsewhere], Asked())),
        ]
        return [self._finds(look) for look in looks]

    def _finds(self, look: Callable[[Ledger], object]) -> bool:
        try:
            return bool(look(Ledger.read_only(self.ledger)))
        except LedgerError:  # one that cannot be opened is a finding, too
            return True

    def rows(self) -> list[Row]:
        with sqlite3.connect(self.ledger) as database:
            database.row_factory = sqlite3.Row
            rows = [dict(row) for row in database.execute("SELECT * FROM entry ORDER BY seq")]
        database.close()
        return rows

    def sql(self, *statements: str, values: tuple[object, ...] = ()) -> None:
        """With a database tool; the triggers are there again afterwards."""
        database = sqlite3.connect(self.ledger)
        with database:
            triggers = [
                sql for (sql,) in database.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
            ]
            for name in ("entry_no_update", "entry_no_delete"):
                database.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                database.execute(statement, values if "?" in statement else ())
            for statement in triggers:
                database.execute(statement)
        database.close()

    def write(self, rows: list[Row]) -> None:
        """All of it anew, with numbers and hashes that fit, so that the chain is whole."""
        self.sql("DELETE FROM entry", "DELETE FROM result")
        database, prev = sqlite3.connect(self.ledger), GENESIS
        with database:
            for seq, row in enumerate(rows, 1):
                fields = [row[name] for name in ("time", "kind", "operator", "host", "server", "run", "body")]
                digest = entry_hash(seq, *fields, prev)
                database.execute(
                    "INSERT INTO entry VALUES (?,?,?,?,?,?,?,?,?,?)", (seq, *fields, prev, digest)
                )
                for result in results_of(row["kind"], json.loads(row["body"])) if row["server"] else ():
                    c = result.columns()
                    told = [c[name] for name in ("outcome", "seconds", "good", "started", "snapshot")]
                    database.execute(
                        "INSERT INTO result VALUES (?,?,?,?,?,?,?,?,?)",
                        (seq, c["what"], row["server"], row["time"], *told),
                    )
                prev = digest
            database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'entry'", (len(rows),))
        database.close()

    def forge_head(self) -> None:
        """The file beside the ledger, as if it had never been another one."""
        witness.place(self.ledger).unlink(missing_ok=True)
        with Ledger.read_only(self.ledger) as ledger:
            head = ledger.head()
        if head.seq:
            witness.remember(self.ledger, Head(head.seq, head.hash))


@dataclass
class Count:
    """Of one kind: how often it was tried, and found by each of WAYS, or by any."""

    tried: int = 0
    ways: list[int] = field(default_factory=lambda: [0] * len(WAYS))
    any: int = 0


Tampering = Iterator[tuple[str, Callable[[Place], object]]]


def every(place: Place, much: int) -> Tampering:
    """Kinds of tampering with what does it. `much`: how many of those of which there is no end."""
    chance = random.Random(14)
    rows = place.rows()
    yield from _in_columns(rows, chance, much)
    for number in range(1, len(rows) + 1):
        gone = (f"DELETE FROM entry WHERE seq = {number}", f"DELETE FROM result WHERE seq = {number}")
        yield "an entry removed", lambda p, gone=gone: p.sql(*gone)
        left = number - 1
        cut = (
            f"DELETE FROM entry WHERE seq > {left}",
            f"DELETE FROM result WHERE seq > {left}",
            f"UPDATE sqlite_sequence SET seq = {left} WHERE name = 'entry'",
        )
        yield "the end cut off, with its traces in the database", lambda p, cut=cut: p.sql(*cut)
        yield (
            "the same, and in the file beside it",
            lambda p, cut=cut: (p.sql(*cut), p.forge_head()),
        )
        yield "an older copy put back, and used", lambda p, cut=cut: (p.sql(*cut), _goes_on(p))
    for one, other in zip(range(1, len(rows)), range(2, len(rows) + 1), strict=True):
        swap = (
            f"UPDATE entry SET seq = -1 WHERE seq = {one}",
            f"UPDATE entry SET seq = {one} WHERE seq = {other}",
            f"UPDATE entry SET seq = {other} WHERE seq = -1",
        )
        yield "two entries swapped", lambda p, swap=swap: p.sql(*swap)
    yield from _anew(rows)
    yield from _of_the_file(place, chance, much)


def _in_columns(rows: list[Row], chance: random.Random, much: int) -> Tampering:
    for column in COLUMNS:
        for row in rows:
            text = row[column]
            for _time in range(much if text else 0):
                raw = bytearray(text.encode())
                raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
                flip = f"UPDATE entry SET {column} = CAST(? AS TEXT) WHERE seq = {row['seq']}"
                yield (
                    "a bit flipped in a column",
                    lambda p, flip=flip, raw=bytes(raw): p.sql(flip, values=(raw,)),
                )
        for value in ("''", "7", "X'00ff'", "'x'"):
            put = f"UPDATE entry SET {column} = {value} WHERE seq = 5"
            yield "a column replaced", lambda p, put=put: p.sql(put)
    for column in ("what", "server", "time", "outcome", "good", "snapshot"):
        put = f"UPDATE OR REPLACE result SET {column} = 'x' WHERE seq = 4"
        yield "the table `result` changed", lambda p, put=put: p.sql(put)
    yield "the table `result` changed", lambda p: p.sql("DELETE FROM result WHERE seq = 4")


def _anew(rows: list[Row]) -> Tampering:
    """Chains that are whole: everything from a place on was hashed again."""
    for number in range(len(rows)):
        changed = [dict(row) for row in rows]
        changed[number]["operator"] = "siti"
        more = [
            *rows[:number],
            {**rows[number], "kind": "note", "body": canonical({"text": "was here"})},
            *rows[number:],
        ]
        less = rows[:number] + rows[number + 1 :]
        for what, forged in (("changed", changed), ("inserted", more), ("removed", less)):
            yield f"an entry {what}, all after it hashed again", lambda p, f=forged: p.write(f)
            yield (
                f"an entry {what}, all after it and the file beside it forged",
                lambda p, f=forged: (p.write(f), p.forge_head()),
            )
        yield "all forged and signed again with the account's key", lambda p, f=changed: _sign_again(p, f)


_MADE = (
    "CREATE TABLE more (text)",
    "CREATE VIEW notes AS SELECT * FROM entry WHERE kind = 'note'",
    "CREATE INDEX more ON entry (host)",
    "CREATE TRIGGER more AFTER INSERT ON entry BEGIN DELETE FROM result; END",
    "ALTER TABLE entry ADD COLUMN more",
    "ALTER TABLE result ADD COLUMN more",
)


def _of_the_file(place: Place, chance: random.Random, much: int) -> Tampering:
    for name in ("entry_no_update", "entry_no_delete"):
        yield "a trigger removed", lambda p, name=name: _plain(p, f"DROP TRIGGER {name}")
    for name in ("entry_kind", "result_last"):
        yield "an index removed", lambda p, name=name: _plain(p, f"DROP INDEX {name}")
    for what in _MADE:
        yield "something made in the file", lambda p, what=what: _plain(p, what)
    for name in ("update", "delete"):
        blind = f"CREATE TRIGGER entry_no_{name} BEFORE {name} ON entry BEGIN SELECT 1; END"
        yield (
            "a trigger replaced",
            lambda p, name=name, b=blind: _plain(p, f"DROP TRIGGER entry_no_{name}", b),
        )
    for name, table in (("entry_kind", "entry"), ("result_last", "result")):
        other = f"CREATE INDEX {name} ON {table} (time)"
        yield "an index replaced", lambda p, name=name, o=other: _plain(p, f"DROP INDEX {name}", o)
    yield "another ledger put in its place", _another
    yield "a log removed that nobody wrote back", _without_its_log
    yield "the file emptied", lambda p: p.ledger.write_bytes(b"")
    yield "the file removed, a new ledger begun", lambda p: (p.ledger.unlink(), _goes_on(p))
    size = place.ledger.stat().st_size
    for _time in range(30 * much):
        where, bit = chance.randrange(size), 1 << chance.randrange(8)
        yield "a bit flipped anywhere in the file", lambda p, w=where, b=bit: _flip(p, w, b)
    for length in range(0, size, max(1, size // (5 * much))):
        yield "the file cut off", lambda p, n=length: p.ledger.write_bytes(p.ledger.read_bytes()[:n])


def _plain(place: Place, *statements: str) -> None:
    database = sqlite3.connect(place.ledger)
    with database:
        for statement in statements:
            database.execute(statement)
    database.close()


def _another(place: Place) -> None:
    """One that is whole, of another machine."""
    place.ledger.unlink()
    with Ledger.open(place.ledger, host="jump02") as ledger:
        for _number in range(place.size):
            ledger.append(Kind.NOTE, {"text": "elsewhere"}, operator="andi")
    witness.place(place.ledger).write_bytes(
        (place.folder / "kept" / witness.place(place.ledger).name).read_bytes()
    )


def _without_its_log(place: Place) -> None:
    """As a kill leaves one behind: the newest entries are in the log alone."""
    ledger = Ledger.open(place.ledger, host="jump01")
    before = place.ledger.read_bytes()
    ledger.append(Kind.NOTE, {"text": "goes on"}, operator="andi")
    ledger.close()
    place.ledger.write_bytes(before)


def _goes_on(place: Place) -> None:
    with Ledger.open(place.ledger, host="jump01") as ledger:
        ledger.append(Kind.NOTE, {"text": "goes on"}, operator="andi")


def _flip(place: Place, where: int, bit: int) -> None:
    content = bytearray(place.ledger.read_bytes())
    content[where] ^= bit
    place.ledger.write_bytes(content)


def _sign_again(place: Place, rows: list[Row]) -> None:
    place.write([row for row in rows if row["kind"] != "seal"])
    place.forge_head()
    for path in place.seals.glob("seal-*"):
        path.unlink()
    with Ledger.open(place.ledger, host="jump01") as ledger:
        place.sealed(ledger)


def harmless(place: Place, before: list[Row]) -> bool:
    """Whether everything that is ever read is as it was: a flipped bit may lie where nothing is."""
    try:
        with Ledger.read_only(place.ledger) as ledger:
            list(ledger.log(1000))
        return place.rows() == before
    except Exception:
        return False


def tried(folder: Path, much: int) -> dict[str, Count]:
    """Every tampering, one at a time, each on a ledger that is whole."""
    place = Place(folder)
    place.make()
    assert place.found() == [False, False, False], "nobody touched it"
    before = place.rows()
    counts: dict[str, Count] = {}
    for what, do in every(place, much):
        do(place)
        ways = place.found()
        if any(ways) or "anywhere" not in what or not harmless(place, before):
            count = counts.setdefault(what, Count())
            count.tried += 1
            count.any += any(ways)
            count.ways = [number + way for number, way in zip(count.ways, ways, strict=True)]
        place.put_back()
    return counts


def table(counts: dict[str, Count]) -> str:
    """As docs/ledger.md has it."""
    lines = [
        f"| what was done | tried | found | by {WAYS[0]} | by {WAYS[1]} | by {WAYS[2]} |",
        "|---|---|---|---|---|---|",
    ]
    for what, count in counts.items():
        lines.append(f"| {what} | {count.tried} | {count.any} | {' | '.join(map(str, count.ways))} |")
    total = sum(count.tried for count in counts.values()), sum(count.any for count in counts.values())
    return "\n".join([*lines, f"| **together** | **{total[0]}** | **{total[1]}** | | | |"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(table(tried(Path(name), 10)))
