"""A throw-away mariadbd of this machine, in a folder of its own: for drills, the playground and the tests.

It reads no configuration of the machine, listens on a socket only, and ends with the process that started it, even
when that one is killed.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tuibackup.errors import DatabaseError
from tuibackup.text import printable, shorten
from tuibackup.words import sentence

_PLACES = os.pathsep.join(
    (os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/usr/libexec")
)
_PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb", "setpriv")
_LONGEST_SOCKET = 100  # sun_path holds 108 bytes
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 20.0


def missing_programs() -> list[str]:
    """The programs that are needed and missing on this machine (Debian: mariadb-server, util-linux)."""
    return [name for name in _PROGRAMS if shutil.which(name, path=_PLACES) is None]


def program(name: str) -> str:
    """The path of one of MariaDB's programs, or setpriv. Raises DatabaseError with the package to install."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        package = "util-linux" if name == "setpriv" else "mariadb-server"
        raise DatabaseError(
            sentence("{name} is not on this machine", name=name),
            sentence("install the package {package}", package=package),
        )
    return found


def account() -> str:
    """The account that runs this process."""
    return pwd.getpwuid(os.geteuid()).pw_name


def without_rights(user: str) -> list[str]:
    """The words before a command that make it run as the account `user`, with no way back; only root may."""
    entry = pwd.getpwnam(user)
    return [
        program("setpriv"),
        f"--reuid={entry.pw_uid}",
        f"--regid={entry.pw_gid}",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
    ]


def initialise(data: Path, *, user: str | None = None, options: Sequence[str] = ()) -> None:
    """Create the data folder `data` of a fresh server (about a second). Raises DatabaseError.

    Its root is the account that calls, through the socket. `user`: as ScratchServer's.
    """
    command = [
        *(without_rights(user) if user else ()),
        program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={account()}",
        "--skip-test-db",
        "--skip-name-resolve",
        "--force",  # a machine that cannot look up its own name will do
        "--innodb-log-file-size=16M",
        *options,
    ]
    if os.geteuid() == 0 and user is None:
        command.append("--user=root")
    # In a folder of many, another server that starts would remove its temporary tables.
    private = {**os.environ, "TMPDIR": str(data.parent)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_START_TIMEOUT, check=False, env=private
        )
    except subprocess.TimeoutExpired as error:
        raise DatabaseError(
            sentence(
                "mariadb-install-db did not end within {start_timeout} s", start_timeout=f"{_START_TIMEOUT:g}"
            )
        ) from error
    if done.returncode != 0:
        said = " ".join((done.stdout + done.stderr).split())
        raise DatabaseError(sentence("mariadb-install-db failed: {said}", said=printable(said[-500:])))


class ScratchServer:
    """One private server below `folder`; a context manager.

    `template`: an initialised data folder to copy instead of creating one anew (tests start many servers).
    `options` go to mariadbd's command line as they are. `user`: the account that it runs as (root alone may choose;
    `folder` is that account's then).

    The kernel ends the server with the *thread* that called `start()`: start it from one that lives long.
    """

    def __init__(
        self,
        folder: Path,
        *,
        options: Sequence[str] = (),
        template: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "mariadbd.log"
        self._options = tuple(options)
        self._template = template
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._socket = folder / "mariadb.sock"

    @property
    def socket(self) -> Path:
        """The server's unix socket."""
        return self._socket

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Self:
        """Create the data folder where there is none, start the server and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.data.exists():
            if self._template is not None:
                shutil.copytree(self._template, self.data)
            else:
                initialise(self.data, user=self._user)
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="tuibackup-"))
            if self._user:
                entry = pwd.getpwnam(self._user)
                os.chown(self._socket_folder, entry.pw_uid, entry.pw_gid)
            self._socket = self._socket_folder / "mariadb.sock"
        # A pending SIGKILL of the parent ends the server at once: it is a scratch server.
        rights = without_rights(self._user) if self._user else [program("setpriv")]
        command = [*rights, "--pdeathsig", "KILL", program("mariadbd"), *self._arguments()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def _arguments(self) -> list[str]:
        arguments = [
            "--no-defaults",
            f"--datadir={self.data}",
            f"--socket={self._socket}",
            f"--pid-file={self.folder / 'mariadbd.pid'}",
            f"--tmpdir={self.folder}",
            "--event-scheduler=OFF",
            "--performance-schema=OFF",
            "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            "--aria-pagecache-buffer-size=8M",
            "--key-buffer-size=8M",
        ]
        if os.geteuid() == 0 and self._user is None:
            # Not mysql: a change of user would clear the signal that ends it with its parent.
            arguments.append("--user=root")
        return [*arguments, *self._network(), *self._options]

    def _network(self) -> list[str]:
        return ["--skip-networking"]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(5)
                probe.connect(str(self._socket))
                if probe.recv(5):  # the server speaks first: its greeting
                    return
            time.sleep(0.02)
        said = self.log.read_text(errors="replace").strip().splitlines()
        tail = shorten(printable(" ".join(said[-3:])), 500)
        raise DatabaseError(sentence("the scratch mariadbd did not start: {tail}", tail=tail))

    def stop(self) -> None:
        """Shut the server down cleanly; its data stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._ended()

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._ended()

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
            self._socket = self.folder / "mariadb.sock"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def untrusting(folder: Path, nothing: Path, *, user: str | None = None) -> ScratchServer:
    """A scratch server for SQL of others: it reads and writes no files but its own, and loads no plugins.

    `nothing` is an empty folder that the server's account cannot write to; `user` as ScratchServer's.
    """
    options = (
        "--local-infile=0",
        f"--secure-file-priv={nothing}",
        f"--plugin-dir={nothing}",
        "--symbolic-links=0",
        "--max-allowed-packet=1G",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--innodb-buffer-pool-size=128M",
        "--innodb-doublewrite=0",
        "--max-statement-time=14400",
        "--max-connections=10",
    )
    return ScratchServer(folder, options=options, user=user)
