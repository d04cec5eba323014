"""The archive format: GNU tar and zstd read it, one file is read alone, damage and lies are found."""

import hashlib
import os
import resource
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vault.archive.entries import NS, entry, small_frames
from tuibackup.errors import VaultError
from tuibackup.vault.archive import tarheader
from tuibackup.vault.archive.archive import ArchiveWriter
from tuibackup.vault.archive.read import ArchiveReader


def parse(blocks: bytes) -> tarfile.TarInfo:
    """One header as Python's tarfile reads it."""

    class Reader:
        def __init__(self) -> None:
            self.rest = blocks + tarheader.END

        def read(self, size: int) -> bytes:
            part, self.rest = self.rest[:size], self.rest[size:]
            return part

    with tarfile.open(fileobj=Reader(), mode="r|", errors="surrogateescape") as tar:  # type: ignore[arg-type]
        found = tar.next()
    assert found is not None
    return found


names = st.binary(min_size=1, max_size=300).map(lambda raw: raw.replace(b"\0", b"x").strip(b"/") or b"x")


ids = st.integers(0, 2**32 - 1)


@given(
    name=names,
    mode=st.integers(0, 0o7777),
    uid=ids,
    gid=ids,
    user=st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"")),
    size=st.one_of(st.integers(0, 10_000), st.integers(0, 2**62)),
    mtime=st.one_of(st.integers(-(2**62), 2**62), st.integers(0, 3 * 10**9).map(lambda one: one * 10**9)),
    extra=st.dictionaries(
        st.binary(max_size=20).map(
            lambda raw: b"SCHILY.xattr.user." + raw.replace(b"=", b"%3D").replace(b"\0", b"")
        ),
        st.binary(max_size=1200),
        max_size=3,
    ),
)
def test_a_header_says_what_the_entry_says(
    name: bytes, mode: int, uid: int, gid: int, user: bytes, size: int, mtime: int, extra: dict[bytes, bytes]
) -> None:
    one = entry(size, mode=mode, uid=uid, gid=gid, user=user, mtime_ns=mtime)
    blocks = tarheader.header(name, one, extra=extra)
    assert len(blocks) % 512 == 0
    found = parse(blocks)
    assert os.fsencode(found.name) == name.rstrip(b"/")
    assert (found.mode, found.uid, found.gid, found.size) == (mode, uid, gid, size)
    assert found.uname.encode("utf-8", "surrogateescape") == user
    assert found.mtime == pytest.approx(mtime / 1e9)
    if "mtime" in found.pax_headers:
        seconds, _, nanoseconds = found.pax_headers["mtime"].lstrip("-").partition(".")
        assert int(seconds) * 10**9 + int(nanoseconds.ljust(9, "0")) == abs(mtime)
    else:
        assert mtime % 10**9 == 0
    kept = {key for key in found.pax_headers if key.startswith("SCHILY")}
    assert kept == {key.decode("utf-8", "surrogateescape") for key in extra}


@pytest.mark.parametrize(
    ("name", "mtime_ns"),
    [
        ("a", NS),
        ("whole", 10**18),
        ("tenth", 10**18 + 10**8),
        ("\u00e4", NS),
        ("n" * 120, NS),
        ("old", -(10**17) + 5),
    ],
)
def test_a_header_is_what_gnu_tar_writes(tmp_path: Path, name: str, mtime_ns: int) -> None:
    (tmp_path / name).write_bytes(b"content")
    (tmp_path / name).chmod(0o640)
    os.utime(tmp_path / name, ns=(mtime_ns, mtime_ns))
    there = (tmp_path / name).stat()
    words = ["tar", "-C", tmp_path, "-c", "--format=posix", b"--pax-option=" + tarheader.PAX_OPTIONS]
    stream = subprocess.run(
        [*words, r"--transform=s,^\./\?,srv/app/,", f"./{name}"],
        capture_output=True, check=True, env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    ).stdout  # fmt: skip
    version = subprocess.run(["tar", "--version"], capture_output=True, check=True, text=True).stdout
    one = entry(
        7, mode=0o640, uid=there.st_uid, gid=there.st_gid, mtime_ns=mtime_ns,
        user=(tmp_path / name).owner().encode(), group=(tmp_path / name).group().encode(),
    )  # fmt: skip
    numbers = int(version.splitlines()[0].rpartition(".")[2]) < 35
    assert stream.startswith(
        tarheader.header(f"srv/app/{name}".encode(), one, device_numbers=numbers) + b"content"
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 2000), st.integers(3000, 30_000)), max_size=12),
    aborted=st.sets(st.integers(0, 11)),
    threads=st.integers(1, 2),
)
def test_what_is_written_is_read_whatever_was_aborted(
    tmp_path: Path, sizes: list[int], aborted: set[int], threads: int
) -> None:
    path = tmp_path / "a.tar.zst"
    path.unlink(missing_ok=True)
    kept = {}
    with small_frames(), ArchiveWriter(path, threads=threads) as writer:
        for number, size in enumerate(sizes):
            content = os.urandom(size)
            name = b"folder/%d" % number
            writer.begin(name, entry(size))
            if number in aborted:
                writer.write(content[: size // 2])
                writer.abort_member()
                continue
            for start in range(0, size, 1000):
                writer.write(content[start : start + 1000])
            kept[name] = (writer.end(), content)
        summary = writer.close()
    assert hashlib.sha256(path.read_bytes()).digest() == summary.sha256
    assert summary.stored_bytes == path.stat().st_size
    assert summary.members == len(kept)
    with ArchiveReader(path) as reader:
        assert [one.name.encode() for one in reader.members()] == list(kept)
        for member, content in reversed(kept.values()):
            assert b"".join(reader.read(member)) == content
        unpacked = b"".join(reader.frames())
    for member, content in kept.values():
        assert unpacked[member.offset : member.offset + member.length] == content
    listed = subprocess.run(["tar", "--zstd", "-tf", path], capture_output=True, check=True, text=True)
    assert listed.stdout.split() == [name.decode() for name in kept]


def test_tar_and_zstd_open_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.zst"
    files = {
        b"var/www/small": b"x" * 100,
        b"var/www/large": os.urandom(9 << 20),
        b"var/www/" + b"n" * 200: b"",
    }
    with ArchiveWriter(path) as writer:
        for name, content in files.items():
            writer.add(name, entry(len(content), uid=os.getuid(), user=b""), content)
        writer.close()
    assert subprocess.run(["zstd", "-t", path], capture_output=True).returncode == 0
    for number, command in enumerate(("tar --zstd -xf a.tar.zst -C", "zstd -dc a.tar.zst | tar x -C")):
        to = tmp_path / str(number)
        to.mkdir()
        done = subprocess.run(f"{command} {to}", shell=True, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        for name, content in files.items():
            restored = to / os.fsdecode(name)
            assert restored.read_bytes() == content
            assert restored.stat().st_mtime_ns == NS
    compressed = path.read_bytes()
    assert compressed[-4:] == bytes.fromhex("b1ea928f"), "the seek table's magic number"
    frames = int.from_bytes(compressed[-9:-5], "little")
    assert frames >= 3
    assert compressed[-9 - 8 * frames - 8 :][:4] == bytes.fromhex("5e2a4d18"), "a skippable frame"


def test_a_small_file_is_read_without_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tar.zst"
    with ArchiveWriter(path) as writer:
        writer.add(b"before", entry(20 << 20), os.urandom(20 << 20))
        member = writer.add(b"wanted", entry(5), b"12345")
        writer.add(b"after", entry(20 << 20), os.urandom(20 << 20))
        writer.close()
    read = 0
    pread = os.pread

    def counting(fd: int, size: int, offset: int) -> bytes:
        nonlocal read
        read += size
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", counting)
    with ArchiveReader(path) as reader:
        assert b"".join(reader.read(member)) == b"12345"
    assert read < 5 << 20


def test_content_that_is_not_as_long_as_announced_is_refused(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "a.tar.zst") as writer:
        for content in (b"1234", b"123456"):
            with pytest.raises(ValueError, match="than its header says"):
                writer.add(b"lies", entry(5), content)
        writer.add(b"true", entry(5), b"12345")
        writer.close()
    with ArchiveReader(tmp_path / "a.tar.zst") as reader:
        assert [one.name for one in reader.members()] == ["true"]


def test_a_size_that_lies_enormously_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.zst"
    with ArchiveWriter(path) as writer:
        writer.add(b"first", entry(5), b"12345")
        writer.begin(b"exabytes", entry(2**62))
        for _ in range(20):
            writer.write(bytes(1 << 20))
        writer.abort_member()
        writer.add(b"exabytes", entry(3), b"abc")
        writer.close()
    assert path.stat().st_size < 10_000
    with ArchiveReader(path) as reader:
        assert [(one.name, one.size) for one in reader.members()] == [("first", 5), ("exabytes", 3)]


def test_every_flipped_bit_is_found_or_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.zst"
    files = {b"%d" % number: os.urandom(50) * 20 for number in range(20)}
    with small_frames(), ArchiveWriter(path) as writer:
        members = {name: writer.add(name, entry(len(content)), content) for name, content in files.items()}
        writer.close()
    whole = path.read_bytes()
    bad = tmp_path / "bad.tar.zst"
    found = 0
    for position in range(0, len(whole), 7):
        bad.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        try:
            with ArchiveReader(bad) as reader:
                read = {name: b"".join(reader.read(member)) for name, member in members.items()}
        except VaultError:
            found += 1
        else:
            assert read == files
    assert found > len(whole) / 7 * 0.9
    for length in range(0, len(whole), 101):
        bad.write_bytes(whole[:length])
        with pytest.raises(VaultError, match="damaged"):
            ArchiveReader(bad)


def test_an_archive_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.tar.zst").write_text("mine")
    with pytest.raises(VaultError, match="exists"):
        ArchiveWriter(tmp_path / "a.tar.zst")
    assert (tmp_path / "a.tar.zst").read_text() == "mine"


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with ArchiveWriter(tmp_path / "a.tar.zst") as writer, pytest.raises(VaultError, match="vault full"):  # noqa: PT012
            for number in range(100):
                writer.add(b"%d" % number, entry(1 << 20), os.urandom(1 << 20))
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_empty_archive_is_an_empty_tar(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "a.tar.zst") as writer:
        writer.close()
    done = subprocess.run(["tar", "--zstd", "-tf", tmp_path / "a.tar.zst"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
