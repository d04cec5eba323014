"""What a place holds: its snapshots by their manifests, the files that each consists of, and their bytes, proven."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tuibackup.copies import manifest as mf
from tuibackup.copies.manifest import Manifest, Stored, is_key
from tuibackup.copies.target import PART, AwayError, CopyError, DamagedError, Target
from tuibackup.text import printable
from tuibackup.vault.names import NAME
from tuibackup.words import sentence

_LONGEST = PART + (1 << 20)  # bytes that any object has at most
_HEAD = "# tuibackup names "


class Opening(Protocol):
    """Decrypts."""

    def open(self, data: bytes, what: str) -> memoryview:
        """`data` decrypted. Raises CopyError: it is for others, or damaged; `what` it is."""


@dataclass(frozen=True, slots=True)
class Held:
    """A snapshot in a place. `files`: every file of the vault that it needs, with its objects in order.

    `vault_id` is told by the names of an encrypted copy alone.
    """

    spec: str
    manifest: Manifest
    files: tuple[tuple[str, tuple[Stored, ...]], ...]
    vault_id: str = ""


def everything(target: Target, opener: Opening | None) -> tuple[list[Held], list[CopyError]]:
    """All snapshots of which every object lies there in its size: without that it is no copy. And a fault for each
    other one.

    Raises AwayError; CopyError: the place cannot be listed, or is encrypted and there is no opener.
    """
    sizes = {one.key: one.size for one in target.objects()}
    found, faults = [], []
    for key in sorted(key for key in sizes if key.endswith(mf.SUFFIX)):
        try:
            manifest = read_manifest(target, key)
            gone = lacking(manifest, sizes)
            if manifest.encrypted and manifest.names in (one.key for one in gone):
                raise incomplete(target, key.removesuffix(mf.SUFFIX), gone)
            one = held(target, manifest, opener)
            if gone:
                raise incomplete(target, one.spec, gone)
        except (AwayError, LockedError):
            raise
        except CopyError as error:
            faults.append(error)
        else:
            found.append(one)
    return sorted(found, key=lambda one: one.spec), faults


def incomplete(target: Target, spec: str, gone: list[Stored]) -> CopyError:
    """Not all of a snapshot is there."""
    return CopyError(
        sentence(
            "{place}: of {snapshot} {key} is gone, or was cut short",
            place=target.name,
            snapshot=spec,
            key=gone[0].key,
        ),
        sentence("the next copy sends it again; tuibackup find looks into other snapshots"),
    )


def read_manifest(target: Target, key: str) -> Manifest:
    """The manifest under that key. Raises DamagedError: it is damaged, or of another snapshot; CopyError."""
    manifest = mf.decode(whole(target, key), f"{target.name}/{key}")
    if not manifest.lies_at(key):
        raise DamagedError(
            sentence("{place}: {key} is the manifest of another snapshot", place=target.name, key=key),
            sentence("somebody changed that copy; the next copy makes it anew where it may"),
        )
    return manifest


def lacking(manifest: Manifest, sizes: dict[str, int]) -> list[Stored]:
    """Its objects that do not lie there in their sizes."""
    return [one for one in manifest.objects if sizes.get(one.key) != one.size]


def held(target: Target, manifest: Manifest, opener: Opening | None) -> Held:
    """What a manifest holds. Raises CopyError: it is encrypted and there is no opener, or the names are damaged."""
    if not manifest.encrypted:
        names = {one.key: one.file for one in manifest.objects}
        return _held(manifest.snapshot, manifest, names)
    if opener is None:
        raise LockedError(
            sentence("{place} is encrypted", place=target.name),
            sentence("name the file with the identity: --identity FILE"),
        )
    stored = next((one for one in manifest.objects if one.key == manifest.names), None)
    if stored is None:
        raise _damaged(target, manifest.names)
    text = str(opener.open(read(target, stored), stored.key), "utf-8", "replace")
    first, _, rest = text.partition("\n")
    words = first.removeprefix(_HEAD).split(" ")
    if not first.startswith(_HEAD) or len(words) != 3 or not words[0].isdigit():
        raise _damaged(target, stored.key)
    if int(words[0]) > mf.FORMAT:
        raise CopyError(
            sentence(
                "{file}: has format {version}, this program knows {format}",
                file=stored.key,
                version=words[0],
                format=mf.FORMAT,
            ),
            sentence("install a newer tuibackup"),
        )
    names = {}
    for line in rest.splitlines():
        key, _, file = line.partition(" ")
        names[key] = file
    return _held(words[1], manifest, names, words[2])


def _held(spec: str, manifest: Manifest, names: dict[str, str], vault_id: str = "") -> Held:
    """Raises CopyError: a name leads elsewhere."""
    match spec.split("/"):
        case [server, "files" | "databases" as clock, name] if NAME.fullmatch(name) and is_key(server):
            above = f"{server}/{clock}/"
        case _:
            raise CopyError(sentence("a manifest names no snapshot: {spec}", spec=printable(spec)))
    files: dict[str, list[Stored]] = {}
    for one in manifest.objects:
        if manifest.encrypted and one.key == manifest.names:
            continue
        file = names.get(one.key, "")
        if not is_key(file) or not file.startswith(above) or not NAME.fullmatch(file.split("/")[2]):
            raise CopyError(
                sentence(
                    "{snapshot}: its manifest names a file elsewhere: {file}",
                    snapshot=spec,
                    file=printable(file),
                )
            )
        files.setdefault(file, []).append(one)
    return Held(spec, manifest, tuple((file, tuple(parts)) for file, parts in files.items()), vault_id)


def read(target: Target, stored: Stored) -> bytes:
    """The bytes of an object, which are what the manifest says. Raises CopyError: they are not."""
    pieces, length = [], 0
    digest = hashlib.sha256()
    if stored.size > _LONGEST:
        raise _damaged(target, stored.key)
    for piece in target.read(stored.key):
        length += len(piece)
        if length > stored.size:
            break
        digest.update(piece)
        pieces.append(piece)
    if length != stored.size or digest.hexdigest() != stored.sha256:
        raise _damaged(target, stored.key)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def pieces(target: Target, parts: tuple[Stored, ...], opener: Opening | None) -> Iterator[bytes | memoryview]:
    """The content of a file, part by part, each proven by its hash; decrypted where `opener` is."""
    for stored in parts:
        data = read(target, stored)
        yield data if opener is None else opener.open(data, stored.key)


def whole(target: Target, key: str, most: int = 64 << 20) -> bytes:
    """An object of unknown content. Raises CopyError: there is none, or it is longer than any of ours."""
    data = b"".join(target.read(key, 0, most))
    if len(data) >= most:
        raise _damaged(target, key)
    return data


def _damaged(target: Target, key: str) -> CopyError:
    return DamagedError(
        sentence("{place}: {key} is damaged: it is not what was sent", place=target.name, key=key),
        sentence(
            "tuibackup verify --from COPY tells what else is; the next copy sends it again where it may"
        ),
    )


class LockedError(CopyError):
    """It is encrypted, and there is nothing to open it with."""
