"""Keeps what waits in a channel of asyncssh within its window; it knows its insides, as `connect.receiving` does.

asyncssh (2.24.1) opens the window fully again with the first piece that it hands to a reader who had paused, however
much it still holds back itself: a server that is faster than our disk then filled the memory, byte for byte of what it
was ahead. So as long as something is held back, the window stays as it is.
"""

from collections.abc import Callable
from typing import Any


def bound(channel: Any) -> None:
    """Let `channel`, one of asyncssh's, ask for more only when all that came has been handed over."""
    deliver: Callable[[bytes, object], None] = channel._deliver_data

    def deliver_only(data: bytes, datatype: object) -> None:
        if not channel._recv_buf:
            deliver(data, datatype)
            return
        open_ = channel._recv_window
        channel._recv_window = channel._init_recv_window  # so that it finds nothing to ask for
        try:
            deliver(data, datatype)
        finally:
            channel._recv_window = open_

    channel._deliver_data = deliver_only
