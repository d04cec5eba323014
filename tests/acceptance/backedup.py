"""One server that was backed up once, for all tests that restore: its vault is copied, so that each may damage its own.

Tampering with a published snapshot is here too.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.site import Site
from tests.conftest import starting
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.vault.archive.frames import FrameWriter

CONTENTS = r"""
CREATE DATABASE akademik; CREATE DATABASE arsip; USE akademik;
CREATE TABLE mahasiswa (nim INT PRIMARY KEY, nama VARCHAR(40)) DEFAULT CHARSET utf8mb4;
CREATE TABLE nilai (id INT PRIMARY KEY, nim INT, huruf VARCHAR(20), isi BLOB,
    FOREIGN KEY (nim) REFERENCES mahasiswa (nim));
INSERT INTO mahasiswa SELECT seq, CONCAT('it''s; ', CHAR(10), '(', CHAR(92), seq) FROM seq_1_to_300;
INSERT INTO nilai SELECT seq, seq, CONCAT('"a`', seq), UNHEX(MD5(seq)) FROM seq_1_to_300;
CREATE TABLE kosong (i INT);
CREATE TABLE lama (i INT); INSERT INTO lama VALUES (1), (2);
CREATE SEQUENCE nomor START WITH 7;
CREATE VIEW ringkas AS SELECT id FROM nilai;
DELIMITER ;;
CREATE TRIGGER jaga BEFORE INSERT ON nilai FOR EACH ROW BEGIN SET NEW.huruf = 'x;;y'; SET @a = 1; END;;
CREATE PROCEDURE hitung() BEGIN SELECT ';' AS 'it''s'; -- it's a remark; or two
  SELECT COUNT(*) FROM nilai; END;;
SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES';;
CREATE FUNCTION miring() RETURNS VARCHAR(9) CHARSET utf8mb4 DETERMINISTIC RETURN 'a\';;
SET sql_mode = DEFAULT;;
CREATE EVENT malam ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM kosong; END;;
DELIMITER ;
USE arsip;
CREATE TABLE berkas (i INT PRIMARY KEY); INSERT INTO berkas VALUES (1), (2), (3);
CREATE VIEW balik AS SELECT id FROM akademik.ringkas; CREATE VIEW akademik.silang AS SELECT i FROM berkas;
"""


@dataclass(frozen=True)
class BackedUp:
    """The site of the run, and the database server that was dumped; it still runs and has not changed."""

    site: Site
    source: PrivateMariadb

    def copy_to(self, site: Site) -> None:
        """The vault, the known host keys and the configured servers, for a site of a test's own."""
        self.site.copy_to(site)


@contextmanager
def backed_up_once(
    site: Site,
    sshd: PrivateSshd,
    folders: Sequence[Path],
    memory: Path,
    template: Path,
    fill: Callable[[PrivateMariadb], object],
) -> Iterator[BackedUp]:
    """`site` after a run of "siakad" with these folders and a private server that was filled; it runs in the block."""
    with starting(memory, template) as start:
        source = start()
        fill(source)
        site.write_config()
        database = f'user = "{account()}"\nsocket = "{source.socket}"\n'
        site.add("siakad", sshd, folders, database=database)
        said = site.tuibackup("run", "siakad")
        assert said.code == 0, said.out + said.err
        yield BackedUp(site, source)


def tampered(snapshot: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the tables.json of a published snapshot."""
    rewritten(snapshot / "tables.json", lambda old: changed(old, change))


def changed(old: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(old)
    change(document)
    return json.dumps(document).encode()


def rewritten(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file of a published snapshot, and its line in SHA256SUMS."""
    snapshot = path.parent
    snapshot.chmod(0o700)
    old = path.read_bytes()
    new = change(old)
    path.chmod(0o600)
    path.write_bytes(new)
    sums = snapshot / "SHA256SUMS"
    sums.chmod(0o600)
    text = sums.read_text()
    sums.write_text(text.replace(hashlib.sha256(old).hexdigest(), hashlib.sha256(new).hexdigest()))


def in_frames(folder: Path, sql: bytes, ends: list[int]) -> tuple[bytes, bytes]:
    """The dump in frames that end there; and the same with every second frame damaged, the second one first."""
    made = folder / "new.zst"
    folder.chmod(0o700)
    with FrameWriter(made) as writer:
        for begin, end in itertools.pairwise([0, *ends]):
            writer.frame(sql[begin:end])
        writer.close()
        sizes = [packed for packed, _unpacked in writer.frames]
    whole = made.read_bytes()
    made.unlink()
    damaged = bytearray(whole)
    for number in range(1, len(sizes), 2):
        damaged[sum(sizes[:number]) + sizes[number] // 2] ^= 0xFF
    return whole, bytes(damaged)
