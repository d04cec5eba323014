"""The trees that are pulled: unpacked Debian packages, generated files, or any folder of this machine.

Made once and kept in the cache folder.
"""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

_CHANGED = 100  # one file of so many is changed
SETTLE = 2.5  # seconds after which a change is no longer "in the same tick" as a run's start


def package(name: str, folder: Path) -> None:
    """Unpack the Debian package `name` into `folder`, and the source tree it may hold."""
    # apt's own account may not write here, which it would complain of.
    as_root = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        subprocess.run(
            ["apt-get", "-q", *as_root, "download", name], cwd=scratch, stdout=subprocess.DEVNULL, check=True
        )
        (archive,) = Path(scratch).glob("*.deb")
        subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
    for packed in folder.glob("usr/src/*.tar.xz"):
        subprocess.run(["tar", "-C", str(packed.parent), "-xf", str(packed)], check=True)
        packed.unlink()


def _one_file(size: int, folder: Path) -> None:
    """One file of random bytes: nothing compresses it."""
    with (folder / "random").open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))


def _many_files(count: int, largest: int, folder: Path) -> None:
    """`count` files of up to `largest` bytes of words, a hundred a folder, the same every time."""
    dice = random.Random(count)
    words = b" ".join(b"%x" % dice.getrandbits(24) for _ in range(100_000))
    for number in range(count):
        if number % 100 == 0:
            inner = folder / f"{number // 10_000:03d}" / f"{number // 100 % 100:02d}"
            inner.mkdir(parents=True)
        start = dice.randrange(len(words) - largest)
        with (inner / f"file-{number:07d}.txt").open("wb") as file:
            file.write(words[start : start + dice.randrange(largest)])


TREES: dict[str, Callable[[Path], None]] = {
    "mediawiki": partial(package, "mediawiki"),
    "linux-source-6.1": partial(package, "linux-source-6.1"),
    "random-1g": partial(_one_file, 1 << 30),
    "small-5000": partial(_many_files, 5_000, 8_192),
    "tiny-50000": partial(_many_files, 50_000, 512),
    "tiny-1000000": partial(_many_files, 1_000_000, 512),
}


def tree_of(name: str, cache: Path) -> Path:
    """The tree `name` of TREES, or the folder of that name."""
    if name not in TREES:
        if Path(name).is_dir():
            return Path(name).resolve()
        raise SystemExit(f"no tree and no folder is called {name}; trees: {', '.join(TREES)}")
    tree = cache / name
    if not tree.exists():
        cache.mkdir(parents=True, exist_ok=True)
        scratch = cache / f".{name}"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        TREES[name](scratch)
        scratch.rename(tree)
    return tree


def copied(tree: Path, target: Path) -> Path:
    """A copy of `tree` that may be changed."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(tree), str(target)], check=True)
    return target


def files(tree: Path) -> Iterator[str]:
    """Every regular file below `tree`, in an order that is always the same."""
    for folder, folders, names in os.walk(tree):
        folders.sort()
        for name in sorted(names):
            path = f"{folder}/{name}"
            if not os.path.islink(path):
                yield path


def change(tree: Path, number: int) -> int:
    """Change one file of a hundred, other ones for each `number`; how many."""
    changed = 0
    for position, path in enumerate(files(tree)):
        if position % _CHANGED == number % _CHANGED:
            with open(path, "ab") as file:
                file.write(b"changed in round %d\n" % number)
            changed += 1
    return changed
