"""A server of the playground is lost, and recovered onto an empty one: by the real command, and compared.

Its files are moved away and its sshd ends; the new one is another sshd and an empty mariadbd.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.playground import Playground
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.ledger import Ledger

NEW = "siakad-new"
_NEWEST = 10  # entries in which the recovery is looked for
_CHECKSUMS = "CHECKSUM TABLE akademik.mahasiswa, akademik.nilai, akademik.pengumuman"


def lose_and_recover(playground: Playground, command: Callable[..., str]) -> tuple[Path, tuple[str, str]]:
    """Where siakad's folder lies that was lost, and the checksums of its database before and on the new server.

    `command` carries out words of tuibackup and returns what they printed.
    """
    root, away = playground.root("siakad"), playground.folder / "lost"
    before = playground.database.sql(_CHECKSUMS)
    playground.siakad.stop()
    root.rename(away)
    sshd = PrivateSshd(
        playground.folder / "sshd" / NEW,
        config=[f"SetEnv HOME={playground.folder / 'servers/siakad/home'} SHLVL=2"],
    )
    with sshd, PrivateMariadb(playground.folder / "mariadbd-new") as database:
        with (playground.state / "known_hosts").open("a") as known:
            known.writelines(f"{line}\n" for line in sshd.known_hosts_lines)
        with playground.config.open("a") as config:
            config.write(_table(sshd, database))
        command("recover", "siakad")
        command("recover", "siakad", "--onto", NEW)
        commands = _swap(playground)
        for one in commands:
            print(f"{NEW}$ {one}", flush=True)
        subprocess.run(["sh", "-ec", "\n".join(commands)], check=True)
        return away, (before, database.sql(_CHECKSUMS))


def _swap(playground: Playground) -> list[str]:
    """The commands that the recovery showed last, as it recorded them."""
    with Ledger.read_only(playground.state / "ledger.sqlite") as ledger:
        bodies = [one.body for one in ledger.log(_NEWEST, server="siakad", kinds=("restore",))]
    steps = next(body["steps"] for body in bodies if "steps" in body)
    return [command for step in steps for command in step["swap"]]


def _table(sshd: PrivateSshd, database: PrivateMariadb) -> str:
    """What config.toml says of the new machine."""
    return "\n".join(
        [
            "",
            f"[servers.{NEW}]",
            f'host = "{sshd.host}"',
            f"port = {sshd.port}",
            f"user = {json.dumps(sshd.user)}",
            f"key = {json.dumps(str(sshd.client_key))}",
            'folders = ["/srv"]',
            f"[servers.{NEW}.database]",
            f"user = {json.dumps(account())}",
            f"socket = {json.dumps(str(database.socket))}",
            "",
        ]
    )
