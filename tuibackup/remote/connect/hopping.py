"""What all hops of one connection share."""

from collections.abc import Awaitable, Callable

import msgspec

from tuibackup.config import SecretSource, Server
from tuibackup.remote.connect.hostkeys import HostKey, KnownHosts
from tuibackup.remote.connect.patience import Patience
from tuibackup.remote.questions import Answers, Question
from tuibackup.secret import Secret

SecretProvider = Callable[[SecretSource, Question], Awaitable[Secret | None]]


class Hopping(msgspec.Struct, frozen=True):
    """`told` holds the notes that were given already, `waited` those of servers
    that refused us for a while. `heard` is told how a hop presents itself ("SSH-2.0-OpenSSH_9.2"), and its key.
    `alone`: at the server only the key and the password of its configuration count, no agent and no usual key.
    """

    server: Server
    known_hosts: KnownHosts
    answers: Answers
    secrets: SecretProvider
    notes: Callable[[str], None]
    patience: Patience
    heard: Callable[[str, HostKey | None], None] = lambda _version, _key: None
    alone: bool = False
    told: set[str] = msgspec.field(default_factory=set)
    waited: list[str] = msgspec.field(default_factory=list)

    def note(self, text: str) -> None:
        """Say `text`, once."""
        if text not in self.told:
            self.told.add(text)
            self.notes(text)
