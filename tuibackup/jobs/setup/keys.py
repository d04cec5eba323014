"""Keys of ours: those that are there, a new one, and the ways of a public key to a server."""

import getpass
import os
import re
import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.errors import RemoteCommandError
from tuibackup.jobs.setup.step import WrongAnswerError
from tuibackup.remote.command import quote
from tuibackup.text import printable
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.remote.session import Session

_SECONDS = 30.0
_PLAIN = re.compile(r"[a-z_][a-z0-9_-]*")
# What a key for backups may do: run commands and reach the database. No terminal, no agent.
_OPTIONS = "restrict,port-forwarding"


def new_key_path() -> Path:
    """Where a key of our own lies, or would lie."""
    return Path("~/.ssh/tuibackup").expanduser()


def own_keys() -> list[Path]:
    """Private keys in ~/.ssh whose public half lies beside them, ours first."""
    folder = Path("~/.ssh").expanduser()
    found = [path.with_suffix("") for path in sorted(folder.glob("*.pub")) if not path.stem.endswith("-cert")]
    there = [path for path in found if path.is_file()]
    return sorted(there, key=lambda path: path != new_key_path())


def typed(path: str) -> Path:
    """A path as somebody typed it."""
    return Path(path).expanduser()


def shown(path: Path) -> str:
    """A path as people write it."""
    home = Path.home()
    return printable(f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path))


def make_key(path: Path) -> None:
    """An ed25519 key pair without passphrase, of which nobody is asked for by a timer. Raises WrongAnswerError."""
    import asyncssh

    comment = f"tuibackup {getpass.getuser()}@{socket.gethostname()}"
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text, mode in (
            (path, key.export_private_key(), 0o600),
            (Path(f"{path}.pub"), key.export_public_key(), 0o644),
        ):
            with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
                file.write(text)
                os.fsync(file.fileno())
    except OSError as error:
        raise WrongAnswerError(
            _("{path} cannot be written: {reason}").format(path=shown(path), reason=error.strerror)
        ) from error


def public_line(path: Path) -> str:
    """The public half of the key at `path`, in one line. Raises WrongAnswerError: it cannot be read."""
    import asyncssh

    try:
        return asyncssh.read_public_key(f"{path}.pub").export_public_key().decode().strip()
    except (OSError, ValueError) as error:
        text = _("its public half, {path}.pub, cannot be read: {reason}")
        raise WrongAnswerError(text.format(path=shown(path), reason=printable(str(error)))) from error


def authorized(public: str) -> str:
    """The line of authorized_keys."""
    return f"{_OPTIONS} {public}"


async def install(session: "Session", public: str) -> None:
    """Append the key to the account's authorized_keys, unless it is there. Raises RemoteCommandError."""
    blob = public.split()[1]
    script = (
        b'umask 077 && mkdir -p "$HOME/.ssh" && cd "$HOME/.ssh" && touch authorized_keys && '
        b"{ grep -qF " + quote(blob) + b" authorized_keys || "
        # a last line without its end would run into ours
        b'{ { [ ! -s authorized_keys ] || [ -z "$(tail -c 1 authorized_keys)" ] || echo; } >> authorized_keys && '
        b"printf '%s\\n' " + quote(authorized(public)) + b" >> authorized_keys; }; }"
    )
    said = await session.run(script, timeout=_SECONDS)
    if not said.ok:
        raise RemoteCommandError(
            _("the key could not be written into ~/.ssh/authorized_keys there: {said}").format(
                said=printable(said.stderr.decode(errors="replace").strip()) or said.exit_status
            )
        )


def account_lines(user: str, public: str) -> tuple[str, ...]:
    """What root pastes on the server: the account, where there is none, and the key that may log in."""
    name = shlex.quote(user)
    home = f"~{user}" if _PLAIN.fullmatch(user) else f'"$(getent passwd {name} | cut -d: -f6)"'
    keys = f"{home}/.ssh/authorized_keys"
    return (
        f"id -u {name} >/dev/null 2>&1 || useradd --create-home --shell /bin/sh {name}",
        f"install -d -m 700 -o {name} {home}/.ssh",
        f"echo {shlex.quote(authorized(public))} >> {keys}",
        f"chown {name} {keys} && chmod 600 {keys}",
    )
