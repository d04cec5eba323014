"""The manifest of a copied snapshot: every object that it needs, with size and hash. Without it there is no copy.

docs/copy-format.md describes the format. Pure: nothing is read or stored here.
"""

import hashlib
import hmac
import re
from typing import Final

import msgspec

from tuibackup.copies.target import DamagedError, refuse_newer
from tuibackup.text import printable
from tuibackup.vault.names import file_name
from tuibackup.words import sentence

FORMAT: Final = 1
SUFFIX: Final = ".manifest.json"

_KEY = re.compile(r"[A-Za-z0-9%_-][A-Za-z0-9._%-]*(?:/[A-Za-z0-9%_-][A-Za-z0-9._%-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Stored(msgspec.Struct, frozen=True):
    """One object: a whole file of the vault, or a part of one; `size` and `sha256` (hex) as it lies in the place.

    `file`: which file of the vault, as `siakad/files/2026-11-22T013000Z/snapshot.json`; "" where it is encrypted: the
    names are an object of their own then. `version`: the store's version id, "" where it has none.
    """

    key: str
    size: int
    sha256: str
    file: str = ""
    version: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All objects of one snapshot; those of one file stand together, its parts in order.

    `copy`: the id of the place. `snapshot`: its spec; "" where it is encrypted. `names`: the key of the object that
    tells the names, "" where nothing is encrypted. `made`: ISO 8601, UTC. `proof`: see `proven`.
    """

    format: int = FORMAT
    copy: str
    snapshot: str
    made: str
    encrypted: bool = False
    names: str = ""
    objects: tuple[Stored, ...]
    proof: str = ""

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(one.size for one in self.objects)

    def proven(self, vault_id: str) -> "Manifest":
        """The same with its proof: an HMAC-SHA256 over all else, by the vault's id, which nobody else knows."""
        return msgspec.structs.replace(self, proof=self._proof(vault_id))

    def is_ours(self, vault_id: str) -> bool:
        """Whether somebody who knows the vault's id made it so."""
        return hmac.compare_digest(self.proof, self._proof(vault_id))

    def lies_at(self, key: str) -> bool:
        """Whether it may lie under that key: the manifest of one snapshot says nothing of another."""
        above = key.removesuffix(SUFFIX)
        if self.encrypted:
            return self.names.startswith(f"{above}/names-")
        server, _, rest = self.snapshot.partition("/")
        return above == f"{file_name(server)}/{rest}"

    def _proof(self, vault_id: str) -> str:
        rest = msgspec.json.encode(msgspec.structs.replace(self, proof=""), order="sorted")
        return hmac.new(vault_id.encode(), rest, hashlib.sha256).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """The text of the object: JSON, a line for each object."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(data: bytes, where: str) -> Manifest:
    """Read the text of the object `where`. Raises DamagedError; CopyError: made by a newer version."""
    try:
        version = msgspec.json.decode(data, type=_Version).format
        refuse_newer(where, version, FORMAT)
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedError(
            sentence("{file}: is damaged ({error})", file=where, error=printable(str(error)))
        ) from error
    for one in manifest.objects:
        names = [one.key, *([one.file] if not manifest.encrypted else [])]
        if not all(map(is_key, names)) or not _SHA256.fullmatch(one.sha256) or one.size < 0:
            raise DamagedError(sentence("{file}: is damaged ({error})", file=where, error=printable(one.key)))
    return manifest


class _Version(msgspec.Struct):
    format: int


def is_key(text: str) -> bool:
    """Whether it is a relative name as this program makes them: it leads nowhere else."""
    return _KEY.fullmatch(text) is not None


class Keys:
    """How the objects of a vault's snapshots are called in a place: as in the vault, or so that they tell nothing."""

    def __init__(self, vault_id: str, *, hidden: bool) -> None:
        self._secret = vault_id.encode()
        self._hidden = hidden

    def folder(self, spec: str) -> str:
        """What the keys of that snapshot's own files begin with."""
        if self._hidden:
            return self._tag(spec, 32)
        server, clock, name = spec.split("/")
        return f"{file_name(server)}/{clock}/{name}"

    def manifest(self, spec: str) -> str:
        """The key of its manifest."""
        return self.folder(spec) + SUFFIX

    def part(self, spec: str, file: str, number: int, parts: int, sha256: str) -> str:
        """The key of part `number` (from 1) of `parts` of a file of that snapshot.

        What is encrypted has other bytes each time; a piece of their hash in the key keeps a second attempt, by
        somebody who does not know the first, from meeting it.
        """
        if self._hidden:
            return f"{self.folder(spec)}/{self._tag(file, 16)}-{number:05}-{sha256[:16]}.age"
        return file if parts == 1 else f"{file}.part-{number:05}"

    def names(self, spec: str, sha256: str) -> str:
        """The key of the object that tells the names."""
        return f"{self.folder(spec)}/names-{sha256[:16]}.age"

    def _tag(self, text: str, length: int) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:length]
