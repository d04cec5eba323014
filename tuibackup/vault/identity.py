"""Which vault a folder is: its identity file, how an empty folder becomes a vault, and what a path held before."""

import json
import os
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from tuibackup.durable import replace_file
from tuibackup.errors import VaultError
from tuibackup.filelock import locked
from tuibackup.vault import disk
from tuibackup.vault.output import OutputFile, rename_new, sync_folder, vault_errors
from tuibackup.words import joined, sentence

IDENTITY = "tuibackup-vault.toml"
KNOWN = "vaults.json"
FORMAT = 1
_DRAFT = f".{IDENTITY}.new"  # what a machine that went down while it made a vault leaves: no reason to refuse


def read_identity(path: Path) -> str | None:
    """The id in the vault's identity file; None when there is no such file. Raises VaultError."""
    file = path / IDENTITY
    try:
        with vault_errors(file):
            data = file.read_bytes()
    except VaultError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    return identity_in(data, str(file))


def identity_in(data: bytes, file: str) -> str:
    """The id that the content of an identity file says. Raises VaultError: it is damaged, or newer."""
    try:
        content = tomllib.loads(data.decode())
        version, identity = content["format"], content["id"]
    except (ValueError, KeyError) as error:
        raise VaultError(sentence("{file}: is damaged ({error})", file=file, error=error)) from error
    if not isinstance(version, int) or not isinstance(identity, str):
        raise VaultError(sentence("{file}: is damaged", file=file))
    if version > FORMAT:
        raise VaultError(
            sentence(
                "{file}: has format {version}, this program knows {format}",
                file=file,
                version=version,
                format=FORMAT,
            ),
            sentence("install a newer tuibackup"),
        )
    return identity


def create_vault(path: Path) -> str:
    """Make the empty folder a vault; its id. The runs of one request may all come here at once."""
    with vault_errors(path), locked(path):
        return read_identity(path) or _create_alone(path, str(uuid.uuid4()))


def make_vault(path: Path, identity: str) -> None:
    """Make the empty folder the vault of that id anew. Raises VaultError: it is no such folder, or another vault."""
    with vault_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path):
            found = read_identity(path) or _create_alone(path, identity)
    if found != identity:
        raise VaultError(
            sentence("{path}: is another vault than the one that was copied", path=path),
            sentence("name an empty folder: [vault] path"),
        )


def refuse_unfit(path: Path) -> None:
    """VaultError for a folder that cannot become a vault."""
    with vault_errors(path):
        if any(name not in ("lost+found", _DRAFT) for name in os.listdir(path)):
            raise VaultError(
                sentence("{path}: is no vault and not empty", path=path), sentence("choose an empty folder")
            )
    if refusal := disk.room(path).refusal:
        raise VaultError(joined(": ", (str(path), refusal)))


def _create_alone(path: Path, identity: str) -> str:
    refuse_unfit(path)
    disk.require_writable(path)
    text = (
        "# This folder is a vault of tuibackup: the backups of your servers. Do not change anything in it.\n"
        f'format = {FORMAT}\nid = "{identity}"\ncreated = {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n'
    )
    draft = path / _DRAFT
    with vault_errors(draft):
        draft.unlink(missing_ok=True)
    output = OutputFile(draft)
    try:
        output.write(text.encode())
        output.close()
        with vault_errors(path):
            if os.stat(path).st_uid == os.geteuid():
                os.chmod(path, 0o700)
        try:
            rename_new(draft, path / IDENTITY)
        except FileExistsError:  # another process was first
            return read_identity(path) or identity
        sync_folder(path)
    finally:
        output.abandon()
        draft.unlink(missing_ok=True)
    return identity


def known_vaults(state: Path) -> dict[str, str]:
    """Paths and the ids of the vaults that were used there."""
    try:
        content = json.loads((state / KNOWN).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise VaultError(
            sentence("{state}: cannot be read ({error})", state=state / KNOWN, error=error)
        ) from error
    return content if isinstance(content, dict) else {}


def remember_vault(state: Path, path: Path, identity: str) -> None:
    """From now on the vault at `path` is this one. Raises VaultError."""
    with vault_errors(state / KNOWN):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(state / f"{KNOWN}.lock"):
            text = json.dumps(known_vaults(state) | {str(path): identity}, indent=2) + "\n"
            replace_file(state / KNOWN, text.encode())
