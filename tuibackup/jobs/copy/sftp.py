"""The way to a host that keeps copies: our own way in, as to a server, with its hops, key and host keys."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies.known import Known
from tuibackup.copies.sftp import Client, SftpTarget
from tuibackup.copies.target import AwayError, CopyError
from tuibackup.copies.throttle import Throttle
from tuibackup.errors import ConnectError, HostKeyError, LoginError
from tuibackup.jobs.trust import accepting
from tuibackup.remote.session import connect
from tuibackup.run.passwords import resolve
from tuibackup.run.places import known_hosts
from tuibackup.run.questions import RememberedAnswers
from tuibackup.words import later, sentence

if TYPE_CHECKING:
    from tuibackup.jobs.copy.way import Way

_PATIENCE = 60.0  # seconds; a host that is down is tried again the next time


def sftp_target(config: Config, copy: CopySettings, way: "Way", throttle: Throttle) -> SftpTarget:
    """Connect, and see that its folder is there. Raises AwayError, CopyError, HostKeyError, LoginError, SecretError."""
    server = config.host(copy.name)
    answers = RememberedAnswers(way.answers)

    async def client() -> tuple[Client, Callable[[], Awaitable[None]]]:
        answers.attempt()
        try:
            session = await connect(
                server,
                known_hosts=known_hosts(config, accepting(way.recorder, copy.name, later("a copy"))),
                answers=answers,
                secrets=partial(resolve, answers=answers),
                deadline=time.monotonic() + min(_PATIENCE, config.sop.connect_within),
                notes=way.note,
            )
        except (HostKeyError, LoginError):
            raise
        except ConnectError as error:
            raise AwayError(error.message) from error
        try:
            return await session.sftp(), session.close
        except BaseException:
            await session.close()
            raise

    target = SftpTarget(str(copy.to), copy.to.path, client, throttle)
    try:
        if not target.is_folder():
            fault = sentence("{path}: no such folder", path=str(copy.to))
            if Known(config.state, copy.name).notes().id:
                raise AwayError(fault)
            raise CopyError(fault, sentence("make it there: mkdir -p {path}", path=copy.to.path))
    except BaseException:
        target.close()
        raise
    return target
