"""The content of the playground's servers: trees of real files, and a database of some 100,000 rows.

The files are those of this machine's Python, which every machine that runs the demo has; uploads are made up,
the same ones each time.
"""

import os
import random
import shutil
import stat
import sysconfig
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

STUDENTS = 4_000
GRADES = 100_000
_SKIPPED = {"__pycache__", "test", "tests"}
_LARGEST = 500_000  # bytes; some Pythons carry a static library of themselves
_DAY = 86_400


def make_tree(root: Path, *, code: int, uploads: int, seed: int = 1) -> None:
    """An application below `root`: `code` real files, `uploads` made-up ones, and what real trees have.

    These are: links (also dangling, absolute, hard), an empty folder and file, odd modes, names with spaces,
    accents, a newline and bytes that are no UTF-8, owners of their own where we are root, and old times.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up content, not secrets
    root.mkdir(parents=True)
    for source, name in islice(_python_files(), code):
        target = root / "lib" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    _make_uploads(root / "uploads", uploads, chance)
    _make_oddities(root)
    if os.geteuid() == 0:  # www-data's, as on a Debian web server; the numbers suffice
        for path in [root / "uploads", *(root / "uploads").rglob("*")]:
            os.chown(path, 33, 33, follow_symlinks=False)
    _make_old(root, chance)


def _python_files() -> Iterator[tuple[Path, Path]]:
    """Every file of this Python's libraries and the path to give it, in a fixed order."""
    paths = sysconfig.get_paths()
    for label, top in (("python", Path(paths["stdlib"])), ("vendor", Path(paths["purelib"]))):
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(name for name in folders if name not in _SKIPPED and name != "site-packages")
            for name in sorted(files):
                path = Path(folder, name)
                if path.is_symlink() or not os.access(path, os.R_OK) or path.stat().st_size > _LARGEST:
                    continue
                yield path, Path(label, path.relative_to(top))


def _make_uploads(folder: Path, number: int, chance: random.Random) -> None:
    for index in range(number):
        month = folder / f"2026/{1 + index % 11:02}"
        month.mkdir(parents=True, exist_ok=True)
        content = chance.randbytes(chance.randrange(40_000))
        (month / f"krs-{index:05}.pdf").write_bytes(b"%PDF-1.7\n" + content)


def _make_oddities(root: Path) -> None:
    (root / "index.php").write_text("<?php require 'lib/start.php';\n")
    (root / "config.php").write_text("<?php $password = 'not in the log';\n")
    (root / "config.php").chmod(0o640)
    (root / "cron.sh").write_text("#!/bin/sh\nexit 0\n")
    (root / "cron.sh").chmod(0o755)
    (root / "cache").mkdir(mode=0o777)
    (root / "empty").touch()
    odd = root / "odd names"
    odd.mkdir()
    (odd / "two words – très.txt").write_text("text\n")
    (odd / "a newline\nin the name").write_text("text\n")
    (odd / "-rf").write_text("text\n")
    Path(os.fsdecode(os.fsencode(odd) + b"/latin1-\xe9")).write_text("text\n")
    (root / "current").symlink_to("lib")
    (root / "dangling").symlink_to("nowhere")
    (root / "absolute").symlink_to("/etc/hostname")
    os.link(root / "index.php", root / "home.php")


def _make_old(root: Path, chance: random.Random) -> None:
    """Files were changed at various times before, down to the nanosecond; folders after what they hold."""
    start = time.time_ns() - 400 * _DAY * 10**9
    for folder, folders, files in os.walk(root, topdown=False):
        for name in [*sorted(files), *sorted(folders)]:
            path = os.path.join(folder, name)
            if stat.S_ISLNK(os.lstat(path).st_mode):
                continue
            moment = start + chance.randrange(390 * _DAY * 10**9)
            os.utime(path, ns=(moment, moment))
    os.utime(root, ns=(start, start))


def make_learning(root: Path) -> None:
    """A learning platform below the server's `root` that nobody has put into the configuration, as it happens: nginx
    serves it, and what its users gave it lies outside of its web root.
    """
    web, data = root / "var/www/lms", root / "srv/moodledata"
    files = {
        web / "index.php": "<?php require 'config.php';\n",
        web / "lib/moodlelib.php": "<?php // the platform's functions\n",
        web / "config.php": (
            "<?php\n$CFG->dbtype = 'mariadb';\n$CFG->dbhost = 'localhost';\n$CFG->dbname = 'elearning';\n"
            f"$CFG->dbpass = 'not over the line';\n$CFG->dataroot = '{data}';\n"
        ),
        data / "localcache/theme.css": "/* made again when it is missing */\n",
        data / "sessions/sess_1": "",
        root / "etc/nginx/nginx.conf": "http {\n  include sites-enabled/*;\n}\n",
        root / "etc/nginx/sites-enabled/lms": f"server {{\n  server_name lms.example;\n  root {web};\n}}\n",
        root / "etc/nginx/sites-enabled/siakad": (
            f"server {{\n  server_name siakad.example;\n  root {root}/var/www/siakad;\n}}\n"
        ),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    chance = random.Random(4)  # noqa: S311 - made-up content, not secrets
    for number in range(60):
        content = chance.randbytes(chance.randrange(60_000))
        name = f"{number:02x}{chance.randbytes(19).hex()}"
        (data / f"filedir/{name[:2]}").mkdir(parents=True, exist_ok=True)
        (data / f"filedir/{name[:2]}/{name}").write_bytes(content)


def serve(root: Path, site: Path) -> None:
    """Let the web server below the server's `root` serve `site`, as far as its configuration says so."""
    nginx = root / "etc/nginx/nginx.conf"
    nginx.parent.mkdir(parents=True)
    nginx.write_text(
        f"http {{\n  server {{\n    server_name {site.name}.example;\n    root {site};\n  }}\n}}\n"
    )


def academic_sql(user: str, password: str) -> str:
    """The database of an academic information system, and an account that may back it up."""
    return f"""
CREATE DATABASE akademik CHARACTER SET utf8mb4;
USE akademik;
CREATE TABLE mahasiswa (
    nim CHAR(9) PRIMARY KEY, nama VARCHAR(80) NOT NULL, angkatan YEAR NOT NULL, foto BLOB,
    diubah TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO mahasiswa (nim, nama, angkatan, foto)
    SELECT CONCAT('P0', LPAD(seq, 7, '0')), CONCAT('Mahasiswa ', seq, ' – é'), 2016 + seq % 10,
           UNHEX(CONCAT(MD5(seq), MD5(seq + 1))) FROM seq_1_to_{STUDENTS};
CREATE TABLE nilai (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, nim CHAR(9) NOT NULL, mata_kuliah CHAR(6) NOT NULL,
    huruf ENUM('A','B','C','D','E') NOT NULL, angka DECIMAL(5,2), catatan TEXT,
    KEY (nim), FOREIGN KEY (nim) REFERENCES mahasiswa (nim)
);
INSERT INTO nilai (nim, mata_kuliah, huruf, angka, catatan)
    SELECT CONCAT('P0', LPAD(1 + seq % {STUDENTS}, 7, '0')), CONCAT('KES', LPAD(seq % 120, 3, '0')),
           1 + seq % 5, (seq * 7919 % 10000) / 100, IF(seq % 9 = 0, REPEAT(MD5(seq), 3), NULL)
    FROM seq_1_to_{GRADES};
CREATE TABLE pengumuman (id INT PRIMARY KEY, isi MEDIUMTEXT, terbit DATETIME(6));
INSERT INTO pengumuman VALUES (1, 'It''s a "quoted"\\nnotice; -- no comment', '2026-11-02 08:00:00.123456');
CREATE VIEW transkrip AS
    SELECT m.nim, m.nama, n.mata_kuliah, n.huruf FROM mahasiswa m JOIN nilai n USING (nim);
CREATE PROCEDURE hitung(IN cari CHAR(9)) SELECT COUNT(*) FROM nilai WHERE nim = cari;
CREATE TRIGGER nilai_baru BEFORE INSERT ON nilai FOR EACH ROW SET NEW.huruf = COALESCE(NEW.huruf, 'E');
CREATE EVENT tutup_semester ON SCHEDULE EVERY 6 MONTH DO UPDATE nilai SET catatan = NULL WHERE id = 0;
{account_sql(user, password)}
"""  # noqa: S608 - our own names and password, into our own scratch server


def journal_sql(user: str, password: str) -> str:
    """The small database of a journal's site, and its account."""
    return f"""
CREATE DATABASE ejournal CHARACTER SET utf8mb4;
USE ejournal;
CREATE TABLE artikel (id INT PRIMARY KEY, judul VARCHAR(200), isi TEXT);
INSERT INTO artikel SELECT seq, CONCAT('Artikel ', seq), REPEAT(MD5(seq), 20) FROM seq_1_to_2000;
{account_sql(user, password)}
"""  # noqa: S608 - as above


def account_sql(user: str, password: str) -> str:
    """The account of the README: enough to dump every database whole."""
    return f"""
CREATE USER `{user}`@`localhost` IDENTIFIED BY '{password}', `{user}`@`127.0.0.1` IDENTIFIED BY '{password}';
GRANT SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS ON *.*
    TO `{user}`@`localhost`, `{user}`@`127.0.0.1`;
"""
