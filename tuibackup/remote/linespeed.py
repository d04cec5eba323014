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
_LONG = 8  # … and a long one so many
_SLOW = 0.25e6  # bytes a second of a short burst: no long one is needed to see what line that is
_BURSTS = 6  # long ones at most …
_TRIES = 2  # … of which so many show whether there is any hope
_HOPELESS, FAST = 20e6, 40e6  # bytes a second; over FAST it is not asked how much more
_PATIENCE = 3.0  # seconds for all of it
_ANSWER = b'while read -r blocks; do dd if=/dev/zero bs=65536 count="$blocks" 2>/dev/null; done'


async def line_speed(session: Session) -> float | None:
    """What the line brings, in bytes a second, about; its limit where it has one, None where it cannot be found out."""
    if session.pace is not None and (limit := session.pace.rate) is not None:
        return limit
    best = None
    try:
        async with asyncio.timeout(_PATIENCE), session.stream(_ANSWER) as stream:
            await stream.begun()
            best = await _burst(stream, 1)
            if best < _SLOW:
                return best
            for number in range(_BURSTS):
                best = max(best, await _burst(stream, _LONG))
                if best > FAST or (number + 1 >= _TRIES and best < _HOPELESS):
                    break
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
