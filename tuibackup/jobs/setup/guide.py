"""The guided set-up as a whole: to add a server, or to change or remove one. Faces drive `Guide.setup`."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuibackup.config import Config, MissingConfigError, Server, find, places
from tuibackup.config.place import read_text
from tuibackup.config.read import parse
from tuibackup.config.write import with_vault
from tuibackup.errors import ConfigError
from tuibackup.jobs.recorder import Recorder
from tuibackup.jobs.setup.databases import DatabaseAt, DatabaseLogin, DatabasePassword, DatabaseRights
from tuibackup.jobs.setup.disk import Disk
from tuibackup.jobs.setup.engine import Setup
from tuibackup.jobs.setup.folders import Exclude, Folders, Sudo
from tuibackup.jobs.setup.hosts import Host, HostKeyStep, Label, Name, User
from tuibackup.jobs.setup.logins import Key, Login, Password, Paste
from tuibackup.jobs.setup.reach import Reach
from tuibackup.jobs.setup.save import ChangeOrRemove, FirstCheck, Save
from tuibackup.jobs.setup.step import Draft, Step
from tuibackup.remote.questions import Answers

_NOWHERE = Path("/")  # stands for the vault until its place is asked for


@dataclass(frozen=True, slots=True)
class Begun:
    """The configuration to begin with. `lacks_vault`: the file names none, or is not there yet."""

    config: Config
    lacks_vault: bool


def begin(explicit: Path | None) -> Begun:
    """The configuration in force, also where none is there yet. Raises ConfigError: the file is wrong."""
    try:
        path = find(explicit).expanduser().absolute()
    except MissingConfigError:
        path = places(explicit)[0].expanduser().absolute()
        return Begun(parse(with_vault("", _NOWHERE), path), lacks_vault=True)
    text = read_text(path)
    try:
        return Begun(parse(text, path), lacks_vault=False)
    except ConfigError:
        with suppress(ConfigError, ValueError):
            return Begun(parse(with_vault(text, _NOWHERE), path), lacks_vault=True)
        raise


@dataclass(frozen=True, slots=True)
class Guide:
    """A set-up under way. Close it, whatever became of it."""

    setup: Setup
    reach: Reach
    first_check: FirstCheck

    @property
    def server(self) -> str:
        """The name of the server."""
        return self.setup.draft.server.name

    async def close(self) -> tuple[str, ...]:
        """Let go of the server, and of what was made for nothing; what stays all the same, in words."""
        await self.reach.close()
        for path in self.reach.made:
            with suppress(OSError):
                path.unlink()
        return tuple(self.reach.left)


Note = Callable[[str], None]


def adding(
    begun: Begun, recorder: Recorder, answers: Answers, note: Note, presets: Mapping[str, str]
) -> Guide:
    """To add a server. `presets`: answers that are given already, by step."""
    from tuibackup.remote.sshconfig.aliases import aliases

    config = begun.config
    reach = Reach(config, recorder, answers, note)
    check = FirstCheck(reach)
    known = {server.host for server in config.servers.values()}
    steps: list[Step] = [
        Host(reach, [name for name in aliases() if name not in known]),
        Name(config.servers),
        Label(),
        HostKeyStep(reach),
        User(),
        Login(reach),
        *_rest(reach),
        Disk(config, wanted=begun.lacks_vault),
        Save(reach),
        check,
    ]
    return Guide(Setup(steps, Draft(Server("", "")), presets), reach, check)


def editing(config: Config, recorder: Recorder, answers: Answers, note: Note, server: Server) -> Guide:
    """To change or remove `server`."""
    reach = Reach(config, recorder, answers, note)
    check = FirstCheck(reach)
    steps: list[Step] = [
        ChangeOrRemove(reach, server),
        Host(reach),
        Label(),
        HostKeyStep(reach),
        User(),
        Login(reach, offer=True),
        *_rest(reach),
        Save(reach, server),
        check,
    ]
    return Guide(Setup(steps, Draft(server)), reach, check)


def _rest(reach: Reach) -> tuple[Step, ...]:
    """From the login on, a new server and a known one are asked the same."""
    return (
        Password(reach),
        Key(reach),
        Paste(reach),
        Folders(reach),
        Sudo(reach),
        Exclude(reach),
        DatabaseAt(reach),
        DatabaseLogin(reach),
        DatabasePassword(reach),
        DatabaseRights(reach),
    )
