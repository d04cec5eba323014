"""Who carries out a run: the person at the keyboard as far as the machine can tell, kept in every record.

A name chosen from `operators` in config.toml is marked *chosen*: it is a statement, no proof.
"""

import os
import pwd
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tuibackup.errors import UsageError
from tuibackup.text import printable
from tuibackup.words import _

_LOGINUID = Path("/proc/self/loginuid")
_NO_LOGIN = 2**32 - 1  # what the kernel says where nobody logged in (cron, containers)


class Operator(msgspec.Struct, frozen=True):
    """`name` goes into records; `login` is the account that logged in here, `client` its address."""

    name: str
    login: str = ""
    client: str = ""
    chosen: bool = False


def identify(chosen: str | None = None, allowed: Sequence[str] = ()) -> Operator:
    """The operator of this process: `chosen` (one of `allowed` where that is set), sudo's user, the account.

    Raises UsageError where the name is not among the configured ones.
    """
    if chosen is not None and allowed and chosen not in allowed:
        raise UsageError(
            _('"{name}" is not among the configured operators').format(name=printable(chosen)),
            _("choose one of: {names}").format(names=", ".join(allowed)),
        )
    account = _account(os.geteuid())
    name = chosen or os.environ.get("SUDO_USER") or account
    client = os.environ.get("SSH_CLIENT", "").split(" ")[0]
    return Operator(printable(name), _login() or account, printable(client), chosen is not None)


def _login() -> str:
    """The account that logged in, which sudo and su do not change; "" where the kernel does not know."""
    try:
        uid = int(_LOGINUID.read_text())
    except (OSError, ValueError):
        return ""
    return "" if uid == _NO_LOGIN else _account(uid)


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
