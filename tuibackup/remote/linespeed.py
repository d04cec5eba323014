"""How fast a line is, measured by a few bursts of zeros, in tenths of a second at most.

Whether packing at the source pays depends on it: a line that is faster than a packer is held up by it. The time of a
burst runs from its request to its last byte, and the fastest counts: whoever is held up meanwhile, here or there, finds
the line slower than it is, and never faster.
"""

import asyncio
import time

from tuibackup.errors import RemoteCommandError
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream

_BLOCK = 64 << 10  # bytes; a short burst is one of them …
_LONG = 8  # … and a long one so many
_BURSTS = 12  # of these at most …
_TRIES = 3  # … of which so many show whether there is any hope
_HOPELESS = 30e6  # bytes a second
_SLOW = 4e6  # the same, of two short ones: no long one follows
_PATIENCE = 2.0  # seconds for all of it
_ANSWER = b'while read -r blocks; do dd if=/dev/zero bs=65536 count="$blocks" 2>/dev/null; done'


async def faster_than(session: Session, rate: float) -> bool:
    """Whether the line brings more than `rate` bytes a second; False where that cannot be found out, or is limited."""
    if session.pace is not None:
        return False
    try:
        async with asyncio.timeout(_PATIENCE), session.stream(_ANSWER) as stream:
            await stream.begun()
            if max([await _burst(stream, 1) for _ in range(2)]) < _SLOW:
                return False
            best = 0.0
            for number in range(_BURSTS):
                best = max(best, await _burst(stream, _LONG))
                if best > rate or (number + 1 >= _TRIES and best < _HOPELESS):
                    break
            return best > rate
    except (TimeoutError, RemoteCommandError):
        return False


async def _burst(stream: Stream, blocks: int) -> float:
    """Bytes a second, of so many blocks."""
    began = time.monotonic()
    await stream.write(b"%d\n" % blocks)
    left = blocks * _BLOCK
    while left > 0:
        if not (data := await stream.read()):
            raise RemoteCommandError("ended")
        left -= len(data)
    return blocks * _BLOCK / (time.monotonic() - began)
