"""A private MySQL server, where scripts/fetch-mysql has put one: the other vendor, whose differences no text tells."""

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).parents[2] / ".cache/mysql/root"


def missing() -> bool:
    """Whether there is none."""
    return not (_ROOT / "usr/sbin/mysqld").exists()


def program(name: str) -> list[str]:
    """The words that start one of MySQL's programs, with its own C library."""
    loader = _ROOT / "usr/lib64/ld-linux-x86-64.so.2"
    found = next(path for path in (_ROOT / "usr/sbin" / name, _ROOT / "usr/bin" / name) if path.exists())
    return [str(loader), "--library-path", str(_ROOT / "usr/lib/x86_64-linux-gnu"), str(found)]


class PrivateMysqld:
    """One server below `folder`, which answers on its socket; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir()
        command = [
            "setpriv", "--pdeathsig", "KILL", *program("mysqld"), "--no-defaults", "--user=root",
            f"--basedir={_ROOT / 'usr'}", f"--lc-messages-dir={_ROOT / 'usr/share/mysql'}",
            f"--datadir={self.folder / 'data'}", f"--socket={self.socket}", f"--pid-file={self.folder / 'pid'}",
            "--skip-networking", "--mysqlx=OFF", "--secure-file-priv=", "--event-scheduler=OFF",
            "--performance-schema=OFF", "--innodb-buffer-pool-size=64M", "--max-allowed-packet=64M",
        ]  # fmt: skip
        subprocess.run([*command, "--initialize-insecure"], capture_output=True, check=True)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.sql(b"SELECT 1")
            except AssertionError:
                time.sleep(0.1)
            else:
                return self
        raise AssertionError((self.folder / "log").read_text(errors="replace"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def client(self, name: str, *words: str, text: bytes = b"") -> bytes:
        """Run one of the client programs; what goes wrong is an AssertionError with its words."""
        command = [*program(name), "--no-defaults", f"--socket={self.socket}", "--user=root", *words]
        done = subprocess.run(command, input=text, capture_output=True, check=False)
        assert done.returncode == 0 or "--force" in words, done.stderr.decode(errors="replace")
        return done.stdout

    def sql(self, script: bytes, *options: str) -> bytes:
        """Run `script`."""
        usual = ("--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--batch")
        return self.client("mysql", *usual, *options, text=script)
