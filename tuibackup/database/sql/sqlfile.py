"""SQL on its way into the vault, in seekable frames: a dump, or a part that is added to one later."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tuibackup.vault.archive.frames import FrameWriter
from tuibackup.vault.output import Written, vault_errors

FRAME = 1 << 20  # bytes of SQL: several dumps are written at once, each with some frames in memory
LEVEL = 1  # twice as fast as 3 for a sixth more space: the CPU limits a dump's speed


class SqlFile:
    """A file of frames that is written in pieces of any size. Raises VaultError."""

    def __init__(self, path: Path, pool: ThreadPoolExecutor) -> None:
        self.path = path
        self.length = 0  # bytes of SQL so far
        self._frames = FrameWriter(path, LEVEL, pool=pool, prove=True)
        self._buffer = bytearray()

    def write(self, data: bytes, frame: bytes | bytearray = b"") -> None:
        """Write the next piece. `frame`: the same, packed already (see `FrameWriter.frame`)."""
        self.length += len(data)
        if frame:
            self._flush()
            self._frames.frame(data, frame)
            return
        self._buffer += data
        if len(self._buffer) >= FRAME:
            self._flush()

    def rest(self) -> None:
        """Release the file and the memory, because nothing comes for a while."""
        self._flush()
        self._frames.rest()

    def end(self) -> None:
        """Finish this part, so that `append` can take it."""
        self._flush()
        self._frames.end()

    def append(self, part: "SqlFile") -> int:
        """Append all of `part`, as it is packed, and remove its file; where in this SQL it begins."""
        self._flush()
        at = self.length
        self._frames.append(part.path, part._frames.frames)
        self.length += part.length
        with vault_errors(part.path):
            part.path.unlink()
        return at

    def close(self) -> Written:
        """Finish the dump and sync it to the disk; what publishing must find there."""
        self._flush()
        return self._frames.close()

    def remove(self) -> None:
        """Remove the file."""
        self.abandon()
        with vault_errors(self.path):
            self.path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Stop without finishing. May be called twice, and after `close`."""
        self._frames.abandon()

    def _flush(self) -> None:
        if self._buffer:
            self._frames.frame(self._buffer)
            self._buffer = bytearray()
