"""A stream that ends too early: what that says, and what its result is then. The same for every source.

Three things end a stream, and the backup goes on after each: the connection is lost, a command there ends before its
work is done, or one file sends what cannot be believed. What had come whole is stored. What did not come is not lost:
it is asked for again, by `download`.
"""

from array import array
from collections.abc import Iterable

from tuibackup.errors import ConnectionLostError, DownloadError, RemoteCommandError
from tuibackup.files.contract import LOST_NAMES, Fetched, ToolFailedError, UnbelievedError
from tuibackup.files.second_look import SecondLook
from tuibackup.files.store import FileStore
from tuibackup.files.tally import Tally
from tuibackup.remote.session import Session
from tuibackup.vault.index.read import Wanted

# What may come of a lost connection, when that ends a command or a channel first: `Session.gone` tells.
MAY_BE_CUT = (ConnectionLostError, DownloadError, RemoteCommandError)


class StreamResult:
    """What one stream brings, noted while it runs; `fetched` is its result, once it was `complete`d."""

    def __init__(self, session: Session, tally: Tally, second_look: SecondLook, store: FileStore) -> None:
        self.fetched = Fetched()
        self._session = session
        self._tally = tally
        self._second_look = second_look
        self._store = store

    def lose(self, wanted: Wanted, reason: str = "") -> None:
        """Note that a file did not come. A `reason` that is known only at the end is put in there."""
        if len(self.fetched.lost) < LOST_NAMES:
            self.fetched.lost.append((wanted, reason))
        else:
            self.fetched.lost_unnamed.append(wanted.id)
        self._tally.items += 1

    async def cut_by(self, error: Exception) -> None:
        """Note that `error` (one of MAY_BE_CUT) ended the stream; raises it where the backup cannot go on after it."""
        fetched = self.fetched
        if not await self._session.gone(error):
            if not isinstance(error, ToolFailedError | UnbelievedError):
                raise error
            fetched.broken = error
        fetched.cut = True
        fetched.unchecked = self._second_look.unchecked()
        self._tally.items -= len(fetched.lost) + len(fetched.lost_unnamed)
        fetched.lost, fetched.lost_unnamed = [], array("Q")
        if isinstance(error, UnbelievedError):
            fetched.lost.append((error.wanted, error.reason))

    def complete(self) -> Fetched:
        """The result, with what was stored twice and what the second look found."""
        fetched = self.fetched
        fetched.stored_again = self._store.stored_again
        fetched.changed = self._second_look.changed
        fetched.gone = self._second_look.gone
        fetched.uncounted = self._second_look.uncounted
        return fetched


def compare_unchecked(fetched: Fetched, now: Iterable[Wanted]) -> None:
    """Make up for the second look that a cut ended: `now` are the unchecked files as they are, but for those gone."""
    seen = {one.id: _stamp(one) for one in now}
    for one in fetched.unchecked:
        if one.id not in seen:
            fetched.gone.append(one)
        elif seen[one.id] != _stamp(one):
            fetched.changed.append(one)


def _stamp(one: Wanted) -> tuple[int, int, int]:
    return one.entry.size, one.entry.mtime_ns, one.entry.ctime_ns
