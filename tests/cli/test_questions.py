"""Questions at a terminal: nothing that was typed for one answers another, and no secret is ever shown."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site")
    made.write_config()
    return made


def terminal(site: Site, *words: str) -> Terminal:
    """A shell with the program in it, so that what the terminal is left as can be seen afterwards."""
    command = 'trap : INT; stty -a | grep -o -- "-*echo "; "$@"; echo "code $?"; stty -a | grep -o -- "-*echo "; cat'
    return Terminal(
        ["sh", "-c", command, "sh", str(TUIBACKUP), *words],
        site.environment(),
        columns=200,
        rows=40,
        cwd=site.home,
    )


def locked(site: Site, sshd: PrivateSshd, name: str, passphrase: str) -> None:
    """A server whose key has a passphrase."""
    key = site.folder / f"{name}_key"
    key.write_bytes(sshd.client_key.read_bytes())
    key.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", key]
    subprocess.run(change, check=True, capture_output=True)
    site.add(name, sshd, ["/etc/ssh"])
    site.servers[name] = site.servers[name].replace(str(sshd.client_key), str(key))
    site.write_config()


@pytest.mark.long
def test_what_was_typed_for_one_question_never_answers_another(site: Site, sshd: PrivateSshd) -> None:
    """Two lines at once: the second was kept by the reader, and answered the next server's question unseen."""
    for name in ("arsip", "siakad"):
        locked(site, sshd, name, f"planted {name}")
    with terminal(site, "check") as screen:
        first = re.search(r"(\w+): passphrase of", screen.wait_for(": passphrase of"))
        assert first
        one = first[1]
        (other,) = {"arsip", "siakad"} - {one}
        screen.send(f"planted {one}\nplanted typed ahead\n")
        screen.wait_for(f"{other}: passphrase of")
        time.sleep(0.3)  # an answer would have been taken by now
        assert "that was not it" not in screen.text
        screen.send(f"planted {other}\n")
        screen.wait_for("code 3")  # the vault lies on the system disk
        text = screen.text
    assert "planted" not in screen.raw.decode(), "no secret was shown"
    lines = text.splitlines()
    for name in ("arsip", "siakad"):
        start = lines.index(name)
        assert [line.split()[1] for line in lines[start + 1 : start + 5]] == [
            "connection",
            "host",
            "tools",
            "folder",
        ], "no question between a server's lines"


def test_a_passphrase_is_never_shown_also_not_between_two_tries_and_after_ctrl_c(
    site: Site, sshd: PrivateSshd
) -> None:
    locked(site, sshd, "siakad", "planted right")
    with terminal(site, "run", "siakad") as screen:
        screen.wait_for("siakad: passphrase of")
        screen.send("planted wrong\n")
        screen.send("planted ahead\n")  # while the first is being tried
        screen.wait_for("wrong passphrase (1 of 3)")
        screen.send("planted half")
        screen.send("\x03")
        screen.wait_for("[l]eave it running")
        screen.send("l\n")
        screen.wait_for("code 130")
        text = screen.settle()
    assert "planted" not in screen.raw.decode()
    assert text.splitlines()[0].strip() == "echo"
    assert text.rstrip().splitlines()[-1].strip() == "echo", "the terminal shows again what is typed"


@pytest.mark.parametrize(
    "word", ["Ya", *(pytest.param(word, marks=pytest.mark.long) for word in ("y", " YES "))]
)
def test_a_host_key_is_accepted_in_the_words_of_people(site: Site, sshd: PrivateSshd, word: str) -> None:
    site.add("siakad", sshd, ["/etc/ssh"], trusted=False)
    with terminal(site, "trust", "siakad") as screen:
        screen.wait_for("is this its host key? (yes/no)")
        screen.send(f"{word}\n")
        screen.wait_for("code 0")
    assert "is trusted from now on" in screen.text


@pytest.mark.long
def test_a_changed_host_key_says_where_the_old_one_is_and_how_to_remove_it(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    site.add("siakad", sshd, ["/etc/ssh"], trusted=False)
    with PrivateSshd(tmp_path / "other") as other:
        stranger = other.known_hosts_lines[0].split(" ", 1)[1]
    known = site.home / ".ssh/known_hosts"
    known.write_text(f"# mine\n[{sshd.host}]:{sshd.port} {stranger}\n")
    said = site.tuibackup("trust", "siakad")
    assert said.code == 1
    assert f"{known}:2" in said.err
    command = re.search(r"on purpose: (.*) && tuibackup trust siakad", said.err)
    assert command
    assert command[1] == f"ssh-keygen -R '[{sshd.host}]:{sshd.port}' -f {known}"
    for words in (["run", "siakad"], ["check", "siakad"]):
        told = site.tuibackup(*words)
        assert command[1] in told.err + told.out
    subprocess.run(["sh", "-c", command[1]], check=True, capture_output=True)
    with terminal(site, "trust", "siakad") as screen:
        screen.wait_for("is this its host key? (yes/no)")
        screen.send("y\n")
        screen.wait_for("code 0")
