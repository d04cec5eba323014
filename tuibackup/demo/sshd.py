"""A private real sshd on a free loopback port, with its own host key, client key and configuration.

Works as root and as an ordinary account; one logs in as the account that started it. Nothing of the machine's
own sshd, keys or ~/.ssh is read or touched. It ends with `stop()`, and with the thread that started it even
when that is killed: start it from a thread that lives as long as it is needed (the main thread).
"""

import contextlib
import getpass
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tuibackup.errors import TuibackupError

# It re-executes itself: it must be started by its absolute path. The tests are tried with others (scripts/fetch-sshd).
SSHD = Path(os.environ.get("TUIBACKUP_SSHD", "/usr/sbin/sshd"))
START_SECONDS = 10.0
HOST = "127.0.0.1"
_SFTP = "Subsystem sftp internal-sftp"


def punishes() -> bool:
    """Whether this sshd refuses clients for a while that failed to log in (PerSourcePenalties, since OpenSSH 9.8)."""
    said = subprocess.run([SSHD, "-V"], capture_output=True, text=True, check=False).stderr
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= (9, 8)


class DemoError(TuibackupError):
    """A part of the playground could not be started."""


class PrivateSshd:
    """One sshd in `folder` (created, 0700). Attributes are valid after `start()`.

    `config` lines come before ours in sshd_config, and sshd obeys the first of a keyword: they may override.
    `client_key`: use this private key (its `.pub` beside it) instead of making one, so that several share it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: Sequence[str] = (),
        force_command: str | None = None,
        client_key: Path | None = None,
        host_key_types: Sequence[str] = ("ed25519",),
    ) -> None:
        self.folder = folder
        self.host = HOST
        self.port = 0
        self.user = getpass.getuser()
        self.client_key = client_key or folder / "client_key"
        self.host_keys = [folder / f"host_{kind}" for kind in host_key_types]
        self.authorized_keys = folder / "authorized_keys"
        self.log = folder / "sshd.log"
        self._config = [*config, *([f"ForceCommand {force_command}"] if force_command else [])]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def known_hosts_lines(self) -> list[str]:
        """One known_hosts line for each host key."""
        lines = []
        for key in self.host_keys:
            algorithm, data = key.with_suffix(".pub").read_text().split()[:2]
            lines.append(f"[{self.host}]:{self.port} {algorithm} {data}")
        return lines

    def start(self) -> Self:
        """Start it, unless it runs, and wait until it listens. A start after a stop keeps keys and, if free, port."""
        if self._process is not None and self._process.poll() is None:
            return self
        if not SSHD.exists():
            raise DemoError(f"{SSHD} is missing", "install openssh-server")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:  # sshd as root wants its empty privilege separation folder
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for key in (self.client_key, *self.host_keys):
            _make_key(key)
        if not self.authorized_keys.exists():
            self.authorized_keys.write_bytes(self.client_key.with_suffix(".pub").read_bytes())
        last = ""
        for _attempt in range(5):  # another process may take the free port between our look and sshd's bind
            self.port = _free_port(self.port)
            last = self._launch()
            if not last:
                return self
        raise DemoError(f"the private sshd did not start: {last}", f"see {self.log}")

    def stop(self) -> None:
        """End the server and every connection it still serves."""
        process, self._process = self._process, None
        if process is None:
            return
        connections = list(_descendants(process.pid))
        process.terminate()
        _kill(connections)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def cut_connections(self) -> int:
        """Kill every connection's processes, as a broken line would; the server goes on listening."""
        if self._process is None:
            return 0
        # sshd before its commands: it would else have the time to report their end
        return _kill(reversed(list(_descendants(self._process.pid))))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """While here, every connection there is now stands still, as behind a line that went dead."""
        pids = list(_descendants(self._process.pid)) if self._process else []
        _kill(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _kill(pids, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> str:
        """Start sshd on `self.port`; return "" once it listens, else its last words."""
        configuration = self.folder / "sshd_config"
        configuration.write_text("\n".join(self._configuration()) + "\n")
        with self.log.open("ab") as log:
            seen = log.tell()
            self._process = subprocess.Popen(
                # setpriv asks the kernel to end sshd with us: it holds even when we are killed by SIGKILL
                ["setpriv", "--pdeathsig", "TERM", str(SSHD), "-D", "-e", "-f", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        said = ""
        while time.monotonic() < deadline:
            with self.log.open("rb") as log:
                log.seek(seen)
                said = log.read().decode(errors="replace")
            if f"Server listening on {HOST} port {self.port}." in said:
                return ""
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        self.stop()
        return said.strip().splitlines()[-1] if said.strip() else "it said nothing"

    def _configuration(self) -> list[str]:
        return [
            *self._config,
            f"ListenAddress {HOST}:{self.port}",
            *(f"HostKey {key}" for key in self.host_keys),
            f"AuthorizedKeysFile {self.authorized_keys}",
            "PidFile none",
            "StrictModes no",
            f"UsePAM {'yes' if _account_is_locked() else 'no'}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "PrintMotd no",
            "PrintLastLog no",
            "SetEnv SHLVL=2",  # bash reads ~/.bashrc for sshd's commands, but only at the first level
            "X11Forwarding no",
            "MaxStartups 100",
            "LogLevel VERBOSE",
            # the one keyword that may not come twice
            *(() if any(line.startswith("Subsystem sftp") for line in self._config) else (_SFTP,)),
        ]


def _make_key(path: Path) -> None:
    """An SSH key pair at `path`, no passphrase; its type is the end of the file's name, else ed25519."""
    if path.exists():
        return
    kind = path.name.rpartition("_")[2]
    kind = kind if kind in ("ed25519", "ecdsa", "rsa") else "ed25519"
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "tuibackup-demo", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)


def _free_port(wished: int) -> int:
    """`wished` if it is free now, else any free port on the loopback interface."""
    for port in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError(f"no free port on {HOST}")


def _account_is_locked() -> bool:
    """Whether our password is "!…": without PAM, sshd as root then refuses even our key."""
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{getpass.getuser()}:!") for line in lines)


def _descendants(pid: int) -> Iterable[int]:
    """Every process below `pid`; sshd's connections leave its process group: a group signal misses them."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:  # ended meanwhile
        return
    for task in tasks:
        try:
            children = task.read_text().split()
        except OSError:  # likewise
            continue
        for child in children:
            yield from _descendants(int(child))
            yield int(child)


def _kill(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> int:
    """Signal each; how many there still were."""
    killed = 0
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        killed += 1
    return killed
