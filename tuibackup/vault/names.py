"""Names in the vault: what a name from outside is called on the disk, and how a snapshot is named."""

import hashlib
import re

NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
NAME_FORMAT = "%Y-%m-%dT%H%M%SZ"
INCOMING = ".incoming-"  # in front of a run's id: the folder that it writes in
REMOVING = ".removing-"  # in front of a snapshot's name: it is one no more, and what is left of it goes
HELD = ".held-"  # in front of a snapshot's name: the file that says why it is held

_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]|^\.")
# With `.12.tar.zst` behind it that is within the 143 bytes that eCryptfs leaves of a name's 255.
_LONGEST = 120


def file_name(name: bytes | str, *, distinct: bool = False) -> str:
    """A local file name for a name from outside: everything but `[A-Za-z0-9._-]` percent-encoded.

    A leading dot is encoded too. What is longer than 120 characters is cut and ends in a hash of the whole;
    with `distinct` every name does (for two names that differ only in case).
    """
    raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    encoded = _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], raw).decode("ascii") or "%"
    if len(encoded) <= _LONGEST and not distinct:
        return encoded
    return f"{encoded[: _LONGEST - 17]}-{_hash(raw)}"


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]


def server_name(folder: str) -> str:
    """The server of a folder in the vault; configuration keeps server names short, so none is cut."""
    return re.sub(r"%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), folder)
