"""The backup disk, where the configuration names none yet: a new vault, or one that is there."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.jobs.setup.step import Draft, Prompt, Taken, WrongAnswerError
from tuibackup.text import printable, size
from tuibackup.vault.disk import require_answer, require_writable, room
from tuibackup.vault.layout import NoVaultYetError, Vault
from tuibackup.words import _

_USUAL = Path("/srv/backup")


class Disk:
    """A folder on the backup disk: empty, a vault, or yet to be made."""

    id = "vault"

    def __init__(self, config: Config, *, wanted: bool) -> None:
        self._config = config
        self._wanted = wanted

    @property
    def title(self) -> str:
        return _("backup disk")

    async def ask(self, draft: Draft) -> Prompt | None:
        if not self._wanted:
            return None
        return Prompt(
            self.id,
            self.title,
            _("Which folder of the backup disk are the backups to lie in?"),
            await asyncio.to_thread(_usual),
            detail=(_("an empty folder, one that is made now, or the vault of an earlier configuration"),),
            check=_check,
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        path = _path(answer)
        found, warned = await asyncio.to_thread(_tried, path, self._config)
        return Taken(replace(draft, vault=path), str(path), found, warned)


def _usual() -> str:
    if _USUAL.is_dir() and os.access(_USUAL, os.W_OK):
        return str(_USUAL)
    return "~/backup"


def _check(text: str) -> str:
    return "" if text.startswith(("/", "~/")) else _('begin it with "/" or "~/"')


def _path(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


def _tried(path: Path, config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What lies there, and what to know of its disk. Raises TuibackupError: it cannot be a vault."""
    there = next(one for one in (path, *path.parents) if os.path.lexists(one))
    require_answer(there)
    if there != path:
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise WrongAnswerError(
                _("{path} is not there, and cannot be made in {folder}").format(path=path, folder=there),
                f'sudo install -d -o "$USER" -m 700 {path}',
            )
        require_writable(there)
        what = _("is made when all is saved")
    else:
        try:
            Vault.open(path, config.state, create=False)
            what = _("a vault, with what it holds")
        except NoVaultYetError:
            what = _("an empty folder: the first run makes a vault of it")
        require_writable(path)
    disk = room(there)
    if disk.refusal or not disk.total:
        raise WrongAnswerError(
            disk.refusal or _("{path}: is on no disk ({type})").format(path=path, type=disk.fstype)
        )
    least = config.vault.least_free(disk.total)
    free = _("{free} of {total} free on {device} ({type})").format(
        free=size(disk.free),
        total=size(disk.total),
        device=printable(disk.device),
        type=printable(disk.fstype),
    )
    warned = [disk.warning] if disk.warning else []
    if disk.free < least:
        warned.append(_("too little room: {least} are to stay free (min_free)").format(least=size(least)))
    return (what, free), tuple(warned)


def make(path: Path) -> None:
    """Make the folder, where it is not there yet. Raises TuibackupError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise TuibackupError(
            _("{path} cannot be made: {reason}").format(path=path, reason=error.strerror)
        ) from error
