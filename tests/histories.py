"""Random histories of a real tree: edits of every kind that a server's life has, and what must come back of them.

A history is told by a seed. `Life` makes the tree and edits it; `expected` says what a snapshot of it must restore
to, with the excludes and folders that were in force.
"""

import hashlib
import os
import random
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

Seen = dict[str, tuple[object, ...]]

ODD = [
    b"new\nline", b"bad \xff\xfe utf-8", b"back\\slash\\n", b"-rf", b"--checkpoint-action=exec=x", b"$(x)`x`'\"",
    b"*?[a]", b" ", "\u00e9\u65e5".encode(), b"%2F", b"n" * 255, b"tab\t", b"~", b"\x1b[31m", b".",
    b"a: Cannot open: b",
]  # fmt: skip
OWNERS = [0, 1, 33, 1234, 3_000_000_000]
TIMES = [
    0, 1, -1, -1_500_000_001, -86_400_000_000_000, 1_700_000_000_123_456_789, 2_147_483_648_000_000_000,
    4_000_000_000_999_999_999,
]  # fmt: skip
EXCLUDES = [(), ("*.log",), ("**/cache/**",), ("*.log", "**/cache/**")]


def left_out(path: str, excludes: Iterable[str]) -> bool:
    """Whether one of `EXCLUDES` leaves `path` out, decided by hand and not by what is tested."""
    parts = path.split("/")
    return ("*.log" in excludes and any(part.endswith(".log") for part in parts)) or (
        "**/cache/**" in excludes and "cache" in parts[:-1]
    )


def fingerprint(top: Path, excludes: Iterable[str] = (), *, owners: bool = True) -> Seen:
    """Everything that a restore of `top` must give back, by relative path. Sockets and devices are not
    made, and of what is neither file nor folder no attributes are known: it is never opened."""
    found: Seen = {}
    first: dict[tuple[int, int], str] = {}
    for place, folders, files in os.walk(os.fsencode(top)):
        folders.sort()
        here = [b"."] if place == os.fsencode(top) else []
        for name in [*here, *folders, *sorted(files)]:
            raw = os.path.join(place, name)
            path = os.fsdecode(os.path.relpath(raw, os.fsencode(top)))
            status = os.lstat(raw)
            kind = stat.S_IFMT(status.st_mode)
            if left_out(path, excludes) or kind in (stat.S_IFSOCK, stat.S_IFBLK, stat.S_IFCHR):
                continue
            content = ""
            if kind == stat.S_IFREG:
                content = hashlib.sha256(Path(os.fsdecode(raw)).read_bytes()).hexdigest()
            elif kind == stat.S_IFLNK:
                content = repr(os.readlink(raw))
            attributes = {
                one: os.getxattr(raw, one, follow_symlinks=False)
                for one in os.listxattr(raw, follow_symlinks=False)
                if kind in (stat.S_IFREG, stat.S_IFDIR) and (owners or one.startswith("user."))
            }
            same = path
            if kind in (stat.S_IFREG, stat.S_IFLNK):
                same = first.setdefault((status.st_dev, status.st_ino), path)
            owner = (status.st_uid, status.st_gid) if owners else ()
            mode = oct(status.st_mode)
            found[path] = (mode, owner, status.st_mtime_ns, content, same, sorted(attributes.items()))
    return found


def without_owners(seen: Seen) -> Seen:
    """What an ordinary user can have back of `seen`."""
    return {
        path: (mode, (), time, content, same, [one for one in attributes if one[0].startswith("user.")])
        for path, (mode, _, time, content, same, attributes) in seen.items()
    }


def without_attributes(seen: Seen) -> Seen:
    """What restore.sh gives an ordinary user back of it where a read-only file has attributes."""
    return {path: (*facts, []) for path, (*facts, _) in seen.items()}


def unequal(expected: Seen, found: Seen) -> str:
    """The first differences, a line each; "" when there are none."""
    names = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    return "\n".join(f"{name!r}: {expected.get(name)} became {found.get(name)}" for name in names[:8])


@dataclass
class Life:
    """Two application folders below `place` and what happens to them. `told` is what happened, for a failure."""

    place: Path
    chance: random.Random
    told: list[str] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        for top in self.tops:
            (top / "app/cache").mkdir(parents=True)
            (top / "uploads/2026").mkdir(parents=True)
            for number in range(12):
                self._write(top / f"app/file{number:02}.php", number * 700)
                self._write(top / f"uploads/2026/{number}.pdf", number * 211)
            self._write(top / "app/cache/x", 10)
            self._write(top / "error.log", 10)
            (top / "app/second.php").hardlink_to(top / "app/file03.php")
            (top / "current").symlink_to("uploads/2026")
            (top / "empty").mkdir()
        (self.place / "outside").mkdir()

    @property
    def tops(self) -> tuple[Path, Path]:
        return self.place / "srv/siakad", self.place / "srv/simpeg"

    def edit(self) -> None:
        """One random change to one of the folders; one that is not possible there is no change."""
        top = self.chance.choice(self.tops)
        happen = self.chance.choice(EDITS)
        try:
            what = happen(self, top)
        except OSError as error:
            what = f"not possible: {error}"
        self.told.append(f"{happen.__name__.strip('_')}: {what}")

    # what the edits choose from

    def _all(self, top: Path) -> list[Path]:
        return sorted(
            Path(os.fsdecode(os.path.join(place, name)))
            for place, folders, files in os.walk(os.fsencode(top))
            for name in [*folders, *files]
        )

    def _some(self, paths: Iterable[Path]) -> Path:
        found = list(paths)
        if not found:
            raise FileNotFoundError("nothing of that kind")
        return self.chance.choice(found)

    def _file(self, top: Path) -> Path:
        return self._some(path for path in self._all(top) if path.is_file() and not path.is_symlink())

    def _folder(self, top: Path) -> Path:
        return self._some(
            [top, *(path for path in self._all(top) if path.is_dir() and not path.is_symlink())]
        )

    def _plain(self, top: Path) -> Path:
        """A file or folder: what is neither is never opened, so its attributes are not known."""
        found = (path for path in self._all(top) if not path.is_symlink())
        return self._some(path for path in found if path.is_file() or path.is_dir())

    def _small_folder(self, top: Path) -> Path:
        folder = self._folder(top)
        if folder == top or len(self._all(folder)) > 6:
            raise FileNotFoundError("no small folder")
        return folder

    def _link(self, top: Path) -> Path:
        return self._some(path for path in self._all(top) if path.is_symlink())

    def _new(self, top: Path) -> Path:
        self.number += 1
        name = b"new-%d" % self.number
        if self.chance.random() < 0.2:
            name = (self.chance.choice(ODD) + b"%d" % self.number)[-255:]
        elif self.chance.random() < 0.1:
            name += b".log"
        return self._folder(top) / os.fsdecode(name)

    def _write(self, path: Path, size: int) -> None:
        path.write_bytes(self.chance.randbytes(size))

    # the edits

    def _content(self, top: Path) -> Path:
        path = self._file(top)
        self._write(path, self.chance.choice([0, 1, 511, 512, 513, 5000, 200_000]))
        return path

    def _same_size_and_time(self, top: Path) -> Path:
        path = self._file(top)
        before = path.stat()
        self._write(path, before.st_size)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return path

    def _append(self, top: Path) -> Path:
        path = self._file(top)
        with path.open("ab") as file:
            file.write(b"more\n")
        return path

    def _truncate(self, top: Path) -> Path:
        path = self._file(top)
        os.truncate(path, path.stat().st_size // 2)
        return path

    def _create(self, top: Path) -> Path:
        path = self._new(top)
        self._write(path, self.chance.randrange(20_000))
        return path

    def _make_folder(self, top: Path) -> Path:
        path = self._new(top)
        path.mkdir()
        if self.chance.random() < 0.6:
            self._write(path / "inside", 300)
        return path

    def _remove(self, top: Path) -> Path:
        path = self._file(top)
        path.unlink()
        return path

    def _remove_folder(self, top: Path) -> Path:
        path = self._small_folder(top)
        shutil.rmtree(path)
        return path

    def _rename(self, top: Path) -> str:
        path, new = self._some(self._all(top)), self._new(top)
        if new.is_relative_to(path):
            raise FileExistsError("into itself")
        path.rename(new)
        return f"{path} to {new}"

    def _swap(self, top: Path) -> str:
        """Two files of one size and time change places: only inode and ctime tell."""
        one, two = self._file(top), self._file(top)
        if one == two:
            raise FileExistsError("the same")
        time = one.stat().st_mtime_ns
        two.write_bytes(self.chance.randbytes(one.stat().st_size))
        os.utime(two, ns=(time, time))
        aside = top / "aside"
        one.rename(aside)
        two.rename(one)
        aside.rename(two)
        return f"{one} and {two}"

    def _deploy(self, top: Path) -> Path:
        """A folder gives way to a copy of itself with the same names, sizes and times."""
        path = self._small_folder(top)
        aside = top / "aside"
        subprocess.run(["cp", "-a", path, aside], check=True)
        shutil.rmtree(path)
        aside.rename(path)
        return path

    def _leave(self, top: Path) -> Path:
        """Something goes away, to come back later as it was."""
        path = self._some(path for path in self._all(top) if not path.is_dir() or path.is_symlink())
        self.number += 1
        path.rename(self.place / f"outside/{self.number}")
        return path

    def _return(self, top: Path) -> Path:
        path = self._some((self.place / "outside").iterdir())
        new = self._new(top)
        path.rename(new)
        return new

    def _mode(self, top: Path) -> str:
        path = self._some(path for path in [top, *self._all(top)] if not path.is_symlink())
        mode = self.chance.choice([0o000, 0o400, 0o600, 0o644, 0o755, 0o777, 0o1777, 0o2755, 0o4755])
        path.chmod(mode)
        return f"{path} {mode:o}"

    def _owner(self, top: Path) -> str:
        path = self._some([top, *self._all(top)])
        uid, gid = self.chance.choice(OWNERS), self.chance.choice(OWNERS)
        os.chown(path, uid, gid, follow_symlinks=False)
        return f"{path} {uid} {gid}"

    def _time(self, top: Path) -> str:
        path, time = self._some([top, *self._all(top)]), self.chance.choice(TIMES)
        os.utime(path, ns=(time, time), follow_symlinks=False)
        return f"{path} {time}"

    def _hard_link(self, top: Path) -> str:
        source = self._some(path for path in self._all(top) if not path.is_dir() or path.is_symlink())
        new = self._new(self.chance.choice(self.tops))
        os.link(source, new, follow_symlinks=False)
        return f"{source} as {new}"

    def _break_link(self, top: Path) -> Path:
        path = self._some(
            path
            for path in self._all(top)
            if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1
        )
        subprocess.run(["cp", "-a", path, top / "aside"], check=True)
        (top / "aside").rename(path)
        return path

    def _remove_carrier(self, top: Path) -> Path:
        """The first name of an inode goes, the others stay."""
        path = self._some(
            path
            for path in self._all(top)
            if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1
        )
        path.unlink()
        return path

    def _symlink(self, top: Path) -> str:
        new = self._new(top)
        target = self.chance.choice(["/etc/passwd", "nowhere", ".", "..", "a" * 200, str(self._folder(top))])
        new.symlink_to(target)
        return f"{new} to {target}"

    def _point_elsewhere(self, top: Path) -> Path:
        path = self._link(top)
        path.unlink()
        path.symlink_to("elsewhere")
        return path

    def _file_to_folder(self, top: Path) -> Path:
        path = self._file(top)
        path.unlink()
        path.mkdir()
        self._write(path / "inside", 100)
        return path

    def _folder_to_file(self, top: Path) -> Path:
        path = self._small_folder(top)
        shutil.rmtree(path)
        self._write(path, 100)
        return path

    def _file_to_link(self, top: Path) -> Path:
        path = self._file(top)
        path.unlink()
        path.symlink_to(self._file(top))
        return path

    def _folder_to_link(self, top: Path) -> str:
        """A folder moves, and a link to it takes its name: older archives hold files below that name."""
        path, new = self._small_folder(top), self._new(top)
        if new.is_relative_to(path):
            raise FileExistsError("into itself")
        path.rename(new)
        path.symlink_to(new)
        return f"{path} to {new}"

    def _link_to_folder(self, top: Path) -> Path:
        path = self._link(top)
        path.unlink()
        path.mkdir()
        self._write(path / "inside", 100)
        return path

    def _attribute(self, top: Path) -> Path:
        path = self._plain(top)
        names = ["user.note", "user.a=b%", "user.x", *(["trusted.x"] if os.geteuid() == 0 else [])]
        name = self.chance.choice(names)
        if name in os.listxattr(path):
            os.removexattr(path, name)
        else:
            os.setxattr(path, name, self.chance.choice([b"", b"line\n=\0", b"v" * 900]))
        return path

    def _access_list(self, top: Path) -> Path:
        path = self._plain(top)
        words = self.chance.choice([["-m", "u:33:rwx,g:1234:r"], ["-m", "m::r"], ["-b"]])
        if path.is_dir():
            words = self.chance.choice([words, ["-d", "-m", "u:33:rx"]])
        subprocess.run(["setfacl", *words, path], check=True, capture_output=True)
        return path

    def _sparse(self, top: Path) -> Path:
        path = self._new(top)
        with path.open("wb") as file:
            file.truncate(3_000_000)
            file.seek(self.chance.choice([0, 1_000_000, 2_999_990]))
            file.write(b"x" * 10)
        return path

    def _special(self, top: Path) -> Path:
        path = self._new(top)
        if self.chance.random() < 0.7 or len(os.fsencode(path)) > 100:
            os.mkfifo(path, 0o640)
        else:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        return path

    def _turn(self, top: Path) -> Path:
        """Something of one kind takes the name of something of any other kind."""
        path = self._some(path for path in self._all(top) if path.is_symlink() or not path.is_dir())
        path.unlink()
        os.mkfifo(path)
        return path


EDITS: list[Callable[[Life, Path], object]] = [
    Life._content, Life._same_size_and_time, Life._append, Life._truncate, Life._create, Life._create,
    Life._make_folder, Life._remove, Life._remove_folder, Life._rename, Life._rename, Life._swap, Life._deploy,
    Life._leave, Life._return, Life._mode, Life._owner, Life._time, Life._hard_link, Life._hard_link,
    Life._break_link, Life._remove_carrier, Life._symlink, Life._point_elsewhere, Life._file_to_folder,
    Life._folder_to_file, Life._file_to_link, Life._folder_to_link, Life._folder_to_link, Life._link_to_folder,
    Life._attribute, Life._access_list, Life._sparse, Life._special, Life._turn,
]  # fmt: skip
