"""SHA256SUMS of a snapshot: the hash of every file in it, and of every older archive that it needs."""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault.names import NAME
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

SUMS = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  ((?:\.\./[^/]+/)?[A-Za-z0-9._%/-]+)")


class Sum(NamedTuple):
    """A line of SHA256SUMS: a file, relative to the snapshot, and its hash."""

    name: str
    sha256: bytes


def read_sums(folder: Path) -> list[Sum]:
    """SHA256SUMS of the snapshot in `folder`. Raises VaultError: missing, damaged, leads elsewhere."""
    path = folder / SUMS
    sums = []
    with vault_errors(path):
        text = path.read_bytes().decode("ascii", "replace")
    if not text.endswith("\n"):
        raise VaultError(sentence("{path} is damaged: it was cut off", path=path))
    for line in text[:-1].split("\n"):
        match = _LINE.fullmatch(line)
        parts = match[2].split("/") if match else []
        if (
            match is None
            or "" in parts
            or ".." in parts[1:]
            or (parts[0] == ".." and not NAME.fullmatch(parts[1]))
        ):
            raise VaultError(sentence("{path} is damaged: {line}", path=path, line=printable(line)))
        sums.append(Sum(match[2], bytes.fromhex(match[1])))
    return sums


def sum_of_sums(folder: Path) -> str:
    """The SHA-256 of the file SHA256SUMS itself, in hex: it stands for all of the snapshot. Raises VaultError."""
    with vault_errors(folder / SUMS):
        return hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()


def needed(sums: Iterable[Sum]) -> frozenset[str]:
    """The names of the older snapshots whose archives are among them."""
    return frozenset(one.name.split("/")[1] for one in sums if one.name.startswith("../"))


def files_below(folder: Path) -> list[str]:
    """Everything in `folder` that is no folder, as relative names, sorted. Raises OSError."""

    def fail(error: OSError) -> None:
        raise error

    return sorted(
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder, onerror=fail)
        for name in names
    )
