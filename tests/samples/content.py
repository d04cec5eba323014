"""What stands on the servers of the samples, and what happens to it between one run and the next."""

import os
import subprocess
from pathlib import Path

from tests.samples.world import APPLICATION, ITS_SETTINGS, SCANS

_DAY = 86_400_000_000_000
_BEGAN = 1_767_225_600_123_456_789  # 2026-01-01, in ns

DATABASES = r"""
SET NAMES utf8mb4;
CREATE DATABASE akademik; CREATE DATABASE arsip; CREATE DATABASE `aneh/nama`; USE akademik;
CREATE TABLE mahasiswa (nim INT PRIMARY KEY, nama VARCHAR(40)) DEFAULT CHARSET utf8mb4;
CREATE TABLE nilai (id INT PRIMARY KEY, nim INT, huruf VARCHAR(20), isi BLOB,
    FOREIGN KEY (nim) REFERENCES mahasiswa (nim));
INSERT INTO mahasiswa SELECT seq, CONCAT('it''s; ', CHAR(10), '(', CHAR(92), '漢', seq) FROM seq_1_to_300;
INSERT INTO nilai SELECT seq, seq, CONCAT('"a`', seq), UNHEX(MD5(seq)) FROM seq_1_to_300;
CREATE TABLE kosong (i INT);
CREATE TABLE hitungan (a INT, b INT AS (a + 1) VIRTUAL, c FLOAT);
INSERT INTO hitungan (a, c) VALUES (7, 0.1), (8, -0.0);
CREATE TABLE riwayat (a INT PRIMARY KEY, b INT) WITH SYSTEM VERSIONING; INSERT INTO riwayat VALUES (1, 1), (2, 2);
UPDATE riwayat SET b = 3 WHERE a = 1; DELETE FROM riwayat WHERE a = 2;
CREATE TABLE lama (i INT, x VARCHAR(20)) ENGINE=MyISAM; INSERT INTO lama VALUES (1, 'satu'), (2, NULL);
CREATE SEQUENCE nomor START WITH 7; SELECT NEXTVAL(nomor); CREATE TABLE urut (i INT DEFAULT NEXTVAL(nomor), j INT);
INSERT INTO urut (j) VALUES (1), (2);
CREATE VIEW ringkas AS SELECT id FROM nilai; CREATE VIEW `di atas` AS SELECT id FROM ringkas;
CREATE TABLE sebentar (i INT); CREATE VIEW rusak AS SELECT i FROM sebentar; DROP TABLE sebentar;
DELIMITER ;;
CREATE TRIGGER jaga BEFORE INSERT ON kosong FOR EACH ROW BEGIN SET NEW.i = 1; SET @a = ';;'; END;;
CREATE PROCEDURE hitung() BEGIN SELECT ';' AS 'it''s'; SELECT COUNT(*) FROM nilai; END;;
CREATE FUNCTION satu() RETURNS INT DETERMINISTIC RETURN 1;;
CREATE EVENT malam ON SCHEDULE EVERY 1 DAY DO DELETE FROM kosong;;
DELIMITER ;
USE arsip;
CREATE TABLE berkas (i INT PRIMARY KEY DEFAULT NEXTVAL(akademik.nomor)); INSERT INTO berkas VALUES (1), (2), (3);
CREATE VIEW balik AS SELECT id FROM akademik.ringkas; CREATE VIEW akademik.silang AS SELECT i FROM berkas;
CREATE TABLE `aneh/nama`.`tabel ``x``` (`kolom "y"` INT); INSERT INTO `aneh/nama`.`tabel ``x``` VALUES (1);
CREATE ROLE pembaca; GRANT SELECT ON akademik.* TO pembaca; CREATE USER budi@localhost IDENTIFIED BY 'p''w\\"x';
GRANT pembaca TO budi@localhost; GRANT SELECT (nim), UPDATE (nama) ON akademik.mahasiswa TO budi@localhost;
"""
LATER = """
INSERT INTO akademik.mahasiswa VALUES (301, 'baru'); DELETE FROM akademik.nilai WHERE id > 290;
DROP VIEW akademik.rusak; CREATE TABLE arsip.tambahan (t DATETIME(6)); INSERT INTO arsip.tambahan VALUES ('2026-01-01');
"""


def begin() -> None:
    """What there is at the first run."""
    (APPLICATION / "uploads/2026").mkdir(parents=True)
    (APPLICATION / "kosong/di dalam").mkdir(parents=True)
    (APPLICATION / "index.php").write_text("<?php echo 'siakad';\n")
    for number in range(12):
        (APPLICATION / f"uploads/2026/krs-{number:02}.pdf").write_bytes(
            b"%PDF" + bytes([number]) * (997 * number)
        )
    (APPLICATION / "same.php").hardlink_to(APPLICATION / "index.php")
    (APPLICATION / "current").symlink_to("uploads/2026")
    (APPLICATION / "to nowhere").symlink_to("../\nnowhere")
    (APPLICATION / "empty").touch()
    for odd in (
        b"new\nline",
        b"bad \xff\xfe utf-8",
        b"back\\slash\\n",
        b"-rf",
        b"$(x)`x`'\"",
        b"%2F",
        b"n" * 255,
    ):
        Path(os.fsdecode(os.fsencode(APPLICATION) + b"/" + odd)).write_bytes(odd)
    Path(APPLICATION, "漢字 é").write_text("漢字\n")
    with (APPLICATION / "sparse.img").open("wb") as sparse:
        sparse.write(b"begins")
        sparse.seek(9 << 20)  # over several frames
        sparse.write(b"ends")
    (APPLICATION / "left out.log").touch()
    os.mkfifo(APPLICATION / "pipe")
    (APPLICATION / "noted").write_text("has attributes\n")
    os.setxattr(APPLICATION / "noted", "user.note", b"a note\0\xff")
    subprocess.run(["setfacl", "-m", "u:1234:rw,g:33:r", APPLICATION / "noted"], check=True)
    (APPLICATION / "setuid").write_text("#!/bin/sh\n")
    (APPLICATION / "setuid").chmod(0o4755)
    ITS_SETTINGS.mkdir(parents=True)
    (ITS_SETTINGS / "siakad.ini").write_text("[db]\nname = akademik\n")
    for number in range(3):
        (ITS_SETTINGS / f"{number}.conf").write_text(f"number = {number}\n" * 50)
    SCANS.mkdir(parents=True)
    for name in (b"ijazah 1.tif", b"new\nline", b"bad \xff\xfe utf-8", b"ijazah 2.tif"):
        Path(os.fsdecode(os.fsencode(SCANS) + b"/" + name)).write_bytes(name * 1000)
    (SCANS / "first").symlink_to("ijazah 1.tif")
    dated(0)


def change() -> None:
    """Changed, removed, renamed, another kind; and one file that may not be read."""
    (APPLICATION / "index.php").write_text("<?php echo 'siakad 2';\n")
    (APPLICATION / "uploads/2026/krs-03.pdf").unlink()
    (APPLICATION / "uploads/2026/krs-04.pdf").rename(APPLICATION / "uploads/2026/renamed.pdf")
    (APPLICATION / "uploads/2026/krs-05.pdf").write_bytes(b"%PDF changed")
    (APPLICATION / "empty").unlink()
    (APPLICATION / "empty").mkdir()
    (APPLICATION / "current").unlink()
    (APPLICATION / "current").symlink_to("uploads")
    (APPLICATION / "third.php").hardlink_to(APPLICATION / "index.php")
    (APPLICATION / "secret").write_text("for root only\n")
    (APPLICATION / "secret").chmod(0)
    (ITS_SETTINGS / "1.conf").rename(ITS_SETTINGS / "one.conf")
    (SCANS / "ijazah 1.tif").write_bytes(b"scanned again")
    (SCANS / "ijazah 3.tif").write_bytes(b"new")
    dated(1)


def mend() -> None:
    """Everything may be read again; the link carries on without its first name."""
    (APPLICATION / "secret").chmod(0o640)
    (APPLICATION / "index.php").unlink()
    dated(2)


def go_on(day: int) -> None:
    """One more file in each folder; the older stay as they are."""
    (APPLICATION / f"uploads/day {day}").write_bytes(bytes([day]) * 5000)
    (ITS_SETTINGS / f"day {day}.conf").write_text(f"day = {day}\n")
    (SCANS / f"day {day}").write_text("scanned\n")
    dated(day)


def dated(day: int) -> None:
    """Give what changed on a day its time: it has the time of the clock on the wall, all else of a sample is older."""
    for top in (APPLICATION, ITS_SETTINGS, SCANS):
        for place, folders, files in os.walk(os.fsencode(top), topdown=False):
            for name in [*(os.path.join(place, one) for one in [*files, *folders]), place]:
                if os.lstat(name).st_mtime_ns > _BEGAN + 100 * _DAY:
                    moment = _BEGAN + day * _DAY
                    os.utime(name, ns=(moment, moment), follow_symlinks=False)
