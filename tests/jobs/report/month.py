"""A ledger of November 2026, written as the program writes it: what a report has to put on paper.

It stands for months that no test can wait for. `Month` makes entries of any shape at any time; `mixed` is a month with
everything in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger

REPORT = """\
[report]
letterhead = ["KEMENTERIAN KESEHATAN REPUBLIK INDONESIA", "POLITEKNIK KESEHATAN MEDAN"]
unit = "Unit IT Poltekkes Kemenkes Medan"
place = "Medan"
sop_number = "OT.02.02/I/0012/2019"
sop_dates = { made = "2019-01-02", revised = "", effective = "2019-02-01" }
approved_by = { name = "Dra. Ida Nurhayati, M.Kes", position = "Direktur", nip = "196711101993032002" }
signers = [{ role = "Pelaksana", name = "Andi Pratama", nip = "19900101 201503 1 001" }, \
{ role = "Mengetahui", name = "Siti Rahma, M.Kom", position = "Kepala Unit IT", nip = "198505052010122003" }, \
{ role = "Saksi", name = "Budi", nip = "K-0417" }]
"""


@dataclass
class Month:
    """Appends to the ledger at `path`, in the order in which it is told."""

    path: Path
    runs: int = 0
    operator: str = "Andi"
    ids: list[str] = field(default_factory=list)

    def run(
        self,
        server: str,
        when: datetime,
        outcome: str = "done",
        *,
        clocks: Sequence[str] = ("files", "databases"),
        error: str = "",
        slow: bool = False,
        note: str = "",
        whole: bool = True,
        subject: str = "",
    ) -> str:
        """A run with its steps; returns its id."""
        self.runs += 1
        run = f"{when:%Y-%m-%dT%H%M%SZ}-{server[:20]}-{self.runs:04x}"
        self.ids.append(run)
        failed = outcome in ("failed", "interrupted")
        say = {"server": server, "run": run}
        needs = {
            "needs": [{"need": "connection", "ok": True, "detail": "10.10.0.5 port 22"}],
            "clocks": list(clocks),
        }
        self.add(Kind.NEEDS, needs, when, **say)
        steps = [("connect", 4.0, 600.0)]
        if not failed and "files" in clocks:
            steps.append(("download", 754.0 if slow else 93.0, None))
        if not failed and "databases" in clocks:
            steps += [("login", 1.0, 300.0), ("dump", 41.0, None)]
        for step, seconds, standard in steps:
            body: dict[str, Any] = {
                "step": step, "outcome": outcome if failed or step == "download" else "done", "seconds": seconds,
                "standard": standard, "expected": 100.0, "slow": slow and step == "download", "detail": f"{step} ok",
            }  # fmt: skip
            if subject and step == "download":
                body |= {
                    "findings": [{"subject": subject, "reason": "changed while it was read", "mark": False}],
                    "findings_total": 1,
                }
            self.add(Kind.STEP, body, when + timedelta(seconds=seconds), **say)
        results = {
            clock: {
                "outcome": outcome,
                **(
                    {}
                    if failed
                    else {
                        "snapshot": f"{server}/{clock}/{when:%Y-%m-%dT%H%M%SZ}", "started": when.isoformat(),
                        "whole": whole, "items": 14210 if clock == "files" else 12, "bytes": 1_234_567_891,
                        "stored": 1_000_000, "detail": "",
                    }
                ),
            }
            for clock in clocks
        }  # fmt: skip
        body = {
            "outcome": outcome, "seconds": 139.0, "error": error, "clocks": results, "findings": 0, "detail": "",
            "slow": [{"step": "download", "seconds": 754.0, "limit": 150.0}] if slow else [],
        }  # fmt: skip
        ended = when + timedelta(seconds=139)
        self.add(Kind.RUN, body, ended, **say)
        if note:
            self.add(Kind.NOTE, {"text": note}, ended + timedelta(hours=2), **say)
        return run

    def add(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        when: datetime,
        *,
        server: str | None = None,
        run: str | None = None,
    ) -> None:
        """Any entry."""
        with Ledger.open(self.path, host="jump01") as ledger:
            ledger.append(kind, body, operator=self.operator, server=server, run=run, time=when)

    def restore(self, server: str, when: datetime, **more: Any) -> None:
        """A restore into a folder, approved."""
        body = {
            "snapshot": f"{server}/files/2026-11-22T013000Z", "to": "/srv/pemulihan/siakad", "paths": ["/var/www/x"],
            "paths_total": 1, "outcome": "done", "files": 214, "bytes": 88_000_000, "seconds": 12.5, "problems": [],
            "approved_by": "Siti Rahma", "reason": "berkas nilai terhapus",
            "job": f"{when:%Y-%m-%dT%H%M%SZ}-restore-1a2b", **more,
        }  # fmt: skip
        self.add(Kind.RESTORE, body, when, server=server)

    def drill(self, server: str, clock: str, when: datetime, outcome: str = "done", error: str = "") -> None:
        """A drill of one clock's snapshot."""
        body = {
            "snapshot": f"{server}/{clock}/2026-11-22T013000Z", "outcome": outcome, "seconds": 61.0, "items": 214,
            "error": error, "detail": "",
        }  # fmt: skip
        self.add(Kind.DRILL, body, when, server=server)


def at(day: int, hour: int = 1, minute: int = 30, month: int = 11) -> datetime:
    """A moment of 2026, local time."""
    return datetime(2026, month, day, hour, minute).astimezone()


def mixed(month: Month, first: str = "siakad", second: str = "ojs") -> None:
    """Kept, late, missed; failures with and without a reason; drills, a restore, notes, a change."""
    month.run(first, at(26, month=10))
    month.run(second, at(20, month=10))
    month.run(first, at(2))
    month.run(first, at(9), "failed", error="siakad: the connection was refused; is sshd running there?")
    month.run(first, at(12), note="listrik padam dua hari", slow=True)
    month.run(first, at(19), "warnings", clocks=("files",), subject="/var/www/siakad/log/app.log")
    month.run(first, at(26), clocks=("files",))
    month.run(second, at(5), "interrupted", error="stopped by Andi")
    month.drill(first, "files", at(20, 9))
    month.drill(first, "databases", at(20, 10), "failed", "akademik.nilai: 3 rows differ")
    month.restore(first, at(23, 14))
    month.add(Kind.NOTE, {"text": "rapat evaluasi backup"}, at(24, 9), server=first)
    month.add(
        Kind.CONFIG,
        {"change": "exception accepted", "what": "/srv/lama", "reason": "arsip", "owner": "Siti",
         "detail": "/srv/lama needs no backup: arsip (Siti)"},
        at(25, 9), server=first,
    )  # fmt: skip
    month.add(
        Kind.VERIFY, {"snapshot": f"{first}/files/x", "outcome": "done", "seconds": 4.0, "problems": []}, at(27, 3),
        server=first,
    )  # fmt: skip
    sent = {"copy": "kampus2", "snapshot": f"{first}/files/x", "to": "sftp://kampus2/srv", "seconds": 4.0}
    month.add(Kind.COPY, {**sent, "outcome": "done", "held": True, "bytes": 1000}, at(26, 3), server=first)
    month.add(
        Kind.COPY, {**sent, "outcome": "failed", "error": "kampus2: no answer"}, at(27, 4), server=first
    )
    month.add(Kind.COPY, {**sent, "held": False, "let_go": True, "detail": ""}, at(27, 5), server=first)
    month.add(Kind.RETENTION, {"outcome": "done", "removed": [f"{first}/files/a"]}, at(28, 3), server=first)
