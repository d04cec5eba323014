"""What an archive holds and no frame does yet: chunks one behind the other, not copied, each with where it is from.

A piece of a server's stream may be stored as the server packed it where it is, byte for byte, what was laid here:
content that was taken from that very place of the stream, headers and padding that are the same there.
"""

Bytes = bytes | bytearray | memoryview
_NOWHERE = -(1 << 62)  # the shift of content that has no place in a stream


# A chunk with its shift: from the place in the stream that content was taken from to its place here; None: it is ours.
_Chunk = tuple[Bytes, int | None]


class Laid:
    """`start` is where it begins in the unpacked archive, `end` where it ends."""

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.end = start
        self._chunks: list[_Chunk] = []

    @property
    def length(self) -> int:
        """Bytes."""
        return self.end - self.start

    def own(self, data: bytes) -> None:
        """Add what we made."""
        self._chunks.append((data, None))
        self.end += len(data)

    def content(self, data: Bytes, shift: int | None) -> None:
        """Add what came; it is copied where it might change. `shift`: None where it has no place in a stream."""
        if not isinstance(data.obj if isinstance(data, memoryview) else data, bytes):
            data = bytes(data)
        self._chunks.append((data, _NOWHERE if shift is None else shift))
        self.end += len(data)

    def member(self, head: bytes, content: memoryview, padding: bytes, at: int) -> int:
        """Add a whole member, whose content lies at `at` in the stream and never changes; where it lies here."""
        start = self.end + len(head)
        self._chunks += ((head, None), (content, start - at), (padding, None))
        self.end = start + len(content) + len(padding)
        return start

    def is_stream(self, data: bytes, shift: int) -> bool:
        """Whether its beginning is `data`, a piece of the stream that `shift` moves here."""
        at = 0
        for chunk, came_by in self._chunks:
            if at >= len(data):
                break
            if came_by is None:
                if not data.startswith(bytes(chunk[: len(data) - at]), at):
                    return False
            elif came_by != shift:
                return False
            at += len(chunk)
        return at >= len(data)

    def take(self, end: int) -> bytes:
        """Remove and return all up to `end`."""
        taken = [data for data, _ in self._remove(end)]
        return taken[0] if len(taken) == 1 and isinstance(taken[0], bytes) else b"".join(taken)

    def drop(self, end: int) -> None:
        """Remove all up to `end`."""
        self._remove(end)

    def back_to(self, end: int) -> None:
        """Forget what was added from `end` on."""
        rest = Laid(self.start)
        rest._chunks = self._remove(end)
        rest.end = end
        self.start, self.end, self._chunks = rest.start, rest.end, rest._chunks

    def _remove(self, end: int) -> list[_Chunk]:
        """Remove the chunks up to `end`; one that goes on behind it is split."""
        number, at = len(self._chunks), self.end
        while at > end:  # from behind: little lies there
            number -= 1
            at -= len(self._chunks[number][0])
        removed, left = self._chunks[:number], self._chunks[number:]
        if at < end:
            chunk, shift = left[0]
            removed.append((_part(chunk, 0, end - at), shift))
            left[0] = _part(chunk, end - at, len(chunk)), shift
        self._chunks, self.start = left, end
        return removed


def _part(chunk: Bytes, start: int, end: int) -> Bytes:
    return chunk[start:end] if isinstance(chunk, bytes) else memoryview(chunk)[start:end]
