"""Spares each run what asyncssh would look for or load when it is imported, and no run uses.

- liboqs, for one more post-quantum key exchange: where there is none, and no distribution has it, the search for it
  starts gcc and ld four times: 0.1 s.
- nettle, for servers that know no MAC but umac: the search for it starts ldconfig (6 ms), and gcc and ld where there
  is none. It is tried by the name that it has had since 2018.
- X.509 certificates, which OpenSSH does not know, and without which asyncssh does where they cannot be had: 15 ms.

The search is itself again when asyncssh has asked for the last of the two.
"""

import ctypes.util
import sys

_find_library = ctypes.util.find_library


def _without_search(name: str) -> str | None:
    if name in ("oqs", "liboqs"):
        return None
    if name == "nettle":
        ctypes.util.find_library = _find_library
        return "libnettle.so.8"
    return _find_library(name)


ctypes.util.find_library = _without_search
sys.modules["asyncssh.crypto.x509"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
