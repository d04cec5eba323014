"""A key that asks for its passphrase."""

import subprocess
from pathlib import Path

from tuibackup.demo.sshd import PrivateSshd


def locked_key(sshd: PrivateSshd, folder: Path, passphrase: str) -> Path:
    """The server's client key behind a passphrase."""
    key = folder / "locked_key"
    key.write_bytes(sshd.client_key.read_bytes())
    key.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", key]
    subprocess.run(change, check=True, capture_output=True)
    return key
