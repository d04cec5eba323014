"""How fast a line is, measured by a few bursts of zeros, in tenths of a second.

How well the server should pack what it sends depends on it. The time of a burst runs from its request to its last byte,
and the fastest counts: whoever is held up meanwhile, here or there, finds the line slower than it is, and never faster.
"""

import asyncio
import time

from tuibackup.errors import RemoteCommandError
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream

_BLOCK = 64 << 10  # bytes; a short burst is one of them …
_LONGER = (8, 32)  # … and these are so many: what shapes a line lets the first of all pass
_SLOW = (
    0.25e6,
    8e6,
    30e6,
)  # bytes a second, of each of the three: no longer one is needed to see what line that is
FAST = 40e6  # over this it is not asked how much more
_PATIENCE = 3.0  # seconds for all of it
_ANSWER = b'while read -r blocks; do dd if=/dev/zero bs=65536 count="$blocks" 2>/dev/null; done'


async def line_speed(session: Session) -> float | None:
    """What the line brings, in bytes a second, about; its limit where it has one, None where it cannot be found out."""
    if session.pace is not None and (limit := session.pace.rate) is not None:
        return limit
    best: float | None = None
    try:
        async with asyncio.timeout(_PATIENCE), session.stream(_ANSWER) as stream:
            await stream.begun()
            for blocks, slow in zip((1, *_LONGER), _SLOW, strict=True):
                best = rate = await _burst(stream, blocks)
                if rate < slow:
                    return rate
            if best is not None and best < FAST:  # perhaps somebody was held up
                best = max(best, await _burst(stream, _LONGER[-1]))
    except (TimeoutError, RemoteCommandError):
        pass
    return best


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
