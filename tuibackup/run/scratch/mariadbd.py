"""A throw-away mariadbd on this machine, in a folder that is removed afterwards, for SQL of other servers."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

from tuibackup.config import DrillSettings
from tuibackup.database.mariadbd import account, untrusting
from tuibackup.database.restore.target import TargetServer, local_target
from tuibackup.run.scratch.folder import ScratchPlace
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

_UNPRIVILEGED = "nobody"  # the account that it runs as if root starts it
_SERVER_BYTES = 200 << 20  # of an empty server


@contextmanager
def throw_away(settings: DrillSettings, amount: int) -> Iterator[tuple[ScratchPlace, TargetServer]]:
    """Its folder, with room for `amount` bytes of data, and a login; the server ends with the thread that enters.

    Raises DatabaseError (it does not start), VaultError (no room).
    """
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    with ScratchPlace(settings.folder, open_to_others=user is not None) as place:
        place.need(amount + _SERVER_BYTES)
        folder, nothing = place.path / "server", place.path / "nothing"
        with vault_errors(place.path):
            nothing.mkdir(mode=0o555)
            folder.mkdir(mode=0o700)
            if user:
                entry = pwd.getpwnam(user)
                os.chown(folder, entry.pw_uid, entry.pw_gid)
        server = untrusting(folder, nothing, user=user)
        try:
            server.start()
            yield place, local_target(server.socket, account(), None, sentence("the throw-away server"))
        finally:
            server.kill()  # its data goes with it: no need for a clean end
