"""Encryption of copies with age, by pyrage (the extra tuibackup[copies]). Sealed and opened in memory, part by part.

pyrage's writer never flushes its last 8 KiB, and calls a full disk success: so nothing is encrypted into a file. Its
reader gives out plain text before it has seen that the rest is missing: so nothing is used before its hash is right.
"""

import hashlib
import io
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuibackup.copies.target import CopyError
from tuibackup.errors import UsageError
from tuibackup.words import sentence


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError as error:
        raise UsageError(
            sentence("encrypted copies need pyrage, which is not installed"),
            "pip install 'tuibackup[copies]'",
        ) from error
    return pyrage


class Sealer:
    """Encrypts to some recipients: lines as `age1…`, `ssh-ed25519 AAAA…`, `ssh-rsa AAAA…`."""

    def __init__(self, recipients: Sequence[str]) -> None:
        """Raises UsageError: pyrage is missing, or a recipient is none."""
        pyrage = _pyrage()
        self._pyrage = pyrage
        self._recipients = []
        for text in recipients:
            kind = pyrage.x25519 if text.startswith("age1") else pyrage.ssh
            try:
                self._recipients.append(kind.Recipient.from_str(text))
            except (pyrage.RecipientError, ValueError) as error:
                raise UsageError(
                    sentence(
                        "encrypt_to: {text} is nobody to encrypt to ({error})", text=text, error=str(error)
                    ),
                    sentence("write the public key as age-keygen -y or ssh-keygen prints it"),
                ) from error
        keys = sorted(" ".join(one.split()[:2]) for one in recipients)  # an SSH key's comment does not count
        self.to = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]

    def seal(self, data: bytes) -> memoryview:
        """`data` encrypted."""
        sealed = io.BytesIO()
        try:
            self._pyrage.encrypt_io(io.BytesIO(data), sealed, self._recipients)
        except self._pyrage.EncryptError as error:
            raise CopyError(sentence("it cannot be encrypted ({error})", error=str(error))) from error
        return sealed.getbuffer()


class Opener:
    """Decrypts with the identities of a file: age's (`AGE-SECRET-KEY-1…`, a line each) or an SSH private key."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError: pyrage is missing, or the file holds no identity."""
        self._pyrage = pyrage = _pyrage()
        self._path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(
                sentence("--identity {path}: {error}", path=path, error=error.strerror)
            ) from error
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UsageError(
                sentence("--identity {path}: others may read it", path=path), f"chmod 600 {path}"
            )
        try:
            if b"PRIVATE KEY-----" in data:
                self._identities = [pyrage.ssh.Identity.from_buffer(data)]
            else:
                lines = [line.strip() for line in data.decode().splitlines()]
                self._identities = [
                    pyrage.x25519.Identity.from_str(line)
                    for line in lines
                    if line and not line.startswith("#")
                ]
        except (pyrage.IdentityError, ValueError):
            self._identities = []
        if not self._identities:
            raise UsageError(
                sentence(
                    "--identity {path}: holds no identity of age and no SSH key without passphrase", path=path
                ),
                sentence("it is the file that age-keygen wrote: a line with AGE-SECRET-KEY-1…"),
            )

    def open(self, data: bytes, what: str) -> memoryview:
        """`data` decrypted. Raises CopyError: it is not for these identities, or damaged; `what` it is."""
        opened = io.BytesIO()
        try:
            self._pyrage.decrypt_io(io.BytesIO(data), opened, self._identities)
        except (self._pyrage.DecryptError, OSError) as error:
            raise CopyError(
                sentence(
                    "{what}: {path} does not open it ({error})", what=what, path=self._path, error=str(error)
                ),
                sentence("it is encrypted for others, or damaged: tuibackup verify --from COPY tells"),
            ) from error
        return opened.getbuffer()
