"""Who carries out a run: the person at the keyboard, as far as the machine can tell. Every record has it.

A name chosen from `operators` in config.toml is marked *chosen*: it is a claim, not a proof.
"""

import os
import pwd
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tuibackup.errors import UsageError
from tuibackup.text import printable
from tuibackup.words import sentence

_LOGINUID = Path("/proc/self/loginuid")
_NO_LOGIN = 2**32 - 1  # the kernel's value if nobody logged in (cron, containers)


class Operator(msgspec.Struct, frozen=True):
    """Records show `name` with all the rest beside it, so that a chosen name hides nobody.

    `login` is the account that logged in here as far as the machine knows, `client` its address, `sudo` the account
    that called us through sudo, `account` the one that we run as.
    """

    name: str
    login: str = ""
    client: str = ""
    chosen: bool = False
    sudo: str = ""
    account: str = ""


def identify(chosen: str | None = None, allowed: Sequence[str] = ()) -> Operator:
    """The operator of this process: `chosen` (one of `allowed` if that is set), else sudo's user, else the account.

    Raises UsageError if the name is not among the configured ones.
    """
    if chosen is not None and allowed and chosen not in allowed:
        raise UsageError(
            sentence('"{name}" is not among the configured operators', name=printable(chosen)),
            sentence("choose one of: {names}", names=", ".join(allowed)),
        )
    account = _account(os.geteuid())
    sudo = printable(os.environ.get("SUDO_USER", ""))
    client = os.environ.get("SSH_CLIENT", "").split(" ")[0]
    return Operator(
        name=printable(chosen or sudo or account),
        login=_login() or sudo or account,
        client=printable(client),
        chosen=chosen is not None,
        sudo=sudo,
        account=account,
    )


def _login() -> str:
    """The account that logged in, which sudo and su do not change; "" if the kernel does not know."""
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
