"""Trees that are hard to restore, and what must be equal after it."""

import hashlib
import os
import shutil
import stat
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

NOBODY = 65534
ODD_NAMES = [
    b"new\nline",
    b"invalid \xff\xfe utf-8",
    b"back\\slash\\n",
    b"-rf",
    b"--help",
    b"quote'\"$(touch x)`",
    b"*?[a-z]",
    b" space ",
    "näme-日本".encode(),
    b"%2F",
    b"n" * 255,
    b"tab\there",
    b"~",
    b"\x1b[31mred",
]


def as_nobody(work: Callable[[], None]) -> None:
    """Run `work` in a child process of an ordinary account."""
    if any(not folder.stat().st_mode & 0o001 for folder in Path(__file__).parents):
        pytest.skip("this checkout lies where an ordinary account may not go")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def tricky(top: Path) -> Path:
    """Make the tree; with other owners when we are root."""
    (top / "deep/er/still").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "index.php").write_text("<?php\n")
    (top / "empty.txt").touch()
    (top / "deep/large.bin").write_bytes(os.urandom(3 << 20) * 3)  # spans frames
    (top / "deep/er/still/small").write_text("x" * 511)
    (top / "block").write_bytes(b"y" * 512)
    with open(top / "sparse", "wb") as file:
        file.seek(20 << 20)
        file.write(b"end")
        file.truncate(30 << 20)
    os.link(top / "index.php", top / "deep/second name.php")
    os.link(top / "index.php", top / "zz third")
    os.symlink("index.php", top / "relative")
    os.symlink("/etc/passwd", top / "absolute")
    os.symlink("nowhere/../../../x", top / "dangling")
    os.symlink("deep", top / "to folder")
    os.symlink(b"odd \xff\n", os.fsencode(top / "odd target"))
    os.symlink("l" * 200, top / "long target")
    os.link(top / "relative", top / "relative again", follow_symlinks=False)
    os.mkfifo(top / "fifo", 0o640)
    odd = top / "odd"
    odd.mkdir()
    for number, name in enumerate(ODD_NAMES):
        (odd / os.fsdecode(name)).write_text(f"{number}")
    (odd / ("d" * 200)).mkdir()
    (odd / ("d" * 200) / ("e" * 200)).write_text("a path longer than ustar's")
    none = 0 if os.geteuid() == 0 else 0o400  # who is not root could not read it back
    for name, mode in (
        ("none", none),
        ("all", 0o777),
        ("setuid", 0o4755),
        ("setgid", 0o2755),
        ("read", 0o444),
    ):
        (top / f"mode {name}").write_text(name)
        (top / f"mode {name}").chmod(mode)
    attributes = top / "attributes"
    attributes.mkdir()
    (attributes / "with").write_text("x")
    os.setxattr(attributes / "with", "user.note", b"value = \x00 and more\n")
    os.setxattr(attributes / "with", "user.a=b%", b"awkward")
    # An ordinary owner may give neither of them an attribute any more.
    (attributes / "read only").write_text("x")
    (attributes / "closed").mkdir()
    for name, mode in (("read only", 0o444), ("closed", 0o555)):
        os.setxattr(attributes / name, "user.note", b"kept")
        (attributes / name).chmod(mode)
    if os.geteuid() == 0:
        for number, name in enumerate(("uid unknown", "uid big", "uid 33")):
            (top / name).write_text(name)
            owner = (54321, 3_000_000_000, 33)[number]
            os.chown(top / name, owner, owner)
        os.chown(top / "deep/er", 33, 33)
        os.chown(top / "absolute", 33, 33, follow_symlinks=False)
    if shutil.which("setfacl"):
        subprocess.run(["setfacl", "-m", "u:33:rwx,g:54321:r", attributes / "with"], check=True)
        subprocess.run(["setfacl", "-d", "-m", "u:33:rx", attributes], check=True)
    for name in ("read-only", "read-only/below", "closed", "sticky"):
        (top / name).mkdir()
        (top / name / "file").write_text("x")
    os.symlink("file", top / "read-only/below/link")
    for name, time in (("index.php", 1_700_000_000_123_456_789), ("block", -1_500_000_000), ("mode none", 0)):
        os.utime(top / name, ns=(time, time))
    os.utime(top / "relative", ns=(5, 1_600_000_000_000_000_001), follow_symlinks=False)
    os.utime(top / "deep/er", ns=(5, 1_500_000_000_999_999_999))
    os.utime(top / "read-only/below", ns=(5, -86_400_000_000_001))
    (top / "sticky").chmod(0o1777)
    (top / "closed").chmod(0 if os.geteuid() == 0 else 0o500)
    (top / "read-only/below").chmod(0o500)
    (top / "read-only").chmod(0o555)
    os.utime(top, ns=(5, 1_234_567_890_000_000_000))
    return top


def give(top: Path, uid: int, gid: int) -> None:
    """Make everything below `top` belong to one account, modes as they were (chown clears setuid)."""
    for place, folders, files in os.walk(top):
        for name in [*folders, *files, "."]:
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            os.chown(path, uid, gid, follow_symlinks=False)
            if not stat.S_ISLNK(mode):
                os.chmod(path, stat.S_IMODE(mode))


def fingerprint(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a tree that a restore must give back, by relative path; root may read it all."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[tuple[int, int], str] = {}
    for place, folders, files in os.walk(top):
        here = ["."] if place == str(top) else []
        for name in [*here, *sorted(folders), *sorted(files)]:
            path = os.path.join(place, name)
            seen = os.lstat(path)
            relative = os.path.relpath(path, top)
            content = ""
            if stat.S_ISREG(seen.st_mode):
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            elif stat.S_ISLNK(seen.st_mode):
                content = repr(os.readlink(path))
            names = os.listxattr(path, follow_symlinks=False)
            attributes = {one: os.getxattr(path, one, follow_symlinks=False) for one in names}
            first = relative
            if not stat.S_ISDIR(seen.st_mode):
                first = inodes.setdefault((seen.st_dev, seen.st_ino), relative)
            found[relative] = (
                oct(seen.st_mode),
                seen.st_uid,
                seen.st_gid,
                seen.st_mtime_ns,
                content,
                first,
                sorted(attributes.items()),
            )
    return found


def differences(source: Path, restored: Path) -> list[str]:
    """Sentences about what is not equal."""
    left, right = fingerprint(source), fingerprint(restored)
    unequal = [name for name in left | right if left.get(name) != right.get(name)]
    found = [f"{name!r}: {left.get(name)} became {right.get(name)}" for name in unequal]
    if not found and shutil.which("rsync"):
        command = ["rsync", "-anciHAX", "--delete", f"{source}/", f"{restored}/"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stderr
        found = done.stdout.splitlines()
    return found
