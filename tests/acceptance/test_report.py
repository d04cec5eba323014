"""The printed forms, through the installed command: what a month left in the ledger is on the paper, and nothing that a
name says becomes more than text.

The month is written into the ledger as runs write it (tests/jobs/report/month.py): no test can wait for one.
"""

import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.jobs.report.month import REPORT, Month, at, mixed
from tests.terminal import Terminal
from tuibackup.ledger import Kind

JAKARTA = {"TZ": "Asia/Jakarta"}
HOSTILE = "\x1b[31m<script>alert(1)</script> #panic(1) $x$ *b* | `c` \u202egnp"


def server(name: str, label: str = "", *, database: bool = True) -> str:
    text = f'[servers.{name}]\nhost = "10.10.0.5"\nfolders = ["/var/www/{name}"]\n'
    text += f"label = {json.dumps(label)}\n" if label else ""
    return text + (f'[servers.{name}.database]\nexclude = ["scratch"]\n' if database else "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """November 2026 with everything in it: kept, late, missed and never; failures, hostile words, drills, restores."""
    settings = f'{REPORT}[copies.usb]\nto = "/mnt/usb"\noff_site = true\n'
    site = Site(tmp_path_factory.mktemp("report"), settings=settings)
    site.servers = {
        "siakad": server("siakad", "SIAKAD"),
        "ojs": server("ojs", database=False),
        "baru": server("baru"),
    }
    site.write_config()
    month = Month(site.state / "ledger.sqlite")
    mixed(month)
    copied = {"copy": "usb", "snapshot": "siakad/files/2026-11-12T013000Z", "held": True, "outcome": "done"}
    month.add(Kind.COPY, {**copied, "to": "/mnt/usb", "bytes": 1 << 20}, at(13), server="siakad")
    away = {"copy": "usb", "outcome": "failed", "error": "/mnt/usb is not there: copied when it is back"}
    month.add(Kind.COPY, away, at(20), server="siakad")
    month.operator = "=cmd|' /C calc'!A0"
    month.run("siakad", at(27, 5), "failed", error=HOSTILE, note="+1+1")
    month.restore(
        "siakad", at(27, 7), to="/srv/" + "very-long_folder.name/" * 8, approved_by="@siti", reason="-1+1"
    )
    return site


def report(site: Site, *words: str) -> str:
    said = site.tuibackup("report", "--date", "2026-12-01", *words, env=JAKARTA)
    assert said.code == 0, said.err
    return said.out


@pytest.fixture(scope="module")
def paper(site: Site) -> str:
    return report(site, "--month", "2026-11")


def test_the_month_is_the_sops_form_with_every_run_also_those_that_failed(paper: str) -> None:
    for told in (
        "# BERITA ACARA HASIL BACKUP",
        "POLITEKNIK KESEHATAN MEDAN",
        "| Nomor SOP | OT.02.02/I/0012/2019 |",
        "Dra. Ida Nurhayati, M.Kes<br>Direktur<br>NIP 19671110 199303 2 002",
        "Undang-Undang RI Nomor 12 Tahun 2012",
        "Selasa tanggal satu bulan Desember tahun dua ribu dua puluh enam",
        "| No | Aktivitas | Pelaksana | Kelengkapan | Waktu: standar | Waktu: realisasi | Output | Keterangan |",
        "| 5–10 menit | median 0:04, terlama 0:04 | Terkoneksi<br>berhasil 4 dari 7 kali |",
        "7: 3 selesai, 1 dengan peringatan, 2 gagal, 1 terputus",
        "connection was refused",
        "terlambat 3 hari \\(jatuh tempo 09/11/2026, dilaksanakan 12/11/2026\\)",
        "terlewat: jatuh tempo 27/10/2026",
        "belum pernah di-backup",
        "| 1 | usb | /mnt/usb | ya | tidak | 1 | 1,0 MiB | 13/11/2026 08.30 |",
        "| usb | siakad | 1 | **1** | 20/11/2026 08.30 | 1 |",
        "/mnt/usb is not there: copied when it is back",
        "!: melebihi waktu standar",
        "listrik padam dua hari \\(Andi\\)",
        "alasan belum dicatat",
        "rapat evaluasi backup",
        "akademik.nilai: 3 rows differ",
        "/srv/pemulihan/siakad",
        "kecuali scratch",
        "| 1 | kampus2 | siakad | 1 | **1** |",
        "kampus2: no answer",
        "seluruh rantai entri telah diperiksa, beserta segel dan snapshot: utuh",
        "NIP 19900101 201503 1 001",
        "NIP K-0417",
        "Medan, 1 Desember 2026",
    ):
        assert told.replace("-", "").replace("\\", "") in paper.replace("-", "").replace("\\", ""), told


@pytest.mark.long
def test_the_same_in_english(site: Site) -> None:
    english = report(site, "--month", "2026-11", "--language", "en")
    for told in ("# RECORD OF BACKUP RESULTS", "| 5–10 minutes |", "3 days late", "no reason is recorded"):
        assert told in english
    assert "gagal" not in english


@pytest.mark.long
def test_one_server_alone(site: Site) -> None:
    alone = report(site, "--month", "2026-11", "--server", "ojs")
    assert "server ojs" in alone
    assert "siakad" not in alone
    wrong = site.tuibackup("report", "--server", "siakat")
    assert (wrong.code, "did you mean siakad" in wrong.err) == (2, True)


@pytest.mark.long
def test_a_month_without_anything_says_so(site: Site) -> None:
    empty = report(site, "--month", "2026-02")
    assert "Tidak ada backup yang dilaksanakan dalam periode ini." in empty
    assert "Demikian berita acara ini dibuat dengan sebenarnya" in empty


def test_a_restore_is_a_berita_acara_of_its_own(site: Site) -> None:
    (number, *_more) = [
        entry["seq"] for entry in site.tuibackup("log", "--json").json if entry["kind"] == "restore"
    ]
    paper = report(site, "--restore", str(number))
    for told in (
        "# BERITA ACARA RESTORE",
        "Senin tanggal dua puluh tiga bulan November tahun dua ribu dua puluh enam",
        "| 2 | Pihak Kedua (yang menyetujui) | Siti Rahma |",
        "Saksi",
        "berkas nilai terhapus",
        "214 file",
    ):
        assert told in paper.replace("\\", ""), told
    assert site.tuibackup("report", "--restore", "nothing").code == 2


def test_a_run_shows_its_needs_and_each_step_beside_its_standard(site: Site) -> None:
    runs = [entry for entry in site.tuibackup("log", "--json").json if entry["kind"] == "run"]
    slow = next(entry["run"] for entry in runs if entry["body"]["slow"])
    paper = report(site, "--run", slow)
    for told in (
        "Kelengkapan",
        "| 12:34 ! |",
        "listrik padam dua hari",
        "siakad/files/2026-11-",
        "10.10.0.5 port 22",
    ):
        assert told in paper.replace("\\", ""), told


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)


def test_what_names_say_is_text_in_every_format(site: Site, paper: str) -> None:
    page = report(site, "--month", "2026-11", "--format", "html")
    found = Tags()
    found.feed(page)
    assert not found.tags & {"script", "img", "a", "link", "iframe"}, found.tags
    assert "&lt;script&gt;" in page
    assert "http" not in re.sub(r"http-equiv", "", page), "one file, which asks for nothing"
    assert "<script" not in paper
    rows = list(
        csv.reader(io.StringIO(report(site, "--month", "2026-11", "--format", "csv").lstrip("\ufeff")))
    )
    cells = [cell for row in rows for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    for text in (page, paper, *cells):
        assert "\x1b" not in text
        assert "\u202e" not in text
    facts = json.loads(report(site, "--month", "2026-11", "--format", "json"))
    assert [run["outcome"] for run in facts["runs"]].count("failed") == 2
    assert facts["integrity"]["problems"] == []


pdftotext = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (poppler-utils)")


@pdftotext
def test_a_pdf_is_the_same_bytes_twice_and_the_ledger_knows_its_hash(site: Site) -> None:
    first, second = site.folder / "one.pdf", site.folder / "two.pdf"
    for path in (first, second):
        report(site, "--month", "2026-11", "--output", str(path))
    assert first.read_bytes() == second.read_bytes()
    recorded = [entry["body"] for entry in site.tuibackup("log", "--json").json if entry["kind"] == "report"]
    assert [body["file"] for body in recorded[-2:]] == [str(first), str(second)]
    assert recorded[-1]["sha256"] == hashlib.sha256(second.read_bytes()).hexdigest()
    text = printed(first)
    for told in (
        "BERITA ACARA HASIL BACKUP",
        "Halaman 1 dari",
        "connection was refused",
        "Siti Rahma, M.Kom",
        "#panic(1)",
    ):
        assert told in text, told
    assert "\x1b" not in text
    last = text.rstrip("\f\n").rpartition("\f")[2]
    assert "NIP 19900101 201503 1 001" in last
    assert "Keutuhan catatan" in last, "the signatures are alone on their page"


def printed(path: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.long
def test_a_timer_files_the_report_of_the_month_before(site: Site) -> None:
    before = f"{datetime.now().replace(day=1) - timedelta(days=1):%Y-%m}"
    filed = site.tuibackup("report", "--month", "last", "--filed")
    path = site.state / f"reports/{before}.pdf"
    assert f"√ {path}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}" in " ".join(filed.out.split())
    site.tuibackup("report", "--month", "last", "--filed", "--server", "ojs", "--format", "html")
    assert sorted(one.name for one in path.parent.iterdir() if before in one.name) == [
        f"{before}-ojs.html",
        f"{before}.pdf",
    ]


@pytest.mark.long
def test_what_cannot_be_is_refused_in_one_line(site: Site) -> None:
    there = len(site.tuibackup("log", "--json").json)
    later = f"{datetime.now().year + 2}"
    for words in (
        ("--month", "2026-13"),
        ("--year", later),
        ("--run", "nothing"),
        ("--run", ""),
        ("--month", "2026-11", "--year", "2026"),
        ("--output", str(site.folder)),
        ("--output", "/dev/null"),
        ("--output", "/nowhere/at/all.pdf"),
        ("--date", "tomorrow"),
        ("--format", "docx"),
        ("--server", "siakad", "--run", "2026"),
        ("--read-only", "--output", str(site.folder / "no.pdf")),
    ):
        said = site.tuibackup("report", *words)
        assert said.code == 2, (words, said)
        assert len(said.err.strip().splitlines()) == 1, said.err
        assert said.out == ""
    assert site.tuibackup("--read-only", "report").code == 0
    assert len(site.tuibackup("log", "--json").json) == there


def test_the_cockpit_makes_the_report_of_a_month_and_shows_where_it_lies(site: Site) -> None:
    with Terminal([str(TUIBACKUP)], site.environment(JAKARTA), columns=140, rows=40, cwd=site.home) as seat:
        seat.wait_for("q quit", "siakad")
        seat.send("P")
        seat.wait_for("A month, as 2026-11")
        seat.send("\x15" + "2026-13\r")
        seat.wait_for("is no month")
        seat.send("\x15" + "2026-11\r")
        seat.wait_for("It lies in", "SHA-256")
        seat.send("\x1bq")
    (path,) = (site.state / "reports").glob("2026-11.*")
    assert path.name in ("2026-11.pdf", "2026-11.html")
    recorded = [entry["body"] for entry in site.tuibackup("log", "--json").json if entry["kind"] == "report"]
    assert recorded[-1]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
