"""The files (and folders) asked for, in their order: names on their way to the server, and what of them has come back.

tar answers in the order of the names it was given and leaves out what it cannot read. Names should be sent well
before their answers, but cannot wait for them for ever (a server may skip thousands without a word). So what is
remembered of them is bounded: past that, the order is taken from the index a second time.
"""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from tuibackup.files.shell.tarstream import StreamError
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.index.read import Wanted
from tuibackup.words import sentence

_BATCH = 2_000
_AHEAD = 10_000
_REMEMBERED = 40_000


class Order:
    """`wanted` gives the files in order, each time from the beginning; the index behind it is locked by `lock`.

    `prefix`: what tar puts in front of a file's path below its folder. `names` and the others may run in different
    threads.
    """

    def __init__(self, wanted: Callable[[], Iterator[Wanted]], prefix: bytes = b"./") -> None:
        self._wanted = wanted
        self._prefix = prefix
        self._sending = wanted()
        self._sent: deque[Wanted] = deque()
        self.all_remembered = True
        self._again: Iterator[Wanted] | None = None
        self._next: Wanted | None = None  # that was looked at
        self.files = 0  # that were asked for
        self.last = 0  # id of what was matched or passed over last
        self._taken: Wanted | None = None  # that

    @property
    def far_ahead(self) -> bool:
        """Whether so many names are on their way that the next may wait."""
        return len(self._sent) > _AHEAD

    def names(self) -> bytes:
        """The next names for tar, each ended by a NUL; b"" when all were given."""
        batch = list(islice(self._sending, _BATCH))
        if not batch:
            return b""
        entries = [wanted.entry for wanted in batch]
        self.files += [entry.kind for entry in entries].count(Kind.FILE)
        if self.all_remembered:
            self._sent.extend(batch)
            self.all_remembered = len(self._sent) <= _REMEMBERED
        return b"./" + b"\0./".join([entry.path for entry in entries]) + b"\0"

    def peek(self) -> Wanted | None:
        """What may come next; None where its name was not sent yet."""
        if self._next is None:
            self._next = self._following()
        return self._next

    def take(self) -> None:
        """It came."""
        assert self._next is not None
        self.last, self._taken, self._next = self._next.id, self._next, None

    def match(self, name: bytes, passed: Callable[[Wanted], None]) -> Wanted:
        """The file that came as `name`; each one before it that never came is given to `passed`.

        Raises StreamError for a name that was not asked for, or not in this place.
        """
        prefix = self._prefix if name.startswith(self._prefix) else b"./"  # as it was sent
        path = name.removeprefix(prefix).rstrip(b"/")  # tar ends a folder's name in a slash
        for wanted in self.rest():
            if wanted.entry.path == path:
                return wanted
            passed(wanted)
        raise StreamError(
            sentence(
                "the server's tar sent {name}, which was not asked for in this place", name=printable(name)
            )
        )

    def rest(self) -> Iterator[Wanted]:
        """What did not come; after the stream's end, the files that never did."""
        while (wanted := self.peek()) is not None:
            self.take()
            yield wanted

    def _following(self) -> Wanted | None:
        if self._sent:
            return self._sent.popleft()
        if self.all_remembered:
            return None
        if self._again is None:
            turn = self._taken.turn if self._taken else (False, 0)
            self._again = (wanted for wanted in self._wanted() if wanted.turn > turn)
        return next(self._again, None)
