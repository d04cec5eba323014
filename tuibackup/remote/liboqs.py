"""Spares each run the search for a library that asyncssh makes when it is imported.

asyncssh looks for liboqs (one more post-quantum key exchange). Where there is none, and no distribution has it, that
starts gcc and ld four times: 0.1 s of every run. So the search answers no to its two names, and is itself again when
the second was asked for.
"""

import ctypes.util

_find_library = ctypes.util.find_library


def _without_search(name: str) -> str | None:
    if name not in ("oqs", "liboqs"):
        return _find_library(name)
    if name == "liboqs":
        ctypes.util.find_library = _find_library
    return None


ctypes.util.find_library = _without_search
