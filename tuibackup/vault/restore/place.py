"""The folder that a restore is told to write to: made where it is missing, and not chosen by somebody else."""

import os
import pwd
import stat
from pathlib import Path

from tuibackup.errors import VaultError
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

_TRUSTED = 0  # root can do everything anyhow


def make_place(to: Path) -> None:
    """Make `to` if it is missing. Raises VaultError.

    In a folder like /tmp another account may have put a link where the restore is to go, which leads it elsewhere. A
    link of our own, or of root, is meant.
    """
    with vault_errors(to):
        for path in (*reversed(to.parents), to):
            try:
                status = path.lstat()
            except FileNotFoundError:
                break
            if stat.S_ISLNK(status.st_mode) and status.st_uid not in (_TRUSTED, os.geteuid()):
                raise VaultError(
                    sentence(
                        "{path} is a link that {account} has made; nothing was restored",
                        path=path,
                        account=_name(status.st_uid),
                    ),
                    sentence("restore into a folder of your own"),
                )
        to.mkdir(mode=0o700, parents=True, exist_ok=True)


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
