"""Reads the backup disk in a helper, piece by piece, because the disk may be far away and may not answer."""

from collections.abc import Mapping
from time import monotonic

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.overview.picture import Damage, Room, StoredDump
from tuibackup.overview.told import DiskAnswer, DiskQuestion, Of, ServerOnDisk
from tuibackup.run.places import open_vault
from tuibackup.run.process.recovery import recover
from tuibackup.run.stored import Presence
from tuibackup.run.unfinished import unfinished_in
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.damage import healed_by
from tuibackup.vault.layout import NoVaultYetError, Vault

_PATIENCE = 1.0  # seconds to wait for another process that holds the ledger
_BUDGET = 0.2  # seconds of a look
_AGAIN = 30.0  # seconds at least between two looks at all servers
_SHARE = 200  # after a look at all servers that took a second, so many seconds pass until the next
_ROOM_EVERY = 10.0  # seconds between two looks at the free space


class DiskLook:
    """Answers from the vault of `config`; see `Helper`."""

    def __init__(self, config: Config, *, read_only: bool) -> None:
        self._config = config
        self._read_only = read_only
        self._recorded: dict[Of, str | None] = {}  # specs of snapshots
        self._damaged: dict[str, tuple[Damage, ...]] = {}  # by server
        self._presence = Presence(config.state)
        self._pending: dict[str, None] = dict.fromkeys(config.servers)
        self._again = float("inf")  # when all servers are looked at again
        self._took = 0.0  # seconds that this look at all of them took so far
        self._room: Room | None = None
        self._room_read = float("-inf")
        self._dumps: dict[
            str, tuple[int, StoredDump | None]
        ] = {}  # the folder's time, and what was there then
        self._newest = False

    def close(self) -> None:
        """Nothing to close: no file is open between two questions, so that the disk can be unmounted."""

    def __call__(self, question: DiskQuestion) -> DiskAnswer:
        recorded, fault = self._recover() if question.recover else (False, "")
        self._recorded.update(question.recorded)
        self._damaged.update(question.damaged)
        news = (*(server for server, _clock in question.recorded), *question.damaged)
        wanted = dict.fromkeys(server for server in news if server in self._config.servers)
        if question.newest != self._newest or monotonic() > self._again:
            self._newest, self._again = question.newest, float("inf")
            wanted = dict.fromkeys(self._config.servers)
        self._pending = {**wanted, **self._pending}
        try:
            vault = open_vault(self._config, create=False)
            room = self._look_at_room(vault)
            # Not beside a recovery: meanwhile the ledger tells which snapshots to look for, and each is looked at once.
            servers = {} if question.recover else self._look_on(vault)
            dump = self._dump(vault, question.server) if question.server else None
        except NoVaultYetError:
            self._pending.clear()
            return DiskAnswer(fault=fault, recorded=recorded)
        except (TuibackupError, OSError) as error:
            self._pending.clear()  # a disk that is not mounted has lost nothing
            self._again = monotonic()
            return DiskAnswer(problem=str(error), fault=fault, recorded=recorded)
        return DiskAnswer("", fault, recorded, room, servers, bool(self._pending), dump)

    def _recover(self) -> tuple[bool, str]:
        try:
            return bool(recover(self._config, _PATIENCE)), ""
        except (TuibackupError, OSError) as error:
            return False, str(error)

    def _look_at_room(self, vault: Vault) -> Room | None:
        if monotonic() - self._room_read > _ROOM_EVERY:
            self._room_read = monotonic()
            room = vault.room()
            self._room = Room(str(self._config.vault.path), room.free, room.total)
        return self._room

    def _look_on(self, vault: Vault) -> Mapping[str, ServerOnDisk]:
        """Look at servers whose turn it is, for a while."""
        began, found = monotonic(), {}
        while self._pending and monotonic() - began < _BUDGET:
            server = next(iter(self._pending))
            found[server] = self._of_server(vault, server)
            del self._pending[server]
        if not self._pending and not self._read_only:
            self._presence.keep()
        self._took += monotonic() - began
        if not self._pending and self._again == float("inf"):
            self._again = monotonic() + max(_AGAIN, _SHARE * self._took)
            self._took = 0.0
        return found

    def _of_server(self, vault: Vault, server: str) -> ServerOnDisk:
        lost = {}
        for clock in Clock:
            spec = self._recorded.get((server, clock))
            if spec and (gone := self._presence.lost(vault, spec)):
                lost[clock] = gone
        newest = None
        if self._newest:
            newest = {clock: found.started for clock in Clock if (found := vault.latest(server, clock))}
        removed, healed = set(), {}
        for damage in self._damaged.get(server, ()):
            if (snapshot := vault.named(damage.snapshot)) and not snapshot.path.exists():
                removed.add(damage.snapshot)
            elif newer := healed_by(vault, damage):
                healed[damage.snapshot] = newer
        return ServerOnDisk(lost, unfinished_in(vault, server), newest, frozenset(removed), healed)

    def _dump(self, vault: Vault, server: str) -> StoredDump | None:
        """The newest good databases snapshot of the server; kept as long as no other comes or goes."""
        changed = vault.changed_ns(server, Clock.DATABASES)
        if self._dumps.get(server, (None, None))[0] != changed:
            snapshot = vault.latest(server, Clock.DATABASES)
            found = None
            if snapshot is not None:
                each = tuple((printable(one.name), one.stored_bytes) for one in snapshot.summary.databases)
                found = StoredDump(server, each, sum(number for _name, number in each))
            self._dumps[server] = changed, found
        return self._dumps[server][1]
