"""A seal: a statement of the head of the chain, and an SSH signature over it (SSHSIG, as `ssh-keygen -Y` makes and
checks it).

It shows that whoever has the key saw the chain up to that entry, as it was then. Pure, but for the key's own file.
"""

import base64
import binascii
import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tuibackup.durable import rename_new, replace_file
from tuibackup.errors import LedgerError
from tuibackup.ledger.witness import Head
from tuibackup.text import printable
from tuibackup.words import sentence

if TYPE_CHECKING:
    import asyncssh

NAMESPACE = "tuibackup-ledger"  # ssh-keygen -n: a signature made for anything else is none
KEY = "key"
_STATEMENT = re.compile(
    r"tuibackup ledger, sealed\nentry (?P<seq>\d{1,18})\nhash (?P<hash>[0-9a-f]{64})\n"
    r"time (?P<time>[0-9TZ:.-]{10,40})\nhost (?P<host>[^\n]{1,255})\nby (?P<by>[^\n]{1,255})\n"
)


class Seal(msgspec.Struct, frozen=True):
    """The `statement` that was signed, and its `signature` (armored SSHSIG)."""

    statement: str
    signature: str

    @property
    def head(self) -> Head:
        """The entry that it names. Raises LedgerError: it is no statement of ours."""
        return Head(int(self._part("seq")), self._part("hash"))

    @property
    def time(self) -> str:
        """When it was made, as entries write it."""
        return self._part("time")

    @property
    def by(self) -> str:
        """Whose key it is, as the statement says: an operator, or ACCOUNT@HOST. What proves it is the fingerprint."""
        return self._part("by")

    @property
    def key(self) -> str:
        """The public key of the signature as a line of `authorized_keys`: type and base64. Raises LedgerError."""
        try:
            blob = _Packet(_unarmored(self.signature))
            if blob.take(6) != b"SSHSIG" or blob.take(4) != b"\0\0\0\1":
                raise ValueError
            public = blob.string()
            return f"{_Packet(public).string().decode('ascii')} {base64.b64encode(public).decode()}"
        except (ValueError, UnicodeDecodeError):
            raise LedgerError(sentence("this is no SSH signature")) from None

    @property
    def fingerprint(self) -> str:
        """Of the key, as `ssh-keygen -l` prints it. Raises LedgerError."""
        return fingerprint(self.key)

    def body(self) -> dict[str, Any]:
        """What the ledger keeps of it. Raises LedgerError."""
        head, mark = self.head, self.fingerprint
        detail = sentence("entry {seq} and all before it sealed with {key}", seq=str(head.seq), key=mark)
        return {
            "entry": head.seq,
            "hash": head.hash,
            "key": mark,
            "statement": self.statement,
            "signature": self.signature,
            "detail": detail,
        }

    def verify(self) -> None:
        """Raises LedgerError: the signature is not one over this statement."""
        import asyncssh

        line = f'* namespaces="{NAMESPACE}" {self.key}\n'
        try:
            good = asyncssh.validate_sshsig(
                self.statement.encode(), self.signature.encode(), "anybody", line.encode()
            )
        except (ValueError, asyncssh.Error):
            good = False
        if not good:
            raise LedgerError(sentence("the signature does not fit the statement"))
        self.head  # noqa: B018  # raises for a statement that says something else

    def _part(self, name: str) -> str:
        found = _STATEMENT.fullmatch(self.statement)
        if not found:
            raise LedgerError(sentence("this is no statement of a ledger's head"))
        return found[name]


def seal_of(body: Mapping[str, Any]) -> Seal:
    """The seal that an entry keeps."""
    return Seal(str(body.get("statement", "")), str(body.get("signature", "")))


def statement(head: Head, time: str, by: str) -> str:
    """The text that is signed."""
    host = printable(socket.gethostname())
    rest = f"time {time}\nhost {host}\nby {printable(by)}\n"
    return f"tuibackup ledger, sealed\nentry {head.seq}\nhash {head.hash}\n{rest}"


def signed(text: str, key: "asyncssh.SSHKey") -> Seal:
    """The seal of a statement by a key in our hands."""
    import asyncssh

    return Seal(text, asyncssh.create_sshsig(key, text.encode(), namespace=NAMESPACE).decode())


def account_key(folder: Path, configured: Path | None) -> "asyncssh.SSHKey":
    """The account's key: the one that is configured, else one of its own, which is made at first need.

    Raises LedgerError: it cannot be read, or has a passphrase, which nobody is asked for here.
    """
    import asyncssh

    path = configured or folder / KEY
    try:
        if configured is None and not path.exists():
            _make(path)
        return asyncssh.read_private_key(path)
    except OSError as error:
        raise LedgerError(
            sentence(
                "the key of the seals, {path}, cannot be read: {error}",
                path=printable(str(path)),
                error=error.strerror,
            )
        ) from error
    except asyncssh.KeyImportError as error:
        raise LedgerError(
            sentence(
                "the key of the seals, {path}, cannot be used: {error}",
                path=printable(str(path)),
                error=printable(str(error)),
            ),
            sentence("it must be a private SSH key without a passphrase"),
        ) from error


def _make(path: Path) -> None:
    """A new key, 0600; where two processes do so at once, that of the first one stays."""
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519", comment=f"tuibackup ledger {socket.gethostname()}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    replace_file(draft, key.export_private_key())
    try:
        rename_new(draft, path)
    except FileExistsError:
        draft.unlink()
    else:
        replace_file(path.with_suffix(".pub"), key.export_public_key())


def fingerprint(key: str) -> str:
    """SHA256:… of a public key as a line."""
    import hashlib

    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def principal(by: str) -> str:
    """A name as `allowed_signers` takes it: ssh-keygen -I."""
    return re.sub(r"[^A-Za-z0-9._@-]", "_", by) or "_"


def allowed_signer(seal: Seal) -> str:
    """The line of an `allowed_signers` file with which `ssh-keygen -Y verify` accepts a seal. Raises LedgerError."""
    return f'{principal(seal.by)} namespaces="{NAMESPACE}" {seal.key}'


def write(folder: Path, seal: Seal) -> Path:
    """Put the newest seal of a key into files that ssh-keygen reads, and its key among those that are allowed.

    Returns the statement's file; the signature has `.sig` behind it. Raises OSError, LedgerError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = file_of(folder, seal)
    replace_file(path, seal.statement.encode())
    replace_file(path.with_name(f"{path.name}.sig"), seal.signature.encode())
    known = folder / "allowed_signers"
    before = known.read_text() if known.exists() else ""
    line = allowed_signer(seal)
    if line not in before.splitlines():
        replace_file(known, f"{before}{line}\n".encode())
    return path


def file_of(folder: Path, seal: Seal) -> Path:
    """Where `write` puts the statement."""
    return folder / f"seal-{short(seal.fingerprint)}.txt"


def written(folder: Path) -> list[Seal]:
    """The seals that lie in a folder as `write` put them there. Raises OSError."""
    found = []
    for path in sorted(folder.glob("seal-*.txt")):
        with suppress(FileNotFoundError):  # half of a pair: it is being replaced
            found.append(read(path))
    return found


def read(path: Path) -> Seal:
    """The seal of which `path` is the statement. Raises OSError."""
    signature = path.with_name(f"{path.name}.sig")
    return Seal(path.read_text(errors="replace"), signature.read_text(errors="replace"))


def short(mark: str) -> str:
    """A fingerprint's beginning, for the name of a file."""
    return re.sub(r"[^A-Za-z0-9]", "", mark.removeprefix("SHA256:"))[:12]


def _unarmored(text: str) -> bytes:
    match = re.fullmatch(
        r"\s*-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\s*", text
    )
    if not match:
        raise ValueError
    try:
        return base64.b64decode(match[1])
    except binascii.Error as error:
        raise ValueError from error


class _Packet:
    """What SSH puts together: numbers and strings with their length before them. Raises ValueError where one lacks."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def take(self, count: int) -> bytes:
        taken, self._rest = self._rest[:count], self._rest[count:]
        if len(taken) < count:
            raise ValueError
        return taken

    def string(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))
