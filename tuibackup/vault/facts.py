"""server.json: what a rebuild needs to know of a server, beside its snapshot. docs/vault-format.md describes it.

It is a help for people and no more: nothing is restored from it. Its texts came from a server and are printable.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from tuibackup.errors import VaultError
from tuibackup.parts import as_text
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

FORMAT = 1
FILE_NAME = "server.json"
_MOST = 16 << 20  # bytes that are read of one


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part, "packages" or the like. `unread`: what could not be read, in the server's words or ours.

    `more`: there are further lines, which were left out.
    """

    name: str
    lines: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    more: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All parts, `gathered` then (ISO 8601, UTC)."""

    format: int = FORMAT
    server: str
    gathered: str
    parts: tuple[Part, ...] = ()

    def part(self, name: str) -> Part:
        """The part of that name; an empty one where there is none."""
        return next((one for one in self.parts if one.name == name), Part(name=name))


def encode(facts: Facts) -> bytes:
    """The text of server.json."""
    return msgspec.json.format(msgspec.json.encode(facts, enc_hook=as_text), indent=1) + b"\n"


def read(folder: Path) -> Facts | None:
    """server.json of the snapshot in `folder`; None for a snapshot that has none.

    Raises VaultError: damaged, or newer than we are.
    """
    path = folder / FILE_NAME
    try:
        with vault_errors(path), path.open("rb") as file:
            data = file.read(_MOST)
    except VaultError:
        if not path.exists():
            return None
        raise
    try:
        version = msgspec.json.decode(data, type=_Version).format
        if version > FORMAT:
            raise VaultError(
                sentence(
                    "{path}: has format {version}, this program knows {format}",
                    path=path,
                    version=version,
                    format=FORMAT,
                ),
                sentence("install a newer tuibackup"),
            )
        facts = msgspec.json.decode(data, type=Facts)
        datetime.fromisoformat(facts.gathered)
    except ValueError as error:  # msgspec's are such
        raise VaultError(sentence("{path} is damaged: {error}", path=path, error=error)) from error
    return facts


class _Version(msgspec.Struct):
    format: int
