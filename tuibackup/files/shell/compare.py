"""A new listing beside an older one, as bytes: only records that differ are worth a closer look.

Most of what a server lists is what it listed the last time, in the same order. Comparing bytes costs a hundredth of
parsing them. What is in between is resynchronised by path; where the two have little in common, that is given up.
"""

from collections.abc import Iterator, Sequence

_FIELDS = 5  # of a record, each ended by a NUL; the fourth is the path
_STEP = 32 << 10  # bytes compared at once
_WINDOW = 64 << 10  # bytes ahead in which a path is looked for that the other side has here
_LONGEST = 256 << 10  # bytes of a record
_FEW = 1_000  # records that may differ, …
_SHARE = 20  # … and one more for so many that do not, …
_MOST_BYTES = 32 << 20  # … and what they take in memory


class Comparison:
    """Goes through both listings at once. `came` and `gone` hold records by path; a changed one is in both.

    `doubtful` paths count as changed whatever the listings say. Once `hopeful` is False the rest means nothing.
    """

    def __init__(self, older: Iterator[bytes], doubtful: Sequence[bytes] = ()) -> None:
        self.came: dict[bytes, bytes] = {}
        self.gone: dict[bytes, bytes] = {}
        self.records = 0  # of the new listing
        self.hopeful = True
        self._older: Iterator[bytes] | None = older
        self._doubtful = [b"\0" + path + b"\0" for path in doubtful if path]
        self._old = b""
        self._new = b""
        self._o = 0  # where the next record begins
        self._n = 0
        self._fields = 0  # of a record, once there is no hope
        self._noted = 0  # bytes in `came` and `gone`

    def feed(self, data: bytes) -> None:
        """The next bytes of the new listing."""
        if not self.hopeful:  # only counted: a listing without end is not to be kept in memory
            self._old = self._new = b""
            self._o = self._n = 0
            self.came.clear()
            self.gone.clear()
            whole, self._fields = divmod(self._fields + data.count(b"\0"), _FIELDS)
            self.records += whole
            return
        self._new = self._new[self._n :] + data
        self._n = 0
        self._go(ended=False)
        if len(self._new) - self._n > _LONGEST + len(data):
            self.hopeful = False

    def close(self) -> None:
        """The new listing has ended. One that ends within a record is given up: who parses it will say so."""
        self._go(ended=True)
        if self._n < len(self._new) or self._o < len(self._old):
            self.hopeful = False

    def _go(self, *, ended: bool) -> None:
        while self.hopeful:
            self._fill()
            self._pass_over_same()
            old, new = _record(self._old, self._o), _record(self._new, self._n)
            if new is None and not ended:
                return
            if old is None and new is None:
                return
            if old is not None and old == new:
                self._same(len(old))
            else:
                self._differ(old, new)

    def _fill(self) -> None:
        """Have as much of the older listing at hand as of the new one, and the window beyond."""
        if self._older is None or len(self._old) - self._o > len(self._new) - self._n + _WINDOW:
            return
        pieces = [self._old[self._o :]]
        self._o = 0
        length = len(pieces[0])
        while length <= len(self._new) - self._n + _WINDOW:
            piece = next(self._older, None)
            if piece is None:
                self._older = None
                break
            pieces.append(piece)
            length += len(piece)
        self._old = b"".join(pieces)

    def _pass_over_same(self) -> None:
        while step := min(len(self._old) - self._o, len(self._new) - self._n, _STEP):
            same = _common(self._old[self._o : self._o + step], self._new[self._n : self._n + step])
            length = _whole(self._new, self._n, self._n + same)
            if not length:
                return
            self._same(length)
            if same < step:
                return

    def _same(self, length: int) -> None:
        """So many bytes are the same records in both."""
        begin, end = self._n, self._n + length
        for path in self._doubtful:
            at = self._new.find(path, begin, end)
            while at >= 0:
                before = self._new.count(b"\0", begin, at) + 1  # fields that end before the path
                if before % _FIELDS == _FIELDS - 2:
                    record = self._new[begin:end].split(b"\0")[before - 3 : before + 2]
                    self._note(self.came, b"\0".join(record) + b"\0")
                    self._note(self.gone, b"\0".join(record) + b"\0")
                    break
                at = self._new.find(path, at + 1, end)
        self.records += self._new.count(b"\0", begin, end) // _FIELDS
        self._o += length
        self._n += length

    def _differ(self, old: bytes | None, new: bytes | None) -> None:
        """Records that are not the same: changed, new, gone, or in another order."""
        old_path, new_path = _path(old), _path(new)
        if old is not None and new is not None and old_path != new_path:
            if self._old.find(b"\0%b\0" % new_path, self._o, self._o + _WINDOW) < 0:
                old = None
            elif self._new.find(b"\0%b\0" % old_path, self._n, self._n + _WINDOW) < 0:
                new = None
        if old is not None:
            self._note(self.gone, old)
            self._o += len(old)
        if new is not None:
            self._note(self.came, new)
            self._n += len(new)
            self.records += 1

    def _note(self, where: dict[bytes, bytes], record: bytes) -> None:
        path = _path(record)
        self._noted += len(record)
        if (
            self._noted > _MOST_BYTES
            or path in where
            or len(self.came) + len(self.gone) > _FEW + self.records // _SHARE
        ):
            self.hopeful = False  # a name that comes twice is nothing for us
        where[path] = record


def _record(data: bytes, at: int) -> bytes | None:
    """The record at `at`, if it is whole."""
    end = at
    for _ in range(_FIELDS):
        end = data.find(b"\0", end) + 1
        if not end:
            return None
    return data[at:end]


def _path(record: bytes | None) -> bytes:
    return record.split(b"\0", _FIELDS - 1)[_FIELDS - 2] if record else b""


def _whole(data: bytes, begin: int, end: int) -> int:
    """The length of all whole records between `begin`, where one begins, and `end`."""
    ends = data.count(b"\0", begin, end)
    if ends < _FIELDS:
        return 0
    at = end
    for _ in range(ends % _FIELDS + 1):
        at = data.rfind(b"\0", begin, at)
    return at + 1 - begin


def _common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    if one == other:
        return len(one)
    same, differing = 0, min(len(one), len(other))
    while differing - same > 1:
        middle = (same + differing) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            differing = middle
    return same
