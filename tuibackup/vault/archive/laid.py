"""What an archive holds and no frame does yet: chunks one behind the other, not copied, each with where it is from.

A piece of a server's stream may be stored as the server packed it where it is, byte for byte, what was laid here:
content that was taken from that very place of the stream, headers and padding that are the same there.
"""

from typing import NamedTuple

Bytes = bytes | bytearray | memoryview
_NOWHERE = -(1 << 62)  # the shift of content that has no place in a stream


class _Chunk(NamedTuple):
    """`shift`: from the place in the stream that content was taken from to its place here; None: it is our own."""

    data: Bytes
    shift: int | None


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
        self._chunks.append(_Chunk(data, None))
        self.end += len(data)

    def content(self, data: Bytes, shift: int | None) -> None:
        """Add what came; it is copied where it might change. `shift`: None where it has no place in a stream."""
        if not isinstance(data.obj if isinstance(data, memoryview) else data, bytes):
            data = bytes(data)
        self._chunks.append(_Chunk(data, _NOWHERE if shift is None else shift))
        self.end += len(data)

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
        taken = [chunk.data for chunk in self._remove(end)]
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
            at -= len(self._chunks[number].data)
        removed, left = self._chunks[:number], self._chunks[number:]
        if at < end:
            chunk, shift = left[0]
            removed.append(_Chunk(_part(chunk, 0, end - at), shift))
            left[0] = _Chunk(_part(chunk, end - at, len(chunk)), shift)
        self._chunks, self.start = left, end
        return removed


def _part(chunk: Bytes, start: int, end: int) -> Bytes:
    return chunk[start:end] if isinstance(chunk, bytes) else memoryview(chunk)[start:end]
