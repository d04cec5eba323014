"""Which copy a place holds: its identity object, how an empty place becomes one, and what refuses to be one."""

import hashlib
import tomllib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from tuibackup.copies.target import (
    AlreadyThereError,
    AwayError,
    CopyError,
    MissingError,
    Target,
    refuse_newer,
)
from tuibackup.words import sentence

IDENTITY = "tuibackup-copy.toml"
FORMAT = 1
_LONGEST = 1 << 16  # bytes of an identity object that are read


@dataclass(frozen=True, slots=True)
class Identity:
    """What the identity object says. `vault`: the SHA-256 of the id of the vault whose copies lie here, in hex."""

    id: str
    vault: str


def vault_tag(vault_id: str) -> str:
    """How the vault of that id is named in the clear."""
    return hashlib.sha256(vault_id.encode()).hexdigest()


def read_identity(target: Target) -> Identity | None:
    """None where the place has none. Raises CopyError: damaged, made by a newer version, or cannot be reached."""
    try:
        text = b"".join(target.read(IDENTITY, 0, _LONGEST))
    except MissingError:
        return None
    where = f"{target.name}/{IDENTITY}"
    try:
        content = tomllib.loads(text.decode())
        version, identity, vault = content["format"], content["id"], content["vault"]
    except (ValueError, KeyError) as error:
        raise CopyError(sentence("{file}: is damaged ({error})", file=where, error=error)) from error
    if not isinstance(version, int) or not isinstance(identity, str) or not isinstance(vault, str):
        raise CopyError(sentence("{file}: is damaged", file=where))
    refuse_newer(where, version, FORMAT)
    return Identity(identity, vault)


def claim(target: Target, vault_id: str, known: str | None) -> Identity:
    """The identity of the place for copies of that vault; an empty place becomes one at first use.

    `known`: the id that was found there before. Raises AwayError: it is not the place that was there before and could
    be a mount point with nothing mounted; CopyError: it holds other things, or the copies of another vault.
    """
    found = read_identity(target)
    if found is None:
        if known is not None:
            gone = sentence("{place} does not hold the copies that were there", place=target.name)
            if target.may_be_unmounted:
                raise AwayError(gone)
            raise CopyError(
                gone,
                sentence("see who removed them; to begin anew, give the copy another name in config.toml"),
            )
        found = _made(target, vault_id)
    require(target, found, known)
    if found.vault != vault_tag(vault_id):
        raise CopyError(
            sentence("{place} holds the copies of another vault", place=target.name),
            sentence("name an empty place for this one"),
        )
    return found


def require(target: Target, found: Identity, known: str | None) -> None:
    """CopyError where it is another place than the `known` one."""
    if known is not None and found.id != known:
        raise CopyError(
            sentence("{place} is another place than the one used before", place=target.name),
            sentence("wrong disk? To use this one from now on, give the copy another name in config.toml"),
        )


def _made(target: Target, vault_id: str) -> Identity:
    if (stranger := next(iter(target.objects()), None)) is not None:
        raise CopyError(
            sentence(
                "{place} is not empty and no place for copies: it has {key}",
                place=target.name,
                key=stranger.key,
            ),
            sentence("name an empty one"),
        )
    identity = Identity(str(uuid.uuid4()), vault_tag(vault_id))
    text = (
        "# Copies of a vault of tuibackup lie here: docs/copy-format.md. Do not change anything.\n"
        f'format = {FORMAT}\nid = "{identity.id}"\nvault = "{identity.vault}"\n'
        f"created = {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
    )
    try:
        target.create(IDENTITY, text.encode())
    except AlreadyThereError:  # another process was first
        return read_identity(target) or identity
    return identity
