"""Host keys: which are known, which are offered, and remembering one that an operator accepted.

Known are the keys of the user's and the system's known_hosts and of `<state>/known_hosts`; we write the last only.
"""

import contextlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import asyncssh
import msgspec

from tuibackup.durable import replace_file
from tuibackup.errors import HostKeyError
from tuibackup.filelock import locked
from tuibackup.words import sentence

SYSTEM_KNOWN_HOSTS = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
SSH_PORT = 22


class HostKey(msgspec.Struct, frozen=True):
    """A host's public key: algorithm ("ssh-ed25519") and fingerprint ("SHA256:…"); `data` as in known_hosts."""

    algorithm: str
    fingerprint: str
    data: str = ""


def host_key(key: asyncssh.SSHKey) -> HostKey:
    """The parts of an asyncssh key that are shown and remembered."""
    algorithm, data = key.export_public_key().decode().split()[:2]
    return HostKey(algorithm, key.get_fingerprint(), data)


def known_hosts_name(host: str, port: int) -> str:
    """A host as known_hosts writes it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    host = host.lower()
    return host if port == SSH_PORT else f"[{host}]:{port}"


def console_command(key: HostKey) -> str:
    """The command that prints this key's fingerprint on the server's own console."""
    kind = key.algorithm.removeprefix("ssh-").removeprefix("ecdsa-sha2-").split("@")[0]
    kind = "ecdsa" if kind.startswith("nistp") else kind
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub"


def user_known_hosts() -> tuple[Path, ...]:
    """A user's known_hosts files that OpenSSH reads by default."""
    folder = Path("~/.ssh").expanduser()
    return folder / "known_hosts", folder / "known_hosts2"


def load(files: Iterable[Path], notes: Callable[[str], None]) -> asyncssh.SSHKnownHosts:
    """All entries of `files`; a missing file is empty, and a broken line is noted and passed over."""
    known = asyncssh.SSHKnownHosts()
    for path in dict.fromkeys(files):
        try:
            lines = path.read_text(errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            notes(sentence("{path} cannot be read: {error}", path=path, error=error.strerror))
            continue
        for number, line in enumerate(lines, 1):
            try:
                known.load(line)
            except ValueError:
                notes(
                    sentence(
                        "{path}:{number}: not a known_hosts line; it is ignored", path=path, number=number
                    )
                )
    return known


class Known(msgspec.Struct, frozen=True):
    """What the known_hosts files say of one host: its keys, the authorities that may certify them, and revoked ones."""

    keys: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    revoked: tuple[asyncssh.SSHKey, ...] = ()


def look_up(known: asyncssh.SSHKnownHosts, name: str) -> Known:
    """The entries for `name`, a name as `known_hosts_name` makes it.

    asyncssh would look for the machine's address too, and for the host without its port: a gateway that forwards
    ports would be several machines under one key, each but one "changed".
    """
    keys, authorities, revoked = known.match(name, "", None)[:3]
    return Known(tuple(keys), tuple(authorities), tuple(revoked))


def places(files: Iterable[Path], name: str) -> Iterator[tuple[Path, int]]:
    """File and line of each key that is known for `name`; what authorities and revoked keys say is left out."""
    for path in dict.fromkeys(files):
        try:
            lines = path.read_text(errors="replace").splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            known = asyncssh.SSHKnownHosts()
            with contextlib.suppress(ValueError):
                known.load(line)
                if look_up(known, name).keys:
                    yield path, number


def forget_command(found: Iterable[tuple[Path, int]], name: str) -> str:
    """The shell command that takes the keys of `name` out of the files where `places` found them."""
    commands = []
    for path in dict.fromkeys(path for path, _number in found):
        sudo = "" if os.access(path.parent, os.W_OK) else "sudo "  # ssh-keygen writes a new file beside it
        commands.append(f"{sudo}ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(str(path))}")
    return " && ".join(commands)


# Where a host is, the key that an operator accepted for it, and why it could not be kept ("": it was).
Told = Callable[[str, HostKey, str], None]


class KnownHosts(msgspec.Struct, frozen=True):
    """Our own known_hosts file, and who hears of every key that an operator accepts: the record misses none.

    `told` None: nothing may be changed, so no key is accepted. `unkept` holds lines that could not be written:
    restoring must be possible where the state folder is not writable, and a key that was accepted is accepted.
    """

    path: Path
    told: Told | None
    unkept: list[str] = msgspec.field(default_factory=list)

    def accept(self, where: str, name: str, key: HostKey) -> str:
        """Take `key` for the host `name` from now on; why it holds for this connection only, "" where it is kept."""
        assert self.told is not None
        fault = ""
        try:
            remember(self.path, name, key)
        except HostKeyError as error:
            fault = str(error)
            self.unkept.append(f"{name} {key.algorithm} {key.data}\n")
        self.told(where, key, fault)
        return fault


def remember(path: Path, name: str, key: HostKey) -> None:
    """Add `key` of the host `name` to the known_hosts file `path` (created 0600). Raises HostKeyError.

    A reader or a crash never meets half a line.
    """
    line = f"{name} {key.algorithm} {key.data}\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}.lock")):
            try:
                before = path.read_text()
            except FileNotFoundError:
                before = ""
            if line in before.splitlines(keepends=True):
                return
            if before and not before.endswith("\n"):
                before += "\n"
            replace_file(path, (before + line).encode())
    except OSError as error:
        raise HostKeyError(
            sentence("{path} cannot be written: {error}", path=path, error=error.strerror)
        ) from error
