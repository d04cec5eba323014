"""What ~/.ssh/config says of a host: asyncssh reads it, we find the hops in it and what asyncssh passes over."""

import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncssh

from tuibackup.errors import ConnectError
from tuibackup.text import printable

_DEEPEST = 8  # jump hosts in a row; more is a loop

# asyncssh reads these options and does nothing with them (its documentation, "Supported config options")
IGNORED = (
    "StrictHostKeyChecking", "RevokedHostKeys", "KnownHostsCommand", "ControlMaster", "ControlPath",
    "ControlPersist", "VerifyHostKeyDNS", "CheckHostIP", "BindInterface", "PermitLocalCommand", "LocalCommand",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hop:
    """One machine on the way, as it was named; None: the SSH configuration or the default decides."""

    host: str
    port: int | None = None
    user: str | None = None

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.host}" + (f":{self.port}" if self.port else "")


def files() -> list[Path]:
    """The configuration files in force."""
    path = Path("~/.ssh/config").expanduser()
    return [path] if os.path.isfile(path) else []


def options(hop: Hop, **further: object) -> asyncssh.SSHClientConnectionOptions:
    """asyncssh's options for `hop`. Raises ConnectError for a configuration that cannot be read."""
    if hop.port:
        further["port"] = hop.port
    if hop.user:
        further["username"] = hop.user
    try:
        return asyncssh.SSHClientConnectionOptions(
            host=hop.host, config=[str(path) for path in files()], **further
        )
    except (asyncssh.Error, OSError, ValueError) as error:
        about = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        said = printable(about).replace(f"{Path.home()}/", "~/")
        raise ConnectError(
            said if said.startswith("~/.ssh/config") else f"~/.ssh/config for {hop.host}: {said}"
        ) from error


def plain(hop: Hop) -> asyncssh.SSHClientConnectionOptions:
    """What the configuration says of `hop`; no key is read and no agent asked."""
    return options(hop, known_hosts=b"", client_keys=None)


def agent(configured: asyncssh.SSHClientConnectionOptions) -> str:
    """The path of the agent's socket for a hop, "" for none (IdentityAgent, else SSH_AUTH_SOCK)."""
    named = configured.config.get("IdentityAgent", "SSH_AUTH_SOCK")
    if named is None:
        return ""
    if named == "SSH_AUTH_SOCK" or str(named).startswith("$"):
        return os.environ.get(str(named).strip("${}"), "")
    return str(Path(str(named)).expanduser())


def paths(configured: asyncssh.SSHClientConnectionOptions, name: str) -> list[Path]:
    """The files that an option names which may be given several times; none where it is not set."""
    return [Path(value).expanduser() for value in cast("list[str]", configured.config.get(name, []))]


def jumps(text: str) -> list[Hop]:
    """The hops of a ProxyJump value, `[user@]host[:port]` with commas between (ssh_config(5))."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?:ssh://)?(?:(\S+)@)?(\[[^]]+\]|[^:@\s]+)(?::(\d+))?\s*", part)
        if match is None:
            raise ConnectError(f'jump host "{part.strip()}" is not [user@]host[:port]')
        user, host, port = match.groups()
        found.append(Hop(host.strip("[]"), int(port) if port else None, user))
    return found


def route(target: Hop, jump: str | None) -> list[Hop]:
    """All hops to `target`, which is the last: through `jump`, or through ProxyJump of the configuration.

    As with ssh, the first jump host may itself be reached through a jump host that the configuration names.
    """
    way = [target]
    via = jump
    while len(way) <= _DEEPEST:
        through = via or plain(way[0]).tunnel
        via = None
        if not isinstance(through, str) or through.lower() in ("", "none"):
            return way
        way = [*jumps(through), *way]
    raise ConnectError(
        f"{target.host}: more than {_DEEPEST} jump hosts; does ProxyJump go round in a circle?"
    )


def ignored(host: str) -> list[str]:
    """The options that the user's configuration sets for `host` and that have no effect here."""
    found = []
    for path in files():
        applies = True
        for word, rest in _lines(path):
            if word == "host":
                patterns = rest.split()
                refused = any(p[0] == "!" and fnmatch.fnmatchcase(host, p[1:]) for p in patterns)
                applies = not refused and any(fnmatch.fnmatchcase(host, p) for p in patterns)
            elif word == "match":
                applies = rest.strip().lower() == "all"
            elif applies:
                found += [name for name in IGNORED if name.lower() == word]
    return list(dict.fromkeys(found))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(errors="replace").splitlines():
        match = re.fullmatch(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)", line)
        if match:
            yield match[1].lower(), match[2]
