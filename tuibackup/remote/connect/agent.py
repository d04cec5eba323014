"""What can be told of the SSH agent without talking SSH. Free of asyncssh: faces import it."""

import os
import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

# what sshd calls the socket of a forwarded agent: before OpenSSH 10.1, and since
_FORWARDED = re.compile(r"/tmp/ssh-[^/]{10}/agent\.\d+|.*/\.ssh/agent/s\.[^/]*\.sshd\.[^/]*")  # noqa: S108  # only compared with


def agent_is_there(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an agent is named to us, which a timer would not have."""
    return bool(environment.get("SSH_AUTH_SOCK"))


def agent_is_forwarded(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the agent is the operator's own, forwarded by sshd: it vanishes when the operator logs out."""
    path = environment.get("SSH_AUTH_SOCK")
    if not path or not environment.get("SSH_CONNECTION"):
        return False
    listener = _listener(path)
    if listener:
        return listener.startswith("sshd")
    return _FORWARDED.fullmatch(path) is not None


def _listener(path: str) -> str:
    """The name of the process that listens on a local socket, "" when it cannot be told.

    ssh-agent and sshd name their sockets alike (/tmp/ssh-…/agent.PID), so the name of the path decides nothing.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(path)
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid = struct.unpack("3i", credentials)[0]
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
