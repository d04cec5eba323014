"""The private sshd: its own keys and port, nothing of the machine's, and nothing left of it."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuibackup.demo.sshd import DemoError, PrivateSshd


def command(server: PrivateSshd, text: str) -> list[str]:
    """OpenSSH's client, which knows nothing but this server."""
    known = server.folder / "known"
    known.write_text("".join(f"{line}\n" for line in server.known_hosts_lines))
    options = [f"UserKnownHostsFile={known}", "BatchMode=yes", f"IdentityFile={server.client_key}"]
    words = [word for option in options for word in ("-o", option)]
    return ["ssh", "-F", "none", *words, "-p", str(server.port), f"{server.user}@{server.host}", text]


def ssh(server: PrivateSshd, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(server, text), capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
    )


@contextlib.contextmanager
def sleeping(server: PrivateSshd) -> Iterator["subprocess.Popen[bytes]"]:
    """A client whose command runs."""
    client = subprocess.Popen(
        command(server, "echo in; exec sleep 60"), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    with client:
        try:
            assert client.stdout is not None
            assert client.stdout.readline() == b"in\n"
            yield client
        finally:
            client.kill()


def listens(server: PrivateSshd) -> bool:
    return ssh(server, "true").returncode == 0


def test_one_logs_in_and_nothing_stays(tmp_path: Path) -> None:
    server = PrivateSshd(tmp_path / "sshd").start()
    assert ssh(server, "echo in").stdout == "in\n"
    assert (tmp_path / "sshd").stat().st_mode & 0o777 == 0o700
    with sleeping(server) as client:
        server.stop()
        assert client.wait(30) != 0
    assert not listens(server)
    server.stop()


def test_a_second_start_keeps_keys_and_port(tmp_path: Path) -> None:
    server = PrivateSshd(tmp_path / "sshd").start()
    before = server.known_hosts_lines
    server.stop()
    with server.start():
        assert server.known_hosts_lines == before
        assert listens(server)


def test_connections_are_cut_and_the_server_goes_on(tmp_path: Path) -> None:
    with PrivateSshd(tmp_path / "sshd") as server:
        assert server.cut_connections() == 0
        assert listens(server)
        with sleeping(server) as client:
            with server.frozen():
                time.sleep(0.1)
                assert client.poll() is None
            assert server.cut_connections() > 0
            assert client.wait(30) == 255
        assert listens(server)


def test_its_configuration_can_be_told(tmp_path: Path) -> None:
    with PrivateSshd(tmp_path / "one", config=["SetEnv A=b"], force_command="echo $A") as server:
        assert ssh(server, "id").stdout == "b\n"


def test_a_configuration_that_sshd_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"did not start: .*bad configuration option.*; see .*/sshd.log"):
        PrivateSshd(tmp_path / "sshd", config=["Nonsense yes"]).start()


def test_a_taken_port_is_no_obstacle(tmp_path: Path) -> None:
    with PrivateSshd(tmp_path / "one") as first:
        second = PrivateSshd(tmp_path / "two")
        second.port = first.port
        with second:
            assert second.port != first.port
            assert listens(second)


def test_the_accounts_own_startup_files_are_not_read(tmp_path: Path) -> None:
    """What an account's ~/.bashrc does must not change, or hold up, the commands."""
    with PrivateSshd(tmp_path / "sshd", config=[f"SetEnv HOME={tmp_path} SHLVL=2"]) as server:
        (tmp_path / ".bashrc").write_text("echo noise\n")
        assert ssh(server, "echo in").stdout == "in\n"
