"""The demo without a cockpit: backs the playground up through the real command, and proves what it got.

Restored files are compared with the source by `compare`, restored databases by MariaDB's own checksums.
"""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tuibackup.demo.compare import compare
from tuibackup.demo.lost import NEW, lose_and_recover
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.playground import Playground
from tuibackup.text import duration, numbered, printable, size

SHOWN = 20  # differences that are listed
LATE = 4  # the exit code of `status` if something is overdue


class _Failed(Exception):  # noqa: N818 - not an error of the program: a result
    """Something that the demo proves does not hold; the text says what."""


def prove(playground: Playground) -> int:
    """Back up, verify, restore, compare; prints each step on stdout. Exit code 0 only if all agree."""
    began = time.monotonic()
    try:
        _command(playground, "status", expected=LATE)
        _command(playground, "discover", "siakad")
        _command(playground, "run", "--all")
        _command(playground, "status")
        _command(playground, "verify")
        _command(playground, "restore", "siakad/files/latest", "--to", str(playground.folder / "restored"))
        _same_files(playground, playground.folder / "restored")
        _restore_without_tuibackup(playground)
        _same_database(playground)
        _lose_and_recover(playground)
    except _Failed as failure:
        print(f"\n× {failure}")
        return 1
    print(f"\n√ all agree  {duration(time.monotonic() - began)}", flush=True)
    return 0


def _command(playground: Playground, *words: str, expected: int = 0) -> str:
    """Run the real command as a user would, and show it; what it printed."""
    print(f"\n$ tuibackup {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "tuibackup.cli.main", "--config", str(playground.config), *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode != expected:
        raise _Failed(f"tuibackup {words[0]} ended with exit code {done.returncode} instead of {expected}")
    return done.stdout


def _lose_and_recover(playground: Playground) -> None:
    """A server is lost, and comes back onto an empty one."""
    away, (before, after) = lose_and_recover(playground, partial(_command, playground))
    result = compare(away, playground.root("siakad"), owners=os.geteuid() == 0)
    if result.differences or before != after:
        raise _Failed(f"the server that was recovered is another one: {result.differences[:SHOWN]}")
    print(
        f"√ {NEW} has the {numbered(result.files, 'file')} and the checksums of the server that was lost",
        flush=True,
    )


def _same_files(playground: Playground, restored: Path) -> None:
    source = playground.root("siakad")
    result = compare(source, Path(f"{restored}{source}"), owners=os.geteuid() == 0)
    for line in result.differences[:SHOWN]:
        print(f"  {line}")
    if result.differences:
        raise _Failed(
            f"{numbered(len(result.differences), 'difference')} between the source and what was restored"
        )
    what = "content, mode, owner, time, links" if os.geteuid() == 0 else "content, mode, time, links"
    print(
        f"√ {numbered(result.files, 'file')} ({size(result.bytes)}) and "
        f"{numbered(result.others, 'folder or link', 'folders and links')} are the same as on the source: {what}",
        flush=True,
    )


def _restore_without_tuibackup(playground: Playground) -> None:
    """The same again with what every Linux has: sh, tar and zstd."""
    snapshot = _newest(playground, "files")
    target = playground.folder / "restored-by-sh"
    print(f"\n$ sh {snapshot.relative_to(playground.vault)}/restore.sh {target}", flush=True)
    code = subprocess.run(["sh", str(snapshot / "restore.sh"), str(target)], check=False).returncode
    if code != 0:
        raise _Failed(f"restore.sh ended with exit code {code}")
    _same_files(playground, target)


def _same_database(playground: Playground) -> None:
    """Load siakad's dump into an empty server and compare checksums table by table."""
    snapshot = _newest(playground, "databases")
    print(
        f"\n$ sh {snapshot.relative_to(playground.vault)}/restore.sh | mariadb  (an empty server)", flush=True
    )
    dumped = subprocess.run(["sh", str(snapshot / "restore.sh")], capture_output=True, check=False)
    if dumped.returncode != 0:
        raise _Failed(f"restore.sh failed: {printable(dumped.stderr)}")
    names = playground.database.sql(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'akademik' AND table_type = 'BASE TABLE' ORDER BY 1"
    ).split()
    checksums = f"CHECKSUM TABLE {', '.join(f'akademik.{name}' for name in names)}"
    with PrivateMariadb(playground.folder / "scratch") as scratch:
        scratch.sql(dumped.stdout)
        restored = scratch.sql(checksums)
    if restored != playground.database.sql(checksums):
        raise _Failed("the restored database has other checksums than the source")
    print(
        f"√ {numbered(len(names), 'table')}: the same checksums as on the source: {', '.join(names)}",
        flush=True,
    )


def _newest(playground: Playground, clock: str) -> Path:
    return max((playground.vault / "siakad" / clock).glob("2*"))
