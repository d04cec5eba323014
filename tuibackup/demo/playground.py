"""Real servers on this machine and a configuration for them, in one temporary folder that ends with us.

- siakad: an application with a few thousand files, and a database with some 100,000 rows behind a socket
- e-journal: a small site and a database over TCP; overdue once `age()` has backed it up in the past
- arsip: folders only, reached through a jump host

A fourth, perpus, is in no configuration: it waits to be added. Its alias and key are in the `home` of whoever looks at
the playground, so that a set-up there touches nothing in the visitor's own.

Nothing of the machine's own sshd, mariadbd, keys or configuration is read or touched.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tuibackup.demo.application import academic_sql, journal_sql, make_learning, make_tree, serve
from tuibackup.demo.mariadbd import PrivateMariadb, missing_programs
from tuibackup.demo.sshd import SSHD, DemoError, PrivateSshd

REAPER_SECONDS = 60.0


class Playground:
    """The servers run between `start()` and `stop()`; start it from the main thread (they end with it).

    `config` is the configuration to give to tuibackup, `folder` holds everything.
    """

    def __init__(self) -> None:
        _refuse_without_programs()
        self.folder = Path(tempfile.mkdtemp(prefix="tuibackup-demo-"))
        self.config = self.folder / "config.toml"
        self.state = self.folder / "state"
        self.vault = self.folder / "backup"
        self._reaper = subprocess.Popen(
            [sys.executable, "-m", "tuibackup.run.scratch.reaper", str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        self.database = PrivateMariadb(self.folder / "mariadbd", tcp=True)
        self.siakad = self._sshd("siakad")
        self.journal = self._sshd("e-journal")
        self.gateway = self._sshd("gateway")
        self.archive = self._sshd("arsip", client_key=self.gateway.client_key)
        self.library = self._sshd("perpus")
        self.home = self.folder / "home"

    def start(self) -> Self:
        """Make the files, start the servers, write the configuration. Raises TuibackupError."""
        try:
            for path in (self.state, self.vault):
                path.mkdir(mode=0o700)
            make_tree(self.root("siakad"), code=3000, uploads=900)
            make_learning(self.folder / "servers/siakad")
            make_tree(self.root("e-journal"), code=300, uploads=40, seed=2)
            make_tree(self.root("arsip"), code=60, uploads=200, seed=3)
            make_tree(self.root("perpus"), code=40, uploads=60, seed=4)
            serve(self.folder / "servers/perpus", self.root("perpus"))
            for server in self.servers:
                server.start()
            self.database.start()
            for name, sql in (("siakad", academic_sql), ("e-journal", journal_sql)):
                password = secrets.token_urlsafe(16)
                self.database.sql(sql(name, password))
                self._write(self._password_file(name), password + "\n")
            known = [
                line
                for server in self.servers
                if server is not self.library  # whoever adds it looks at its key
                for line in server.known_hosts_lines
            ]
            self._write(self.state / "known_hosts", "\n".join(known) + "\n")
            self._write(self.config, self._configuration())
            (self.home / ".ssh").mkdir(mode=0o700, parents=True)
            self._write(self.home / ".ssh/config", self._alias("perpus", self.library))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the servers and every run still going on, and remove the folder."""
        for server in self.servers:
            server.stop()
        self.database.kill()  # its data goes with it: no need for a clean end
        if self._reaper.stdin:
            self._reaper.stdin.close()
        with suppress(subprocess.TimeoutExpired):  # on a slow disk it goes on by itself
            self._reaper.wait(REAPER_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def servers(self) -> Iterable[PrivateSshd]:
        return (self.gateway, self.siakad, self.journal, self.archive, self.library)

    def root(self, name: str) -> Path:
        """The application folder on a server."""
        return self.folder / "servers" / name / "var/www" / name

    def _sshd(self, name: str, client_key: Path | None = None) -> PrivateSshd:
        # A home of its own: the visitor's .bashrc and .my.cnf have no say here. And a root for what is looked for in
        # known places: all three share this machine's /etc, which is not the playground's business.
        home = self.folder / "servers" / name / "home"
        home.mkdir(parents=True)
        config = [f"SetEnv HOME={home} TUIBACKUP_ROOT={home.parent} SHLVL=2"]
        return PrivateSshd(self.folder / "sshd" / name, config=config, client_key=client_key)

    def _password_file(self, name: str) -> Path:
        return self.folder / f"{name}.password"

    def _write(self, path: Path, text: str) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)

    @staticmethod
    def _alias(name: str, server: PrivateSshd) -> str:
        """What ~/.ssh/config says of it."""
        words = {
            "HostName": server.host,
            "Port": server.port,
            "User": server.user,
            "IdentityFile": server.client_key,
        }
        return "\n".join([f"Host {name}", *(f"  {key} {value}" for key, value in words.items())]) + "\n"

    def _configuration(self) -> str:
        jump = f"{self.gateway.user}@{self.gateway.host}:{self.gateway.port}"
        return "\n".join(
            [
                "# The playground of `tuibackup demo`; it ends with the demo. A server more waits to be added: perpus.",
                f"state = {json.dumps(str(self.state))}",
                "",
                "[vault]",
                f"path = {json.dumps(str(self.vault))}",
                'min_free = "50 MB"',
                "",
                *self._table("siakad", "SIAKAD", self.siakad, exclude=["cache/**"]),
                *self._database_table(
                    "siakad", "ejournal", f"socket = {json.dumps(str(self.database.socket))}"
                ),
                *self._table("e-journal", "E-Journal", self.journal),
                *self._database_table(
                    "e-journal", "akademik", f'host = "127.0.0.1"\nport = {self.database.port}'
                ),
                *self._table("arsip", "Arsip", self.archive, jump=jump),
            ]
        )

    def _table(
        self, name: str, label: str, server: PrivateSshd, *, jump: str = "", exclude: Iterable[str] = ()
    ) -> list[str]:
        lines = [
            f"[servers.{name}]",
            f'label = "{label}"',
            f'host = "{server.host}"',
            f"port = {server.port}",
            f"user = {json.dumps(server.user)}",
            f"key = {json.dumps(str(server.client_key))}",
            f"folders = [{json.dumps(str(self.root(name)))}]",
        ]
        if jump:
            lines.append(f"jump = {json.dumps(jump)}")
        if exclude:
            lines.append(f"exclude = {json.dumps(list(exclude))}")
        return [*lines, ""]

    def _database_table(self, name: str, other: str, place: str) -> list[str]:
        """One mariadbd plays the database server of both: each leaves out the `other`'s database."""
        return [
            f"[servers.{name}.database]",
            f'user = "{name}"',
            f"password_file = {json.dumps(str(self._password_file(name)))}",
            place,
            f'exclude = ["{other}"]',
            "",
        ]


def _refuse_without_programs() -> None:
    missing = missing_programs()
    if not SSHD.exists():
        missing.append("sshd")
    missing += [name for name in ("ssh-keygen", "zstd") if shutil.which(name) is None]
    if missing:
        raise DemoError(
            f"the playground needs programs that are not here: {', '.join(missing)}",
            "apt-get install openssh-server mariadb-server-core mariadb-client zstd",
        )
