"""Accounts that greet, complain, refuse and forbid: what `check` says of them is what a run then meets.

Each set-up is a real account behind a real sshd. Both commands must come to the same end: all is well with both, or
both say the same words of the server and the same way out.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.toolboxes import only, toolbox, with_sudo
from tuibackup.demo.sshd import PrivateSshd

ORIGINAL = '"$SSH_ORIGINAL_COMMAND"'


@dataclass(frozen=True)
class Setup:
    """An account: its `login` (a script of sh in the place of its shell), and start-up files in its home.

    `says`: words that check and run must both have in their lines; without any, both must succeed. `sudo`: the rules
    of its sudoers, and everything is read with sudo. `closed`: only root may enter the folder.
    `without`: tools that it has not; `scripts`: what stands in the place of some.
    """

    login: str = f"exec bash -l -c {ORIGINAL}"
    profile: str = ""
    says: tuple[str, ...] = ()
    sudo: str = ""
    needs: str = "sh"
    closed: bool = False
    without: tuple[str, ...] = ()
    scripts: tuple[tuple[str, str], ...] = ()


NOISE = r"""
echo 'Welcome to siakad!'
printf 'no line end'; printf '\000\001\377\n'
echo "find: '/srv/noise': Permission denied" >&2
echo 'tar: ./index.php: Cannot open: Permission denied' >&2
echo 'sudo: a password is required' >&2
stty erase x
"""
BYE = f"""sh -c {ORIGINAL}; s=$?; echo Bye; echo 'tar: ./index.php: Read error at byte 0' >&2; exit $s"""
# Root without its rights, in a home that is another's: find complained of it behind every list.
HOME_CLOSED = f"""[ $(id -u) = 0 ] || exec sh -c {ORIGINAL}
chown 65534 "$HOME"; chmod 700 "$HOME"; cd "$HOME"
exec setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all sh -c {ORIGINAL}"""
RULE = "nobody ALL=(root) NOPASSWD: {tools}/find, {tools}/tar\n"
SETUPS = {
    "noise": Setup(profile=NOISE + "sleep 300 &\ntrap 'echo Goodbye; echo goodbye >&2' EXIT\n"),
    "goodbye": Setup(login=BYE),
    "status-hidden": Setup(login=f"bash -l -c {ORIGINAL}; echo Bye; exit 0", profile=NOISE),
    "fish": Setup(login=f"exec fish -c {ORIGINAL}", needs="fish"),
    "csh": Setup(login=f"exec csh -c {ORIGINAL}", needs="csh"),
    "joined": Setup(profile=NOISE + "exec 2>&1\n"),
    "options": Setup(
        profile="export TAR_OPTIONS='--exclude=*.php --transform=s,^,x,' POSIXLY_CORRECT=1 CDPATH=/tmp IFS=x\n"
    ),
    "home-closed": Setup(login=HOME_CLOSED),
    "slow": Setup(profile="sleep 0.7\n"),
    "megabytes": Setup(profile="head -c 3000000 /dev/zero | tr '\\0' x\n"),
    "terminal": Setup(
        login=f"exec script -qec {ORIGINAL} /dev/null",
        says=("does not run our commands", "it runs commands in a terminal"),
        needs="script",
    ),
    "no-path": Setup(
        login=f"PATH=/nonexistent; exec /bin/bash -c {ORIGINAL}", says=("sh: not found", "its PATH must lead")
    ),
    "no-xargs": Setup(without=("xargs",), says=("this server has no xargs", "install xargs")),
    "packer-dies": Setup(scripts=(("zstd", "echo 'zstd: cannot' >&2; exit 104"),)),
    "other-shell": Setup(
        profile="exec sh -c 'echo I am another shell'\n", says=("I am another shell", "POSIX shell")
    ),
    "nologin": Setup(
        login="exec /usr/sbin/nologin", says=("This account is currently not available", "usermod -s")
    ),
    "false": Setup(login="exec /bin/false", says=("exited with 1", "command=")),
    "rsync-only": Setup(
        login="echo 'rrsync error: SSH_ORIGINAL_COMMAND does not run rsync.' >&2; exit 1",
        says=("does not run rsync", "rsync only"),
    ),
    "git-shell": Setup(
        login=f"exec git-shell -c {ORIGINAL}",
        says=("fatal: unrecognized command", "authorized_keys"),
        needs="git-shell",
    ),
    "expired": Setup(
        login="echo 'WARNING: Your password has expired.' >&2; echo 'Password change required but no TTY available.'"
        " >&2; exit 1",
        says=("Your password has expired", "chage -M -1"),
    ),
    "sudo-warns": Setup(
        sudo="Defaults secure_path={tools}, lecture=always\n" + RULE, profile="", login="sudo-warns"
    ),
    "sudo-tty": Setup(
        sudo="Defaults secure_path={tools}, requiretty\n" + RULE,
        says=("you must have a tty", "Defaults:nobody !requiretty"),
    ),
    "sudo-password": Setup(
        sudo="Defaults secure_path={tools}\nnobody ALL=(root) {tools}/find, {tools}/tar\n",
        says=("a password is required", "nobody ALL=(root) NOPASSWD: {tools}/find, {tools}/tar"),
    ),
    "sudo-no-tar": Setup(
        sudo="Defaults secure_path={tools}\nnobody ALL=(root) NOPASSWD: {tools}/find\n",
        says=("sudo", "nobody ALL=(root) NOPASSWD:", "{tools}/tar"),
    ),
    "sudo-elsewhere": Setup(
        sudo="Defaults secure_path=/nonexistent\n" + RULE,
        says=("a password is required", "if it is there already, see secure_path"),
    ),
    "sudo-noexec": Setup(
        sudo="Defaults secure_path={tools}\n" + RULE.replace("NOPASSWD:", "NOPASSWD: NOEXEC:"), closed=True
    ),
}
DEFAULT = {"nologin"}
SUDO_WARNS = """#!/bin/sh
echo 'sudo: unable to resolve host siakad: Name or service not known' >&2
echo 'sudo: setrlimit(RLIMIT_CORE): Operation not permitted' >&2
echo 'sudo: something that nobody has heard of' >&2
exec /usr/bin/sudo "$@"
"""


@pytest.fixture(scope="module")
def account(place: Path) -> Iterator[PrivateSshd]:
    """An sshd whose account logs in through `place/login`, which each test writes."""
    with PrivateSshd(place / "sshd", force_command=f"exec sh {place}/login") as sshd:
        yield sshd


def set_up(place: Path, name: str, setup: Setup) -> Path:
    """Make the account that set-up; where its tools lie."""
    here = place / name
    home = here / "home"
    (home / ".config/fish").mkdir(parents=True)
    (home / ".bash_profile").write_text(setup.profile)
    (home / ".config/fish/config.fish").write_text("echo Welcome to fish; echo oh no >&2\n")
    (home / ".cshrc").write_text("echo Welcome to csh\n")
    scripts = {"sudo": ""} if setup.login == "sudo-warns" else dict(setup.scripts)
    tools = toolbox(here / "tools", busybox=False, without=setup.without, scripts=scripts)
    if setup.login == "sudo-warns":
        (tools / "sudo").write_text(SUDO_WARNS)
    login = f"HOME={home}; export HOME\n{setup.login}\n"
    if setup.without or setup.scripts:
        login = only(tools) + "\n"
    if setup.sudo:
        login = with_sudo(here, tools, only(tools), setup.sudo) + "\n"
    (place / "login").write_text(login)
    return tools


def of_server(check: Said) -> str:
    """What check says of the server, behind what it says of this machine."""
    return check.out.rpartition("\nsiakad\n")[2]


def both(site: Site) -> tuple[Said, Said]:
    """What check and run say."""
    return site.tuibackup("check", "siakad"), site.tuibackup(
        "run", "siakad", "--only", "files", "--json", timeout=120
    )


@pytest.mark.parametrize(
    "name", [one if one in DEFAULT else pytest.param(one, marks=pytest.mark.long) for one in SETUPS]
)
def test_check_and_run_find_the_same(
    site: Site, place: Path, account: PrivateSshd, application: Path, name: str
) -> None:
    setup = SETUPS[name]
    if not shutil.which(setup.needs):
        pytest.skip(f"{setup.needs} is not installed")
    tools = set_up(place, name, setup)
    application.chmod(0o700 if setup.closed else 0o755)
    site.add("siakad", account, [application], extra="sudo = true\n" if setup.sudo else "")

    check, run = both(site)

    told = check.out + check.err + "\n----\n" + run.out + run.err
    finished = run.finished
    if not setup.says:
        assert (run.code, finished["outcome"]) == (0, "done"), told
        assert not {"×", "▲"} & set(of_server(check)), told
        assert not [event for event in run.events if event["event"] == "step-finding"], told
        return
    assert (check.code, run.code, finished["outcome"]) == (1, 1, "failed"), told
    for words in setup.says:
        assert words.replace("{tools}", str(tools)) in " ".join(of_server(check).split()), told
        assert words.replace("{tools}", str(tools)) in run.out, told


@pytest.mark.long
def test_a_missing_folder_is_missing_behind_noise_and_a_hidden_status(
    site: Site, place: Path, account: PrivateSshd
) -> None:
    set_up(place, "missing", SETUPS["status-hidden"])
    site.add("siakad", account, ["/nowhere/at/all"])
    check, run = both(site)
    assert check.code == 1
    assert run.code != 0
    for said in check.out, run.out:
        assert "is missing on the server" in said or "No such file" in said, said


EXPIRED = {
    "account": (":1:0:99999:7::2:", "Your account has expired", "chage -E -1"),
    "password": (":0:0:99999:7:::", "Your password has expired", "chage -M -1"),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its sshd another /etc/shadow")
@pytest.mark.parametrize("what", ["account", pytest.param("password", marks=pytest.mark.long)])
@pytest.mark.long
def test_what_has_expired_is_said_in_the_words_of_the_server(
    site: Site, place: Path, application: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """sshd with PAM, and the account's line in /etc/shadow another, for this sshd alone."""
    line, words, way_out = EXPIRED[what]
    here = place / f"expired-{what}"
    here.mkdir()
    (here / "shadow").write_text(f"root:*{line}\n")
    start = f'mount --bind {here}/shadow /etc/shadow && exec /usr/sbin/sshd "$@"'
    (here / "sshd").write_text(f"#!/bin/sh\nexec unshare -m sh -c '{start}' sshd \"$@\"\n")
    (here / "sshd").chmod(0o755)
    monkeypatch.setattr("tuibackup.demo.sshd.SSHD", here / "sshd")
    with PrivateSshd(here / "server", config=["UsePAM yes"]) as sshd:
        site.add("siakad", sshd, [application])
        check, run = both(site)
    assert (check.code, run.code) == (1, 1)
    for said in " ".join(of_server(check).split()), run.out:
        assert words in said, said
        assert way_out in said, said


REFUSED = {
    "password-too": (
        ["PasswordAuthentication yes", "AuthenticationMethods publickey,password"],
        ("a key is not enough for user", "it wants password", "AuthenticationMethods"),
    ),
    "old-ciphers": (
        ["Ciphers aes128-cbc,3des-cbc"],
        ("no encryption algorithm in common: it has aes128-cbc,3des-cbc", "see Ciphers"),
    ),
    "not-this-account": (
        ["AllowUsers somebody-else"],
        ("accepts none of our keys", "the log of its sshd says why (AllowUsers"),
    ),
    "hangs-up": (
        ["PermitRootLogin forced-commands-only"],
        ("lost right after the login", "PermitRootLogin"),
    ),
}


@pytest.mark.parametrize(
    "name", ["password-too", *(pytest.param(one, marks=pytest.mark.long) for one in list(REFUSED)[1:])]
)
def test_a_login_that_sshd_refuses_is_told_with_the_way_out(
    site: Site, place: Path, application: Path, name: str
) -> None:
    if name == "hangs-up" and os.geteuid() != 0:
        pytest.skip("sshd refuses root alone that way")
    config, words = REFUSED[name]
    with PrivateSshd(place / f"refused-{name}", config=config) as sshd:
        site.add("siakad", sshd, [application])
        check, run = both(site)
    assert check.code == 1
    assert run.code != 0
    for said in " ".join(of_server(check).split()), run.out:
        assert all(one in said for one in words), said


@pytest.mark.long
def test_check_says_when_the_names_never_reach_tar(site: Site, tmp_path: Path) -> None:
    """A forced command that has a shell read the script from its input: every look works, and tar gets no names."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "berkas").write_text("isi")
    command = 'printf %s "$SSH_ORIGINAL_COMMAND" | sh -s'
    with PrivateSshd(tmp_path / "ssh", force_command=command) as sshd:
        site.add("siakad", sshd, [folder])
        said = site.tuibackup("check", "siakad")
    assert said.code == 1
    assert "tar there is not given the names that we send to its input" in said.out
