"""What the probe learns of real and of odd accounts; whatever they say, it is an answer and no error."""

import getpass
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.remote.conftest import Site, a_server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import RemoteTimeoutError
from tuibackup.remote.probe import Probe, probe
from tuibackup.remote.session import Session
from tuibackup.remote.sftp import opened


def version_of_tar() -> str:
    said = subprocess.run(["tar", "--version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0].split()[-1]


async def test_this_machine(ready: Session) -> None:
    found = await probe(ready)
    assert found.shell
    assert found.os.startswith("Linux ")
    assert (found.user, found.uid) == (getpass.getuser(), os.getuid())
    assert (found.find, found.tar) == ("gnu", "gnu")
    assert found.tar_version == version_of_tar()
    assert found.zstd == bool(shutil.which("zstd"))
    assert found.gzip
    assert found.sudo is (True if shutil.which("sudo") and os.getuid() == 0 else found.sudo)
    assert found.clock_offset is not None
    assert abs(found.clock_offset) < 2


async def test_sudo_and_dump_programs_are_left_alone_where_nobody_asks(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sudo", "mariadb-dump", "mysqldump"):
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\necho {name} >>{tmp_path}/started\n")
        tool.chmod(0o755)
    command = f"""PATH={tmp_path}/bin:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    async with account(site, sshd, tmp_path, command) as session:
        found = await probe(session, sudo=False, dump_tools=False)
        assert not (tmp_path / "started").exists()
        assert (found.sudo, found.dump_tools) == (False, ())
        assert found.find == "gnu"
        asked = await probe(session)
    assert (asked.sudo, len(asked.dump_tools)) == (True, 2)


@asynccontextmanager
async def account(site: Site, sshd: PrivateSshd, folder: Path, command: str) -> AsyncIterator[Session]:
    """A session with an account whose every command is replaced by `command`."""
    with PrivateSshd(folder / "account", client_key=sshd.client_key, force_command=command) as server:
        site.trust(server)
        async with site.session(a_server(server)) as session:
            yield session


async def test_an_account_for_sftp_only_has_no_shell(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    async with account(site, sshd, tmp_path, "internal-sftp") as session:
        assert await nothing(session)
        async with opened(session) as sftp:
            assert (await sftp.stat(os.fsencode(tmp_path))).mode


def script(folder: Path, text: str) -> str:
    path = folder / "script"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return str(path)


CMD_EXE = """printf '%s\\r\\n' "'exec' is not recognized as an internal or external command," >&2
printf 'Microsoft Windows [Version 10.0]\\r\\n%s\\r\\n' "$SSH_ORIGINAL_COMMAND"; exit 1
"""


@pytest.mark.parametrize(
    "text",
    [
        CMD_EXE,
        'printf "%s\\nend\\n" "$SSH_ORIGINAL_COMMAND"',
        "exit 0",
        "exec cat /dev/zero",
        "kill -9 $$",
        "echo tuibackup-probe-42",
        "echo 'This account is currently not available.'; exit 1",
    ],
)
async def test_what_is_no_shell(site: Site, sshd: PrivateSshd, tmp_path: Path, text: str) -> None:
    async with account(site, sshd, tmp_path, script(tmp_path, text)) as session:
        said = await nothing(session)
    if "not available" in text:
        assert said == 'it says: "This account is currently not available."'


async def nothing(session: Session) -> str:
    """What a server without a shell says; that it has none is all that is known of it."""
    found = await probe(session)
    assert found == Probe(shell=False, said=found.said)
    return found.said


@pytest.mark.skipif(not shutil.which("busybox"), reason="needs busybox")
async def test_an_account_that_has_only_busybox(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "find", "tar", "gzip", "date", "uname", "id", "head", "true"):
        (tools / tool).symlink_to("/usr/bin/busybox")
    command = script(tmp_path, f'PATH={tools}; export PATH; exec {tools}/sh -c "$SSH_ORIGINAL_COMMAND"\n')
    async with account(site, sshd, tmp_path, command) as session:
        found = await probe(session)
    assert found.shell
    assert (found.find, found.tar, found.tar_version) == ("busybox", "busybox", "")
    assert (found.zstd, found.gzip) == (False, True)
    assert found.clock_offset is not None
    assert abs(found.clock_offset) < 2


async def test_a_shell_with_nothing_in_it(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    command = script(
        tmp_path, f'PATH={tmp_path}/none; export PATH; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    (tmp_path / "none").mkdir()
    (tmp_path / "none/sh").symlink_to("/bin/sh")
    async with account(site, sshd, tmp_path, command) as session:
        found = await probe(session)
    assert found.shell
    assert (found.find, found.tar, found.zstd, found.gzip, found.user, found.uid) == (
        None,
        None,
        False,
        False,
        "",
        None,
    )


async def test_a_noisy_account_is_understood(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    text = 'echo "Welcome!"; printf "\\033[1m"; sh -c "$SSH_ORIGINAL_COMMAND"; echo "Goodbye."\n'
    async with account(site, sshd, tmp_path, script(tmp_path, text)) as session:
        found = await probe(session)
    assert found.shell
    assert found.tar == "gnu"


async def test_answers_of_a_hostile_server_are_clean_and_short(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    answers = {
        "date": f"{'9' * 5000}.{'9' * 5000}",
        "id": f"²{'u' * 5000}\nuser \033]0;x\007{'u' * 5000}\nuid ²",
        "uname": "",
        "find": "f" * 10000,
        "tar": "tar (GNU tar) 1.\u202e34",
        "mariadb-dump": "\033[31m\ndump\nnonsense\n\nend",
    }
    for name, answer in answers.items():
        (tools / name).write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
        (tools / name).chmod(0o755)
    says = f'PATH={tools}:$PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    async with account(site, sshd, tmp_path, script(tmp_path, says)) as session:
        found = await probe(session)
    assert found.shell
    assert (found.uid, found.clock_offset) == (None, None)
    assert found.user.startswith("\\x1b]0;x\\x07uuu") or found.user.startswith("²uuu")
    for text in (
        found.user,
        found.find or "",
        found.tar_version,
        *(part for dump in found.dump_tools for part in dump),
    ):
        assert text.isprintable()
        assert len(text) < 250


async def test_dump_programs_are_found_where_they_are_started_from(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin/mariadb-dump"
    tool.write_text("#!/bin/sh\necho mariadb-dump from 10.11.6-MariaDB\n")
    tool.chmod(0o755)
    command = script(
        tmp_path, f'PATH={tmp_path}/bin:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    async with account(site, sshd, tmp_path, command) as session:
        found = await probe(session)
    assert found.dump_tools[0] == (str(tool), "mariadb-dump from 10.11.6-MariaDB")


async def test_a_shell_that_does_not_answer_in_time_is_no_missing_shell(
    site: Site, sshd: PrivateSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuibackup.remote.session.BEGIN_SECONDS", 0.5)
    async with account(site, sshd, tmp_path, "sleep 30; true") as session:
        with pytest.raises(RemoteTimeoutError, match="the login worked, but its shell did not answer"):
            await probe(session)
