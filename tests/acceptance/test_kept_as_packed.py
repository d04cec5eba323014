"""What the server packed is stored as it came, but for what its tar puts into it that a vault must not hold.

The server's zstd and tar are the real ones, behind scripts that copy or change what they give.
"""

import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.site import Site
from tests.toolboxes import acting, only, toolbox
from tuibackup.demo.sshd import PrivateSshd

WORDS = b" ".join(b"%x" % (number * 2654435761 % 2**32) for number in range(600_000))
OLD = 1_500_000_000_123_456_789
COPYING = '$REAL "$@" | tee -a "{folder}/$$"'


def tree(folder: Path) -> Path:
    """Some 30 MB of files with names and times of many kinds, a large one, and one that nothing packs."""
    root = folder / "server/srv/app"
    dice = random.Random(5)
    for number in range(1500):
        place = root / f"d{number % 40:02d}"
        place.mkdir(parents=True, exist_ok=True)
        start = dice.randrange(len(WORDS) - 30_000)
        (place / f"{number}.txt").write_bytes(WORDS[start : start + dice.randrange(30_000)])
        os.utime(place / f"{number}.txt", ns=(OLD, OLD - number * 10**9 - number % 3 * 100))
    (root / "large.sql").write_bytes(WORDS * 2)
    (root / "photo.jpg").write_bytes(dice.randbytes(3_000_000))
    (root / "päth" / ("long-" * 24)).mkdir(parents=True)
    (root / "päth" / ("long-" * 24) / "näme.txt").write_bytes(b"x" * 700)
    os.link(root / "large.sql", root / "again.sql")
    (root / "link").symlink_to("large.sql")
    (root / "d00/run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "d00/run.sh").chmod(0o750)
    return root


def sent(folder: Path) -> bytes:
    """The longest stream that the server's zstd gave."""
    return max((path.read_bytes() for path in folder.iterdir()), key=len)


def stored(site: Site) -> Path:
    (archive,) = site.vault.glob("siakad/files/*/*.tar.zst")
    return archive


def share_kept(archive: bytes, stream: bytes) -> float:
    """How much of the stream lies in the archive, of pieces of a thousand bytes."""
    places = range(0, len(stream) - 1000, 20_000)
    return sum(stream[at : at + 1000] in archive for at in places) / len(places)


# What GNU tar 1.35 does otherwise: it leaves the device numbers of files empty.
NEWER = """
import sys
data, at = bytearray(sys.stdin.buffer.read()), 0
while any(data[at:at + 512]):
    block = data[at:at + 512]
    if block[156:157] == b'0':
        block[329:345] = bytes(16)
        block[148:156] = b' ' * 8
        block[148:156] = b'%06o\\0 ' % sum(block)
        data[at:at + 512] = block
    at += 512 + -(-int(block[124:135], 8) // 512) * 512
sys.stdout.buffer.write(data)
"""


def test_so_is_what_a_newer_tar_gave(site: Site, tmp_path: Path) -> None:
    root, copies, tools = tree(tmp_path), tmp_path / "copies", tmp_path / "tools"
    copies.mkdir()
    (tmp_path / "newer.py").write_text(NEWER)
    scripts = {
        "tar": 'case "$*" in *--version*) echo "tar (GNU tar) 1.35"; exit;; esac\n'
        f'/usr/bin/tar "$@" | {shutil.which("python3")} {tmp_path}/newer.py',
        "zstd": f'/usr/bin/zstd "$@" | tee -a "{copies}/$$"',
    }
    with PrivateSshd(
        tmp_path / "sshd", force_command=only(toolbox(tools, busybox=False, scripts=scripts))
    ) as sshd:
        site.add("siakad", sshd, [root])
        said = site.tuibackup("run", "siakad")
    assert said.code == 0, said.err
    assert share_kept(stored(site).read_bytes(), sent(copies)) > 0.8


def test_what_the_server_packed_is_stored_as_it_came(site: Site, tmp_path: Path) -> None:
    root, copies = tree(tmp_path), tmp_path / "copies"
    copies.mkdir()
    with acting(tmp_path / "acting", "zstd", COPYING.format(folder=copies)) as sshd:
        site.add("siakad", sshd, [root])
        said = site.tuibackup("run", "siakad")
        assert said.code == 0, said.err
    assert share_kept(stored(site).read_bytes(), sent(copies)) > 0.8  # the last piece has another end
    with tarfile.open(
        fileobj=subprocess.Popen(["zstd", "-dc", stored(site)], stdout=-1).stdout, mode="r|"
    ) as tar:
        found = {one.name: one for one in tar}
    assert all(one.isreg() for one in found.values())
    assert found[f"{root}/d00/run.sh".lstrip("/")].mode == 0o750
    restored = tmp_path / "restored"
    assert site.tuibackup("restore", "siakad/files/latest", "--to", str(restored)).code == 0
    assert differences(root, restored / str(root).lstrip("/")) == ""
    assert site.tuibackup("verify", "siakad").code == 0


# Changes what tar gives: the header of d00/run.sh, or the zeros behind it, and the checksum of it.
CHANGES = {
    "it may be started as root": "block[100:108] = b'0004755\\0'",
    "another owner": "block[108:116] = b'0000077\\0'; block[265:270] = b'games'",
    "another time": "block[136:148] = b'00000000001\\0'",
    "something behind its end": "data[at + 512 + 10:at + 1024] = b'\\xff' * 502",
    "a note in front of it": "data[at:at] = note()",
}
CHANGING = """
import sys
data = bytearray(sys.stdin.buffer.read())

def summed(block):
    block[148:156] = b' ' * 8
    block[148:156] = b'%06o\\0 ' % sum(block)
    return block

def note():
    text = b'comment=evil\\n'
    record = b'%d %s' % (len(text) + 3, text)
    head = bytearray(b'x'.ljust(100, b'\\0') + b'0000644\\0' + b'0000000\\0' * 2 + b'%011o\\0' % len(record)
        + b'00000000000\\0').ljust(512, b'\\0')
    head[156:157] = b'x'; head[257:265] = b'ustar\\x0000'
    return bytes(summed(head)) + record.ljust(512, b'\\0')

at = data.find(b'/d00/run.sh')
if at >= 0:
    at -= at % 512
    block = data[at:at + 512]
    CHANGE
    if b'/d00/run.sh' in data[at:at + 512]:
        data[at:at + 512] = summed(block)
sys.stdout.buffer.write(data)
"""


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_that_its_tar_adds_gets_into_the_vault(site: Site, tmp_path: Path, change: str) -> None:
    root, copies = tree(tmp_path), tmp_path / "copies"
    copies.mkdir()
    program = tmp_path / "change.py"
    program.write_text(CHANGING.replace("CHANGE", CHANGES[change]))
    python = shutil.which("python3")
    with acting(tmp_path / "acting", "tar", f'$REAL "$@" | {python} {program} | tee "{copies}/$$"') as sshd:
        site.add("siakad", sshd, [root])
        said = site.tuibackup("run", "siakad")
    assert said.code in (0, 4), said.err
    spoilt = sent(copies)
    with tarfile.open(
        fileobj=subprocess.Popen(["zstd", "-dc", stored(site)], stdout=-1).stdout, mode="r|"
    ) as tar:
        (run,) = [one for one in tar if one.name.endswith("d00/run.sh")]
    there = (root / "d00/run.sh").stat()
    assert (run.mode, run.uid, run.gid) == (0o750, there.st_uid, there.st_gid)
    assert (run.uname, int(run.mtime)) == ((root / "d00/run.sh").owner(), int(there.st_mtime))
    assert not set(run.pax_headers) - {"mtime"}
    unpacked = subprocess.run(["zstd", "-dc", stored(site)], capture_output=True, check=True).stdout
    evil = {"something behind its end": b"\xff" * 502, "a note in front of it": b"evil"}.get(change, b"")
    assert not evil or (evil in spoilt and evil not in unpacked)
