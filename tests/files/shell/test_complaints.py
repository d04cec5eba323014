"""Lines of stderr as the real tools write them, about names that try to mislead."""

import os
import subprocess
from pathlib import Path

import pytest

from tuibackup.files.shell import complaints
from tuibackup.files.shell.complaints import PERMISSION, VANISHED, Complaint

NAMES = [
    b"plain",
    b"new\nline",
    b"quo'te\\",
    b"\xff\xfe\x1b[31m",
    "é".encode(),
    b"a: Cannot open: b",
    b"find: 'x': y",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_find_complains_about_is_found_again(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    said = subprocess.run([b"find", path], stderr=subprocess.PIPE, env={"LC_ALL": "C"}, check=False).stderr
    [line] = said.splitlines()
    assert complaints.from_find(line) == Complaint(path, VANISHED)


@pytest.mark.parametrize("name", NAMES[:-2])
def test_what_tar_complains_about_is_found_again(tmp_path: Path, name: bytes) -> None:
    command = [
        "tar",
        "-C",
        str(tmp_path),
        "-c",
        "--null",
        "--no-recursion",
        "--ignore-failed-read",
        "-T",
        "-",
    ]
    said = subprocess.run(
        command, input=b"./" + name + b"\0", capture_output=True, env={"LC_ALL": "C"}, check=False
    ).stderr
    found = [complaints.from_tar(line) for line in said.splitlines()]
    assert [complaint for complaint in found if complaint] == [Complaint(b"./" + name, VANISHED)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"tar: ./a: Warning: Cannot open: Permission denied", Complaint(b"./a", PERMISSION, True)),
        (b"tar: ./a\\nb: file changed as we read it", Complaint(b"./a\nb", "file changed as we read it")),
        (b"tar: ./a: File removed before we read it", Complaint(b"./a", VANISHED)),
        (b"tar: ./a: File shrank by 5 bytes; padding with zeros",
         Complaint(b"./a", "File shrank by 5 bytes; padding with zeros", padded=True)),
        (b"tar: ./a: Warning: Read error at byte 0, while reading 512 bytes: Input/output error",
         Complaint(b"./a", "Read error at byte 0, while reading 512 bytes: Input/output error", padded=True)),
        (b"tar: ./a: Warning: Cannot flistxattr: Permission denied",
         Complaint(b"./a", "Cannot flistxattr: Permission denied", True)),
        (b"tar: Exiting with failure status due to previous errors", None),
        (b"tar: ./sock: socket ignored", None),
        (b"tar: XATTR support is not available", None),
        (b"tar: \x1b[2J", Complaint(b"", "tar: \\x1b[2J")),
        (b"bash: warning: setlocale: LC_ALL: cannot change locale (id_ID.UTF-8)", None),
        (b"sudo: unable to resolve host siakad: Name or service not known", None),
        (b"", None),
    ],
)  # fmt: skip
def test_each_kind_of_line_is_understood(line: bytes, expected: Complaint | None) -> None:
    assert complaints.from_tar(line) == expected


def test_a_line_without_end_is_cut() -> None:
    complaint = complaints.from_find(b"find: " + b"x" * 100_000)
    assert complaint is not None
    assert len(complaint.reason) <= 200
