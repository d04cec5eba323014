"""One server over SSH: session, hops, host keys, commands, streams, SFTP. Knows nothing of backups.

`session` is the way in. `questions`, `command` and `agent` are free of asyncssh, so that a face may import them.
"""

import ctypes.util

_find_library = ctypes.util.find_library


def _without_search(name: str) -> str | None:
    """asyncssh looks for liboqs (one more post-quantum key exchange) when it is imported. Where there is none, and
    no distribution has it, that starts gcc and ld four times: 0.1 s of every run. Ours do without.
    """
    return None if name in ("oqs", "liboqs") else _find_library(name)


ctypes.util.find_library = _without_search
