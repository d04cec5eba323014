"""Put the units in their place and have systemd follow them, or take them away again.

A file that somebody changed by hand, or that belongs to another configuration, is left as it is and told.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tuibackup.config import Config
from tuibackup.durable import replace_file
from tuibackup.errors import TuibackupError
from tuibackup.jobs.timer.units import (
    Task,
    Unit,
    configuration_in,
    tasks,
    units,
    written_as_it_is,
)
from tuibackup.text import printable
from tuibackup.words import sentence

SYSTEM_FOLDER = Path("/etc/systemd/system")
_SECONDS = 60.0


class Where(StrEnum):
    """Whose systemd."""

    SYSTEM = "system"
    USER = "user"


class Did(StrEnum):
    """What became of one file."""

    WRITTEN = "written"
    SAME = "same"
    CHANGED = "changed"  # by hand: left alone
    FOREIGN = "foreign"  # of another configuration, or not ours: left alone
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Plan:
    """The timers of a configuration, and where they go. `account` is None in user units."""

    config: Path
    where: Where
    folder: Path
    command: tuple[str, ...]
    account: str | None
    tasks: tuple[Task, ...]
    units: tuple[Unit, ...]


def plan_timers(config: Config, where: Where | None, account: str | None) -> Plan:
    """Make the plan; it changes nothing. Without `where`: of the system for the one in /etc, else of the user.

    Raises TuibackupError: there is no such account.
    """
    where = where or (Where.SYSTEM if config.source.is_relative_to("/etc") else Where.USER)
    found = tasks(config.notify.summary, copies=bool(config.copies))
    who = _account(config, account) if where is Where.SYSTEM else None
    command = (*program(), "--config", str(config.source))
    folder = SYSTEM_FOLDER if where is Where.SYSTEM else _user_folder()
    made = units(found, command, config.source, who)
    return Plan(config.source, where, folder, command, who, found, tuple(made))


def program() -> tuple[str, ...]:
    """How to call this program by its whole path; the link that the user calls, because it outlives an update."""
    called = Path(sys.argv[0])
    if called.name == "tuibackup" and (found := shutil.which(called)):
        return (os.path.abspath(found),)
    beside = Path(sys.executable).with_name("tuibackup")
    return (str(beside),) if beside.exists() else (sys.executable, "-m", "tuibackup.cli.main")


def has_systemd() -> bool:
    """Whether systemd runs this machine."""
    return Path("/run/systemd/system").is_dir()


def lingers() -> bool:
    """Whether the user's timers fire while he is logged out."""
    return Path("/var/lib/systemd/linger", pwd.getpwuid(os.geteuid()).pw_name).exists()


def install(plan: Plan, *, overwrite: bool) -> list[tuple[Path, Did]]:
    """Write the files. Raises TuibackupError."""
    did = []
    try:
        plan.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for unit in plan.units:
            path = plan.folder / unit.name
            state = Did.WRITTEN if overwrite else _state(path, unit, plan)
            if state is Did.WRITTEN:
                replace_file(path, unit.text.encode("utf-8", "surrogateescape"))
                path.chmod(0o644)
            did.append((path, state))
    except OSError as error:
        raise _cannot(plan, error) from error
    return did


def removable(plan: Plan, *, overwrite: bool) -> list[tuple[Path, Did]]:
    """The files of the plan that are there, and those that it needs no more; what an `uninstall` would do to each.

    Raises TuibackupError.
    """
    try:
        paths = [path for unit in plan.units if os.path.lexists(path := plan.folder / unit.name)]
        going = [(path, Did.REMOVED if overwrite else _removable(path, plan)) for path in paths]
    except OSError as error:
        raise _cannot(plan, error) from error
    return [*going, *needless(plan, overwrite=overwrite)]


def needless(plan: Plan, *, overwrite: bool) -> list[tuple[Path, Did]]:
    """Units of this configuration for which it has no task any more, such as of copies; what `uninstall` would do.

    Raises TuibackupError.
    """
    needed = {unit.name for unit in plan.units}
    try:
        others = [path for path in sorted(plan.folder.glob("tuibackup-*.*")) if path.name not in needed]
        did = [(path, _removable(path, plan)) for path in others if path.suffix in (".service", ".timer")]
    except OSError as error:
        raise _cannot(plan, error) from error
    return [(path, Did.REMOVED if overwrite else what) for path, what in did if what is not Did.FOREIGN]


def uninstall(going: Sequence[tuple[Path, Did]], plan: Plan) -> Sequence[tuple[Path, Did]]:
    """Remove what is `removable`. Raises TuibackupError."""
    try:
        for path, did in going:
            if did is Did.REMOVED:
                path.unlink()
    except OSError as error:
        raise _cannot(plan, error) from error
    return going


def systemctl(plan: Plan, *words: str) -> None:
    """Tell systemd. Raises TuibackupError with its own words."""
    command = ["systemctl", *(["--user"] if plan.where is Where.USER else []), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TuibackupError(
            sentence("{command} failed: {said}", command=" ".join(command), said=error)
        ) from error
    if done.returncode:
        said = printable(done.stderr.strip())
        way_out = ""
        if plan.where is Where.USER:
            way_out = sentence(
                "an account that is entered by sudo -u has no systemd of its own: use --system"
            )
        raise TuibackupError(
            sentence("{command} failed: {said}", command=" ".join(command), said=said), way_out
        )


def _account(config: Config, account: str | None) -> str:
    """Who carries them out: who is named, else who owns the state folder, else we."""
    if account is None:
        try:
            return pwd.getpwuid(config.state.stat().st_uid).pw_name
        except (OSError, KeyError):
            return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam(account).pw_name
    except KeyError:
        raise TuibackupError(sentence("there is no account {name}", name=printable(account))) from None


def _user_folder() -> Path:
    configured = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configured) / "systemd/user"


def _state(path: Path, unit: Unit, plan: Plan) -> Did:
    """What is to become of the file at `path`."""
    try:
        there = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return Did.WRITTEN
    if there == unit.text:
        return Did.SAME
    return Did.WRITTEN if (state := _removable(path, plan)) is Did.REMOVED else state


def _removable(path: Path, plan: Plan) -> Did:
    there = path.read_text(encoding="utf-8", errors="surrogateescape")
    if configuration_in(there) != configuration_in(plan.units[0].text):
        return Did.FOREIGN
    return Did.REMOVED if written_as_it_is(there) else Did.CHANGED


def _cannot(plan: Plan, error: OSError) -> TuibackupError:
    way_out = ""
    if plan.where is Where.SYSTEM and os.geteuid() != 0:
        command = " ".join(plan.command)
        way_out = sentence(
            "as root: {command} install-timer --system --account {account}; or --print shows the files",
            command=command,
            account=plan.account or "",
        )
    return TuibackupError(
        sentence(
            "{path} cannot be written: {error}", path=error.filename or plan.folder, error=error.strerror
        ),
        way_out,
    )
