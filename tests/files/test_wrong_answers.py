"""Step 2 on servers whose tools are missing, answer wrongly or not at all: the step ends in plain words."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.files.conftest import Bench
from tests.files.sources import application, content
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectionLostError, DownloadError
from tuibackup.files.shell import tools
from tuibackup.files.shell.find import GNU
from tuibackup.files.shell.recheck import ShellSecondLook
from tuibackup.sop import Outcome
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import Wanted
from tuibackup.vault.layout import Vault


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        (
            {"tar": "bsdtar"},
            (
                "siakad: this server's tar is bsdtar's; only GNU's and BusyBox's can be used, and over SFTP "
                "there is no sudo; install GNU tar, or set sudo = false"
            ),
        ),
        (
            {"find": "busybox", "stat": None},
            (
                "siakad: this server has BusyBox's find and no stat beside it, and over SFTP there is no sudo; "
                "install GNU find (findutils), or set sudo = false"
            ),
        ),
        (
            {"shell": False, "said": "it exited with 1, without a word"},
            (
                "siakad: does not run our commands: it exited with 1, without a word, and over SFTP there is no sudo; "
                "does it have a POSIX shell, and no other command forced? take command= out of the key's line in "
                "authorized_keys there, or use another key; or see ForceCommand in sshd_config, or set sudo = false"
            ),
        ),
    ],
)
async def test_servers_without_usable_tools_are_refused_where_sudo_is_wanted(
    bench: Bench, place: Path, tools: dict[str, object], message: str
) -> None:
    with pytest.raises(DownloadError) as caught:
        await bench.fetch(bench.server(place, sudo=True), tools=tools)
    assert str(caught.value) == message


ANOTHER = r"printf 'f 1 1 1\0/etc/passwd\0'; cat >/dev/null"  # a file that was not asked for
REAL = 'exec $REAL "$@"'


@pytest.mark.parametrize(
    ("tool", "script", "message"),
    [
        ("tar", "echo 'tar: no memory' >&2; exit 7", "exited with 7: tar: no memory"),
        pytest.param("tar", "kill -9 $$", "was killed by SIGKILL", marks=pytest.mark.long),
        ("tar", "head -c 100000 /dev/urandom", "damaged"),
        ("tar", 'cd /etc; exec /usr/bin/tar -c --format=posix passwd', "which was not asked for"),
        ("find", "exit 3", "the inventory failed: find exited with 3"),
        ("find", "echo hello; exec head -c 1000000 /dev/zero", "cannot be read"),
        ("find", "exec cat /dev/urandom", "find sent a record"),
        ("xargs", "exit 5", "the second look at fetched files failed: its command exited with 5"),
        ("xargs", ANOTHER, "was not asked for"),
        ("find", f"case $2 in -) exit 5;; esac; {REAL}", "failed: its command exited with 5"),
        ("find", f"case $2 in -) {ANOTHER}; exit;; esac; {REAL}", "was not asked for"),
        ("date", "echo yesterday", "cannot be understood"),
    ],
)  # fmt: skip
async def test_a_server_that_answers_wrongly_ends_the_step_in_plain_words(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd], tool: str, script: str, message: str
) -> None:
    source = application(place / "source")
    bench = Bench(place, vault, server_with(tool, script))
    with pytest.raises((DownloadError, Exception), match=message) as caught:
        await bench.fetch(bench.server(source))
    assert "\n" not in str(caught.value)


@pytest.mark.long
async def test_a_download_that_takes_longer_than_the_patience_for_silence_goes_on(
    place: Path,
    vault: Vault,
    server_with: Callable[..., PrivateSshd],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second look has nothing to say for as long as one large file, or the first thousands, are on the way."""
    source = application(place / "source")
    (source / "big").write_bytes(os.urandom(4_000_000))
    script = '/usr/bin/tar "$@" | for part in 1 2 3 4 5 6; do head -c 700000; sleep 0.5; done'
    bench = Bench(place, vault, server_with("tar", script))
    monkeypatch.setattr(tools, "STALL", 1.5)
    result, target = await bench.restored(bench.server(source), tools={"zstd": False, "gzip": False})
    assert result.outcome is Outcome.DONE
    assert content(target / str(source).lstrip("/")) == content(source)


async def test_a_second_look_that_takes_no_names_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """More names than fit into a channel, and nobody reads them: the worker would wait for a place for ever."""

    class Deaf:
        async def write(self, data: bytes) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(tools, "STALL", 0.1)
    second_look = ShellSecondLook("siakad", GNU, lambda _: False)
    entry = Entry(b"a", Kind.FILE, 0o644, 0, 0, b"", b"", 1, 1, 1, 1, 1, 1, b"ext4", None)
    second_look.hand_over([Wanted(1, 1, b"/srv/a", entry, b"/srv/a")])
    with pytest.raises(DownloadError, match="sent nothing"):
        await asyncio.wait_for(second_look.send(Deaf()), 5)  # type: ignore[arg-type]  # all that `send` uses before


@pytest.mark.parametrize("tool", ["find", "xargs", "tar"])
async def test_a_command_that_neither_speaks_nor_ends_is_given_up(
    place: Path,
    vault: Vault,
    server_with: Callable[..., PrivateSshd],
    monkeypatch: pytest.MonkeyPatch,
    tool: str,
) -> None:
    """All of its answer is here, but not its end: waiting for that must not hold the run for ever."""
    source = application(place / "source")
    bench = Bench(place, vault, server_with(tool, f'/usr/bin/{tool} "$@"; exec <&- >&-; sleep 20'))
    monkeypatch.setattr(tools, "STALL", 1.0)
    async with asyncio.timeout(10):
        with pytest.raises(DownloadError, match="sent nothing"):
            await bench.fetch(bench.server(source), tools={"zstd": False, "gzip": False})


async def test_a_cut_connection_is_told_as_such(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    (source / "big").write_bytes(os.urandom(30_000_000))
    # what ends is the connection's own process, three levels above
    sshd = server_with(
        "tar", '/usr/bin/tar "$@" | { head -c 5000000; kill -9 $SSHD; }', "SSHD=$PPID; export SSHD; "
    )
    bench = Bench(place, vault, sshd)
    with pytest.raises(ConnectionLostError):
        await bench.fetch(bench.server(source))


async def test_without_a_sudo_rule_the_way_out_is_named(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    refusing = server_with("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    bench = Bench(place, vault, refusing)
    words = r"it says: sudo: a password is required; add to sudoers there: \w+ ALL=\(root\) NOPASSWD: \S+/find, \S+/tar"
    with pytest.raises(DownloadError, match=words):
        await bench.fetch(bench.server(source, sudo=True))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can play a sudo that reads what the account may not")
async def test_with_sudo_what_only_root_may_read_is_read(
    place: Path, vault: Vault, server_with: Callable[..., PrivateSshd]
) -> None:
    source = application(place / "source")
    (source / "app").chmod(0)
    # plays a rule for find and tar alone: it takes off what the account was denied
    script = (
        'shift; shift; case $1 in find|tar) exec "$@";; esac; echo "sudo: a password is required" >&2; exit 1'
    )
    bench = Bench(place, vault, server_with("sudo", script))
    result, _ = await bench.fetch(bench.server(source, sudo=True))
    (source / "app").chmod(0o700)
    assert (result.outcome, result.files) == (Outcome.DONE, 20)


async def test_what_a_login_shell_says_is_no_finding(place: Path, vault: Vault) -> None:
    source = application(place / "source")
    noisy = """echo 'WARNING: tar: find: this is a production server' >&2; printf 'no line end\\033[2J\\n\\n' >&2; """
    with PrivateSshd(place / "sshd", force_command=noisy + 'exec sh -c "$SSH_ORIGINAL_COMMAND"') as sshd:
        bench = Bench(place, vault, sshd)
        result, _ = await bench.fetch(bench.server(source))
    assert (result.outcome, result.files, bench.told.findings) == (Outcome.DONE, 20, [])
