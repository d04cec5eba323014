"""Whether all files of a published snapshot are still in the vault: by their names alone, nothing is read but the list.

Somebody may remove a snapshot by hand, or half of one, or an older one that others point into. What is damaged inside
its files only `verify` finds.
"""

import os
import re
from pathlib import Path

from tuibackup.vault.sums import SUMS
from tuibackup.words import sentence

_NAME = re.compile(rb"[0-9a-f]{64}  (\S+)")


def why_incomplete(snapshot: Path) -> str:
    """As `missing`; "" too where the disk, or a right, is missing: that is said elsewhere."""
    try:
        return missing(snapshot)
    except OSError:
        return ""


def missing(snapshot: Path) -> str:
    """Why the snapshot in the folder `snapshot` is not all there: "" when it is, as far as that can be seen.

    Else "is gone from the vault", or "lacks NAME", the first file that is not there. Raises OSError.
    """
    try:
        lines = (snapshot / SUMS).read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return _lacks(SUMS) if os.path.lexists(snapshot) else sentence("is gone from the vault")
    for line in lines:
        match = _NAME.fullmatch(line)
        if match and not os.path.lexists(os.path.join(os.fsencode(snapshot), match[1])):
            return _lacks(match[1].decode("ascii", "replace"))
    return ""


def _lacks(name: str) -> str:
    return sentence("lacks {name}", name=name)
