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

    `names` and `match` may run in different threads.
    """

    def __init__(self, wanted: Callable[[], Iterator[Wanted]]) -> None:
        self._wanted = wanted
        self._sending = wanted()
        self._sent: deque[Wanted] = deque()
        self.all_remembered = True
        self._again: Iterator[Wanted] | None = None
        self.files = 0  # that were asked for
        self.last = 0  # id of the last file matched or passed over

    @property
    def far_ahead(self) -> bool:
        """Whether so many names are on their way that the next may wait."""
        return len(self._sent) > _AHEAD

    def names(self) -> bytes:
        """The next names for tar, each ended by a NUL; b"" when all were given."""
        batch = list(islice(self._sending, _BATCH))
        self.files += sum(wanted.entry.kind is Kind.FILE for wanted in batch)
        if self.all_remembered:
            self._sent.extend(batch)
            self.all_remembered = len(self._sent) <= _REMEMBERED
        return b"".join([b"./" + wanted.entry.path + b"\0" for wanted in batch])

    def match(self, name: bytes, passed: Callable[[Wanted], None]) -> Wanted:
        """The file that came as `name`; each one before it that never came is given to `passed`.

        Raises StreamError for a name that was not asked for, or not in this place.
        """
        path = name.removeprefix(b"./").rstrip(b"/")  # tar ends a folder's name in a slash
        while (wanted := self._next()) is not None:
            if wanted.entry.path == path:
                return wanted
            passed(wanted)
        raise StreamError(
            sentence(
                "the server's tar sent {name}, which was not asked for in this place", name=printable(name)
            )
        )

    def rest(self) -> Iterator[Wanted]:
        """After the stream's end: the files that never came."""
        while (wanted := self._next()) is not None:
            yield wanted

    def _next(self) -> Wanted | None:
        if self._sent:
            wanted = self._sent.popleft()
        elif self.all_remembered:
            return None
        else:
            if self._again is None:
                last = self.last
                self._again = (wanted for wanted in self._wanted() if wanted.id > last)
            found = next(self._again, None)
            if found is None:
                return None
            wanted = found
        self.last = wanted.id
        return wanted
