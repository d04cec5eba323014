"""A tar stream: read exactly as Python's tarfile and GNU tar mean it, or refused in plain words."""

import contextlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuibackup.files.shell.tarstream import Member, StreamCutError, StreamError, TarStream

TAR = ["--null", "--no-recursion", "-T", "-", "--format=posix", "-P", "--hard-dereference", "--sparse"]


def feeding(data: bytes, piece: int = 1 << 20) -> Callable[[], bytes]:
    pieces: Iterator[bytes] = (data[at : at + piece] for at in range(0, len(data), piece))
    return lambda: next(pieces, b"")


def read_all(data: bytes, piece: int = 1 << 20) -> list[tuple[Member, bytes]]:
    stream = TarStream(iter(feeding(data, piece), b""))
    found = []
    while (member := stream.next()) is not None:
        found.append((member, b"".join(stream.content())))
    return found


def made(members: list[tuple[str, bytes]], style: int = tarfile.PAX_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(
        fileobj=target, mode="w", format=style, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def gnu_tar(folder: Path, names: list[bytes], *options: str) -> bytes:
    return subprocess.run(
        ["tar", "-C", str(folder), "-c", *TAR, *options],
        input=b"\0".join(names) + b"\0",
        stdout=subprocess.PIPE,
        check=True,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    ).stdout


names = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300
).map(lambda name: "./" + name.strip("/") + "x")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(names, st.binary(max_size=3000)), max_size=8),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.integers(1, 5000),
)
def test_members_come_out_as_they_went_in_however_the_stream_is_cut_into_pieces(
    members: list[tuple[str, bytes]], style: int, piece: int
) -> None:
    found = read_all(made(members, style), piece)
    assert [(member.name, content) for member, content in found] == [
        (name.encode("utf-8"), content) for name, content in members
    ]
    assert all(member.size == len(content) and member.kind == b"0" for member, content in found)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_stream_ends_in_a_clear_error_and_never_in_another(data: st.DataObject) -> None:
    stream = bytearray(made([("./a", b"x" * 700), ("./é" + "n" * 200, b""), ("./b", b"y")]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(StreamError):
        read_all(bytes(stream), data.draw(st.integers(1, 2000)))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000))
def test_bytes_that_are_no_tar_are_refused(data: bytes) -> None:
    with pytest.raises(StreamError):
        read_all(data)


@pytest.mark.parametrize("kept", [0, 100, 512, 600, 1024 + 5, 2048 + 512])
def test_a_stream_cut_anywhere_is_told_from_a_finished_one(kept: int) -> None:
    stream = made([("./a", b"x" * 700), ("./b", b"y" * 100)])
    with pytest.raises(StreamCutError):
        read_all(stream[:kept])


def test_what_gnu_tar_writes_is_read_exactly(tmp_path: Path) -> None:
    contents = {
        b"./plain": b"hello",
        b"./empty": b"",
        b"./-dash": b"-",
        b"./new\nline \x1b[31m": b"1",
        b"./bad\xff\xfeutf8": b"2",
        b"./back\\slash": b"3",
        "./d/\u00e9 \u4e2d".encode(): b"4" * 100_000,
        b"./" + b"n" * 255: b"5",
        b"./" + b"/".join([b"d" * 200] * 6) + b"/deep": b"6" * 513,
    }
    root = os.fsencode(tmp_path)
    for name, content in contents.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    found = read_all(gnu_tar(tmp_path, list(contents)), 1000)
    assert {member.name: content for member, content in found} == contents
    assert [member.name for member, _ in found] == list(contents)


def test_a_hard_link_comes_with_its_content_each_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    os.link(tmp_path / "a", tmp_path / "b")
    found = read_all(gnu_tar(tmp_path, [b"./a", b"./b"]))
    assert [(member.kind, content) for member, content in found] == [(b"0", b"same")] * 2


def test_sparse_files_come_out_with_their_holes_filled(tmp_path: Path) -> None:
    def sparse(name: str, size: int, pieces: dict[int, bytes]) -> bytes:
        with open(tmp_path / name, "wb") as file:
            file.truncate(size)
            for at, content in pieces.items():
                file.seek(at)
                file.write(content)
        return (tmp_path / name).read_bytes()

    expected = {
        b"./holes": sparse("holes", 3_000_000, {0: b"begin", 1_000_000: b"m" * 5000, 2_999_990: b"end"}),
        b"./hole": sparse("hole", 2_000_000, {}),
        b"./tail": sparse("tail", 1_500_000, {0: b"x" * 4096}),
        b"./many": sparse("many", 900 * 65536, {at * 65536: b"y" for at in range(900)}),
    }
    found = read_all(gnu_tar(tmp_path, list(expected)), 4000)
    assert {member.name: content for member, content in found} == expected
    assert {member.name: member.size for member, _ in found} == {
        name: len(content) for name, content in expected.items()
    }


def test_extended_attributes_are_taken_along(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    try:
        os.setxattr(tmp_path / "a", "user.note", b"line\nand=equals\0zero")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    [(member, _)] = read_all(gnu_tar(tmp_path, [b"./a"], "--xattrs"))
    assert member.attributes[b"SCHILY.xattr.user.note"] == b"line\nand=equals\0zero"


def test_what_is_no_longer_a_file_is_told_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    found = read_all(gnu_tar(tmp_path, [b"./folder", b"./link"]))
    assert [(member.kind, content) for member, content in found] == [(b"5", b""), (b"2", b"")]


def header(name: bytes = b"./a", size: bytes = b"00000000001\0", kind: bytes = b"0") -> bytes:
    block = bytearray(name.ljust(100, b"\0") + b"0" * 24 + size + b"0" * 12 + b" " * 8 + kind)
    block += bytes(512 - len(block))
    block[257:265] = b"ustar\00000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    "stream",
    [
        header(size=b"+0000000001\0") + bytes(2048),
        header(size=b"0_000000001\0") + bytes(2048),
        header(size=b"00000000008\0") + bytes(2048),
        header(size=b"\xff" * 12) + bytes(2048),
        header(size=b"\x80" + b"\xff" * 11) + bytes(2048),
        header(name=b"") + bytes(2048),
        header(kind=b"x") + b"9 path=a\n".ljust(512, b"\0") + bytes(2048),
        header(kind=b"x", size=b"77777777777\0") + bytes(2048),
        header(kind=b"x", size=b"00000000011\0") + b"99 path=a\n".ljust(512, b"\0") + bytes(2048),
        (header(kind=b"x", size=b"00000000011\0") + b"9 path=b\n".ljust(512, b"\0")) * 20,
        header(kind=b"S") + bytes(2048),
        header() + bytes(1024) + header(),
        header(size=b"00000000000\0") + bytes(512) + header(),
        header(size=b"00000000000\0") + bytes(1024) + b"more",
    ],
)
def test_headers_that_lie_are_refused(stream: bytes) -> None:
    with pytest.raises(StreamError):
        read_all(stream)


def pax(**records: str) -> bytes:
    content = b""
    for key, value in records.items():
        record = f" {key.replace('_', '.')}={value}\n".encode()
        length = len(record) + 2
        content += str(length if len(str(length)) == 2 else len(record) + 1).encode() + record
    return header(kind=b"x", size=b"%011o\0" % len(content)) + content.ljust(
        -(-len(content) // 512) * 512, b"\0"
    )


@pytest.mark.parametrize(
    "sparse_map",
    [b"1\n0\n9999\n", b"1\n9\n2\n", b"2\n5\n2\n1\n2\n", b"99999999999\n", b"-1\n", b"x" * 600, b"1\n0\n"],
)
def test_sparse_maps_that_lie_are_refused(sparse_map: bytes) -> None:
    begin = pax(GNU_sparse_major="1", GNU_sparse_minor="0", GNU_sparse_name="a", GNU_sparse_realsize="10")
    stored = sparse_map.ljust(1024, b"\0") + b"12" + bytes(510)
    stream = begin + header(size=b"%011o\0" % 1026) + stored + bytes(1024)
    with pytest.raises(StreamError):
        read_all(stream)
    good = b"1\n3\n2\n".ljust(512, b"\0") + b"12" + bytes(510)
    [(_, content)] = read_all(begin + header(size=b"%011o\0" % 514) + good + bytes(1024))
    assert content == bytes(3) + b"12" + bytes(5)


def test_content_that_nobody_takes_is_skipped() -> None:
    stream = TarStream(iter(feeding(made([("./a", b"x" * 10_000), ("./b", b"y")]), 999), b""))
    assert stream.next() is not None
    second = stream.next()
    assert second is not None
    assert second.name == b"./b"
    assert b"".join(stream.content()) == b"y"
    assert stream.next() is None
    assert stream.next() is None
