"""A whole small world for one test: a home, a configuration, a vault, and the installed `tuibackup`.

Nothing here imports what it tests; it only starts real servers and reads what a user could read.
"""

import getpass
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuibackup.demo.sshd import PrivateSshd

TUIBACKUP = Path(sys.executable).parent / "tuibackup"


@dataclass(frozen=True)
class Said:
    """What one command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def finished(self) -> dict[str, Any]:
        """The run-finished event of a `run --json` of one server."""
        (event,) = [event for event in self.events if event["event"] == "run-finished"]
        return event


@dataclass
class Site:
    """`folder` holds it; `servers` is the TOML text of the servers' tables, `vault_settings` lines of [vault]."""

    folder: Path
    servers: dict[str, str] = field(default_factory=dict)
    settings: str = ""
    vault_settings: str = ""

    def __post_init__(self) -> None:
        for path in (self.home, self.vault, self.home / ".ssh"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def vault(self) -> Path:
        return self.folder / "vault"

    @property
    def state(self) -> Path:
        return self.home / ".local/state/tuibackup"

    @property
    def journals(self) -> list[Path]:
        """Of all runs, the newest first: those under way, and those that ended."""
        return self._journals("run-planned")

    @property
    def jobs(self) -> list[Path]:
        """Likewise of restores, verifies and drills."""
        return self._journals("job-planned")

    def _journals(self, first: str) -> list[Path]:
        found = (self.state / "runs").rglob("[0-9]*.jsonl")
        mine = [path for path in found if first in path.open().readline()]
        return sorted(mine, key=lambda path: path.name, reverse=True)

    @property
    def config(self) -> Path:
        return self.home / ".config/tuibackup/config.toml"

    def write_config(self, vault: Path | None = None) -> None:
        """Write config.toml from `settings` and `servers`."""
        # A look takes a second, and most runs here are no test of it.
        looking = "" if "[discover]" in self.settings else '[discover]\nevery = "never"\n'
        # Likewise what is gathered for a rebuild, and the job that reads some of it again.
        gathering = "" if "[recover]" in self.settings else "[recover]\nfacts = false\n"
        reading = "" if "[verify]" in self.settings else "[verify]\nafter_run = false\n"
        text = f'{self.settings}\n{looking}{gathering}{reading}[vault]\npath = "{vault or self.vault}"\n'
        text += f'min_free = "1 MB"\n{self.vault_settings}\n'
        text += "\n".join(self.servers.values())
        self.config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config.write_text(text)
        self.config.chmod(0o600)

    def add(
        self,
        name: str,
        sshd: PrivateSshd,
        folders: Sequence[Path | str],
        *,
        database: str = "",
        extra: str = "",
        trusted: bool = True,
    ) -> None:
        """Configure one server behind `sshd`; `database` and `extra` are TOML lines of theirs."""
        listed = ", ".join(json.dumps(str(folder)) for folder in folders)
        text = textwrap.dedent(f"""\
            [servers.{name}]
            host = "{sshd.host}"
            port = {sshd.port}
            user = "{sshd.user}"
            key = "{sshd.client_key}"
            folders = [{listed}]
            """)
        text += textwrap.dedent(extra)
        if database:
            database = textwrap.dedent(database)
            if "dry_load" not in database:  # a server more for each run of each test
                database += "dry_load = false\n"
            text += f"\n[servers.{name}.database]\n" + database
        self.servers[name] = text
        if trusted:
            self.trust(sshd)
        self.write_config()

    def trust(self, sshd: PrivateSshd) -> None:
        """Put the server's host keys into the user's known_hosts."""
        with (self.home / ".ssh/known_hosts").open("a") as known:
            known.writelines(f"{line}\n" for line in sshd.known_hosts_lines)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a user of this site: nothing of the tester's own home, agent or XDG folders."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            **(extra or {}),
        }

    def copy_to(self, site: "Site") -> None:
        """The vault, the known host keys and the configured servers, for a site of a test's own."""
        site.vault.rmdir()
        shutil.copytree(self.vault, site.vault, symlinks=True)
        shutil.copytree(self.home / ".ssh", site.home / ".ssh", dirs_exist_ok=True)
        site.servers.update(self.servers)
        site.write_config()

    def tuibackup(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
        stdin: str | None = None,
    ) -> Said:
        """Run the installed command, without a terminal."""
        done = subprocess.run(
            [str(TUIBACKUP), *words],
            env=self.environment(env),
            cwd=self.home,
            capture_output=True,
            timeout=timeout,
            text=True,
            errors="replace",
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            check=False,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in said.out + said.err, f"a traceback reached the user:\n{said.out}{said.err}"
        return said

    def dump(self, server: str = "siakad", tries: int = 3) -> Said:
        """Back the databases up, and again where they were not locked together: on a machine that is busy the
        moments pass that the lock, and the look at what began under it, may take.
        """
        said = self.tuibackup("run", server, "--only", "databases", "--json", timeout=300)
        if "the databases were not locked together" in said.out and tries > 1:
            return self.dump(server, tries - 1)
        return said

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start the command and go on; its output is thrown away."""
        return subprocess.Popen(
            [str(TUIBACKUP), *words],
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def reading(self, *words: str) -> subprocess.Popen[str]:
        """Start the command and go on; what it says can be read while it runs."""
        return subprocess.Popen(
            [str(TUIBACKUP), *words], env=self.environment(), cwd=self.home, stdout=subprocess.PIPE, text=True
        )

    def snapshots(self, server: str, clock: str) -> list[Path]:
        """The published snapshot folders as they lie on the disk, oldest first."""
        return sorted((self.vault / server / clock).glob("2*"))

    def incoming(self) -> list[Path]:
        """What runs left half-made."""
        return sorted(self.vault.glob("*/.incoming-*"))

    def tidy(self, text: str) -> str:
        """`text` with everything that differs from test to test replaced by a word."""
        text = text.replace(str(self.folder), "SITE")
        text = re.sub(r"(?<=key is in )\S+/config(\.example)?\.toml", "EXAMPLE", text)
        text = re.sub(r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:FINGERPRINT", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d{6}Z(-[\w.-]+?-[0-9a-f]{4,8}\b)?", "TIME", text)
        text = re.sub(r"\b127\.0\.0\.1( port |\]?:)\d+", r"127.0.0.1\1PORT", text)
        text = re.sub(r"\bfor user \S+ \(tried", "for user USER (tried", text)
        text = re.sub(rf"\bof {getpass.getuser()}\b", "of ANDI", text)
        text = re.sub(r"\bafter \d+:\d\d\b", "after TIME", text)
        # MariaDB 11.8 offers TLS by itself, and a login that it refuses is tried within it
        text = text.replace(", with TLS as well", "")
        text = re.sub(
            r"; if the account must present a certificate, run ALTER USER \S+ REQUIRE SSL there", "", text
        )
        return re.sub(r"\b\d+(\.\d+)? (B|KiB|MiB|GiB|TiB)\b", "N BYTES", text)
