"""The folder that a restore is told to write to: made where it is missing, and not chosen by somebody else."""

import errno
import os
import pwd
import stat
from pathlib import Path

from tuibackup.answering import GONE
from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault.output import is_full, vault_errors
from tuibackup.words import sentence

_TRUSTED = 0  # root can do everything anyhow


def make_place(to: Path) -> None:
    """Make `to` if it is missing. Raises VaultError, which says what to do where it can be no such folder.

    In a folder like /tmp another account may have put a link where the restore is to go, which leads it elsewhere. A
    link of our own, or of root, is meant.
    """
    with vault_errors(to):
        try:
            _refuse_strange_links(to)
            to.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            if is_full(error) or error.errno in GONE:
                raise
            raise _no_folder(to, error) from error


def _refuse_strange_links(to: Path) -> None:
    for path in (*reversed(to.parents), to):
        try:
            status = path.lstat()
        except FileNotFoundError:
            break
        if stat.S_ISLNK(status.st_mode) and status.st_uid not in (_TRUSTED, os.geteuid()):
            raise VaultError(
                sentence(
                    "{path} is a link that {account} has made; nothing was restored",
                    path=printable(str(path)),
                    account=_name(status.st_uid),
                ),
                sentence("restore into a folder of your own"),
            )


def _no_folder(to: Path, error: OSError) -> VaultError:
    way_out = sentence("restore into a folder that you may write to, or that can be made")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        there = next((one for one in (to, *to.parents) if os.path.lexists(one)), to)
        return VaultError(
            sentence("{path} is there already, and is no folder", path=printable(str(there))), way_out
        )
    return VaultError(
        sentence("{path} cannot be made: {reason}", path=printable(str(to)), reason=error.strerror), way_out
    )


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
