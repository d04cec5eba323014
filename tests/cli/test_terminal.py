"""The command line at a terminal: questions are asked there, ctrl+c asks, live lines come and go."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.lockedkey import locked_key
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

CTRL_C = "\x03"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site")
    made.write_config()
    return made


@pytest.fixture
def application(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.php").write_text("<?php\n")
    return root


@pytest.fixture
def slow(site: Site, application: Path, tmp_path: Path) -> Iterator[Site]:
    """A server whose tar takes half a minute before it begins."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tar").write_text(
        '#!/bin/sh\ncase "$*" in *--version*|*--help*) ;; *) sleep 30;; esac\nexec /usr/bin/tar "$@"\n'
    )
    (tools / "tar").chmod(0o755)
    command = f"""PATH={tools}:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(tmp_path / "slow", force_command=command) as server:
        site.add("siakad", server, [application])
        yield site


def terminal(site: Site, *words: str) -> Terminal:
    return Terminal([str(TUIBACKUP), *words], site.environment(), columns=200, rows=30, cwd=site.home)


def test_a_passphrase_is_asked_for_and_not_shown(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    key = locked_key(sshd, tmp_path, "planted phrase")
    site.add("siakad", sshd, [application])
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(key))
    site.write_config()
    with terminal(site, "run", "siakad") as screen:
        screen.wait_for("siakad: passphrase of")
        screen.send("planted phrase\n")
        text = screen.wait_for("√ done")
        assert screen.wait() == 0
    assert "planted" not in text
    for path in site.state.rglob("*"):
        with suppress(FileNotFoundError):  # the ledger's own files go when its last reader does
            assert path.is_dir() or b"planted" not in path.read_bytes()


@pytest.mark.long
def test_another_servers_answer_may_be_given_again_with_enter(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    for name in ("siakad", "arsip"):
        (tmp_path / name).mkdir()
        key = locked_key(sshd, tmp_path / name, "planted phrase")
        site.add(name, sshd, [application])
        site.servers[name] = site.servers[name].replace(str(sshd.client_key), str(key))
    site.write_config()
    with terminal(site, "run", "--all") as screen:
        screen.wait_for("passphrase of")
        screen.send("planted phrase\n")
        screen.wait_for("[enter: as for")
        screen.send("\n")
        assert screen.wait() == 0, screen.text
    assert screen.text.count("√ done") == 2


def test_no_answer_is_a_no(site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path) -> None:
    key = locked_key(sshd, tmp_path, "phrase")
    site.add("siakad", sshd, [application])
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(key))
    site.write_config()
    with terminal(site, "run", "siakad") as screen:
        screen.wait_for("passphrase of")
        screen.send("\x04")  # ctrl+d
        assert screen.wait() == 1
    assert "needs an operator: passphrase of" in screen.text


@pytest.mark.long
def test_trust_remembers_a_key_that_was_accepted(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application], trusted=False)
    with terminal(site, "trust", "siakad") as screen:
        screen.wait_for("SHA256:", "is this its host key? (yes/no)")
        screen.send("yes\n")
        assert screen.wait() == 0
    assert "is trusted from now on" in screen.text
    assert site.tuibackup("run", "siakad").code == 0
    assert site.tuibackup("log", "--json").json[0]["kind"] == "trust"


@pytest.mark.long
def test_trust_without_a_terminal_takes_the_fingerprint_that_was_named(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application], trusted=False)
    assert "needs an operator" in site.tuibackup("trust", "siakad").err
    wrong = f"SHA256:{'A' * 43}"
    assert site.tuibackup("trust", "siakad", "--fingerprint", wrong).code == 1
    shown = subprocess.run(
        ["ssh-keygen", "-lf", f"{sshd.host_keys[0]}.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    trusted = site.tuibackup("trust", "siakad", "--fingerprint", shown, "--json")
    assert trusted.code == 0, trusted.err
    [accepted] = trusted.json.pop("accepted")
    assert accepted == {
        "where": f"{sshd.host} port {sshd.port}", "algorithm": "ssh-ed25519", "fingerprint": shown,
    }  # fmt: skip
    known = site.tuibackup("trust", "siakad", "--json")
    assert known.code == 0, "known by now: nothing to ask"
    assert known.json == {"server": "siakad", "accepted": [], "not-recorded": None}


@pytest.mark.long
def test_ctrl_c_may_leave_a_run_alone(slow: Site) -> None:
    with terminal(slow, "run", "siakad") as screen:
        screen.wait_for("► 2 download")
        screen.send(CTRL_C)
        screen.wait_for("[l]eave it running")
        screen.send("l\n")
        screen.wait_for("the runs go on by themselves")
        assert screen.wait() == 130
    (server,) = slow.tuibackup("status", "--json").json["servers"]
    assert server["condition"] == "running"
    assert slow.tuibackup("stop", "siakad").code == 0


def test_ctrl_c_may_stop_a_run(slow: Site) -> None:
    with terminal(slow, "run", "siakad") as screen:
        screen.wait_for("► 2 download")
        screen.send(CTRL_C)
        screen.wait_for("[s]top")
        screen.send("s\n")
        assert screen.wait() == 130
    assert "■ interrupted" in screen.text
    assert slow.incoming() == []


@pytest.mark.long
def test_ctrl_c_in_follow_may_be_taken_back(slow: Site) -> None:
    run = slow.tuibackup("run", "siakad", "--detach").out.strip()
    with terminal(slow, "follow") as screen:
        screen.wait_for("► 2 download")
        screen.send(CTRL_C)
        screen.wait_for("[enter] to go on watching")
        seen = len(screen.raw)
        screen.send("\n")
        screen.wait_for_bytes(b"2 download", seen)
        assert slow.tuibackup("stop", run).code == 0
        assert screen.wait() == 130
    assert "■ interrupted" in screen.text


def test_the_line_of_progress_is_gone_in_the_end(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    with terminal(site, "run", "siakad") as screen:
        assert screen.wait() == 0
    lines = [line for line in screen.lines if line]
    assert [line.split()[0] for line in lines[-3:]] == ["√", "√", "√"]
    assert not any("► 2" in line for line in lines)
