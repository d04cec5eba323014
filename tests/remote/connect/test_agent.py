"""Whether the agent is the operator's own, forwarded: told by who listens on its socket, not by its name."""

import os
import subprocess
import sys
from pathlib import Path

from tests.remote.conftest import Site
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.remote.connect.agent import agent_is_forwarded

TELL = "from tuibackup.remote.connect.agent import agent_is_forwarded as f; print(f())"


def started_agent(socket: Path) -> "subprocess.Popen[bytes]":
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert agent.poll() is None
    return agent


def test_a_forwarded_agent_is_told_from_one_that_runs_there(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    site.trust(sshd)
    socket = Path("/tmp") / f"tuibackup-forward-{os.getpid()}"
    agent = started_agent(socket)
    here = f"SSH_AUTH_SOCK={socket} {sys.executable} -c '{TELL}'"
    there = f"cd {Path.cwd()} && {sys.executable} -c '{TELL}' && {here}"
    try:
        said = subprocess.run(
            [
                *("ssh", "-A", "-i", sshd.client_key, "-p", str(sshd.port), "-F", "none"),
                *("-o", f"UserKnownHostsFile={site.home}/.ssh/known_hosts", f"{sshd.user}@127.0.0.1", there),
            ],
            env={**os.environ, "SSH_AUTH_SOCK": str(socket)},
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
        )
    finally:
        agent.terminate()
        agent.wait()
        socket.unlink(missing_ok=True)
    assert said.stdout == "True\nFalse\n", said.stderr


def test_without_an_agent_or_outside_ssh() -> None:
    assert not agent_is_forwarded({})
    assert not agent_is_forwarded({"SSH_AUTH_SOCK": "/tmp/ssh-abcdefghij/agent.1"})


def test_a_socket_that_is_gone_is_judged_by_its_name() -> None:
    def forwarded(path: str) -> bool:
        return agent_is_forwarded({"SSH_CONNECTION": "1 2 3 4", "SSH_AUTH_SOCK": path})

    assert forwarded("/tmp/ssh-AbCdEfGhIj/agent.12345")
    assert forwarded("/home/andi/.ssh/agent/s.x1.sshd.y2")
    assert not forwarded("/run/user/1000/keyring/ssh")
    assert not forwarded("/home/andi/.ssh/agent/s.x1.agent.y2")
