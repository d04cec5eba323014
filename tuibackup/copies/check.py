"""Reads a snapshot's objects in a place again and compares: without a key what was sent, with one the files, too."""

import hashlib
from dataclasses import dataclass

from tuibackup.copies.held import Held, Opening, read
from tuibackup.copies.manifest import Stored
from tuibackup.copies.target import AwayError, CopyError, DamagedError, Target
from tuibackup.progress import OnProgress, Progress
from tuibackup.vault.sums import SUMS
from tuibackup.words import sentence


@dataclass(frozen=True, slots=True)
class Checked:
    """What was read. `opened`: the files were compared with SHA256SUMS, too. `damaged`: keys of objects."""

    objects: int
    bytes: int
    opened: bool
    problems: tuple[str, ...]
    damaged: tuple[str, ...]


def check(
    objects: tuple[Stored, ...],
    held: Held | None,
    target: Target,
    opener: Opening | None,
    on_progress: OnProgress | None = None,
) -> Checked:
    """Read all `objects`; with `held` (what they are) compare the files that they make. Raises AwayError."""
    problems: list[str] = []
    damaged: list[str] = []
    done = number = 0
    total = sum(one.size for one in objects)
    sums: dict[str, str] = {}
    found: dict[str, str] = {}
    order = _in_files(objects, held)
    for file, parts in order:
        digest = hashlib.sha256()
        text = b""
        for stored in parts:
            try:
                data: bytes | memoryview = read(target, stored)
                if held is not None and held.manifest.encrypted and opener is not None and file:
                    data = opener.open(bytes(data), stored.key)
                digest.update(data)
                if file.endswith(f"/{SUMS}"):
                    text += bytes(data)
            except AwayError:
                raise
            except CopyError as error:
                problems.append(str(error) if not isinstance(error, DamagedError) else error.message)
                damaged.append(stored.key)
            done += stored.size
            number += 1
            if on_progress:
                on_progress(Progress(number, len(objects), done, total, stored.key))
        found[file] = digest.hexdigest()
        if held is not None and file == f"{held.spec}/{SUMS}":
            sums = _sums(held.spec, text)
    if held is not None and not problems:
        files = sorted(sums.keys() | (found.keys() - {"", f"{held.spec}/{SUMS}"}))
        problems += [
            sentence("{file}: is not what SHA256SUMS says", file=file)
            for file in files
            if sums.get(file) != found.get(file)
        ]
    return Checked(number, done, held is not None, tuple(problems), tuple(damaged))


def _in_files(objects: tuple[Stored, ...], held: Held | None) -> list[tuple[str, tuple[Stored, ...]]]:
    if held is None:
        return [("", objects)]
    named = {part.key for _file, parts in held.files for part in parts}
    return [*held.files, ("", tuple(one for one in objects if one.key not in named))]


def _sums(spec: str, text: bytes) -> dict[str, str]:
    above = spec.rpartition("/")[0]
    found = {}
    for line in text.decode("ascii", "replace").splitlines():
        sha256, _, name = line.partition("  ")
        found[f"{above}/{name[3:]}" if name.startswith("../") else f"{spec}/{name}"] = sha256
    return found
