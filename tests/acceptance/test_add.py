"""A server is set up by questions in a plain terminal: each answer is tried at once, and nothing is lost on the way."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.acceptance.talk import talk
from tests.doorman import PASSWORD, Doorman
from tests.line import Line
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

SECRET = "sandi-basis-data"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Doorman]:
    with Doorman(tmp_path) as door:
        yield door


@pytest.fixture
def empty(tmp_path: Path) -> Site:
    """A home without any configuration."""
    return Site(tmp_path / "here")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files_with(secret: str, folder: Path) -> list[str]:
    found = subprocess.run(["grep", "-rlaF", secret, folder], capture_output=True, text=True, check=False)
    return [os.path.basename(line) for line in found.stdout.splitlines()]


@pytest.mark.parametrize("now", [False, pytest.param(True, marks=pytest.mark.long)], ids=["later", "now"])
@pytest.mark.long
def test_from_nothing_to_a_backup(
    empty: Site, door: Doorman, application: Path, mariadbd: PrivateMariadb, now: bool
) -> None:
    """A password once, then a key; folders, a database by its password, the disk; then the first backup."""
    mariadbd.sql(
        "CREATE DATABASE siakad; CREATE TABLE siakad.t (id INT PRIMARY KEY); INSERT INTO siakad.t VALUES (1)"
    )
    mariadbd.sql(
        f"CREATE USER cadangan@localhost IDENTIFIED BY '{SECRET}'; GRANT SELECT ON *.* TO cadangan@localhost"
    )
    with talk(empty, "add") as said:
        said.answer("Which host?", "ftp://127.0.0.1")
        said.answer("Which host?", f"andi@127.0.0.1:{door.port}")
        said.answer("What is it to be called?", "no good")
        said.answer("What is it to be called?", "siakad")
        said.answer("What do people call it?", "SIAKAD")
        said.answer("Is this its host key?", "yes")
        said.answer("Which account at the server? [andi]", "")
        said.answer("How to log in?", "")
        said.answer("Password of andi", "wrong")
        said.answer("Password of andi", PASSWORD)
        said.answer("Which key is to log in from now on? [new]", "")
        said.answer("Which folders?", "/nowhere")
        said.answer("Which folders?", str(application))
        said.answer("What of them is left out?", "<")
        said.answer(f"Which folders? [{application}]", "")
        said.answer("What of them is left out?", "cache/**")
        said.answer("Which database server is backed up?", str(mariadbd.socket))
        said.answer("another account of the database", "cadangan")
        said.answer("Password of cadangan", "wrong")
        said.answer("Password of cadangan", SECRET)
        said.answer("Enter looks again", "")  # SELECT alone is not enough
        said.wait("GRANT SHOW DATABASES")
        mariadbd.sql(
            "GRANT SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS ON *.* TO cadangan@localhost"
        )
        said.answer("Enter looks again", "")
        said.answer("Which folder of the backup disk", str(empty.vault))
        said.answer("Write this into ~/.config/tuibackup/config.toml?", "")
        said.answer("Back it up now? [yes]", "" if now else "no", seconds=120)
        assert said.seat.wait(180) in (0, 3), said.said
        shown = said.said
    assert "is missing on the server" in shown
    assert "SSH-2.0-AsyncSSH" in shown
    assert "is no name for a server" in shown
    (status,) = empty.tuibackup("status", "--json").json["servers"]
    assert [status[clock]["state"] for clock in ("files", "databases")] == ["fresh" if now else "never"] * 2
    config = empty.config.read_text()
    assert 'exclude = ["cache/**"]' in config
    assert 'key = "~/.ssh/tuibackup"' in config
    assert [mode(path) for path in (empty.config.parent, empty.config, empty.home / ".ssh/tuibackup")] == [
        0o700,
        0o600,
        0o600,
    ]
    kept = empty.config.with_name("siakad.database-password")
    assert mode(kept) == 0o600
    assert (
        (door.home / ".ssh/authorized_keys").read_text().startswith("restrict,port-forwarding ssh-ed25519 ")
    )
    log = empty.tuibackup("log").out
    assert "added to the configuration" in log
    assert files_with(SECRET, empty.folder) == [kept.name]
    assert files_with(PASSWORD, empty.folder) == []
    assert SECRET not in shown
    assert PASSWORD not in shown


@pytest.mark.long
def test_leaving_in_the_middle_keeps_nothing_half_done(empty: Site, door: Doorman) -> None:
    """A key that was made and not installed goes again; one that is installed is told."""
    with talk(empty, "add", f"andi@127.0.0.1:{door.port}", "--name", "siakad", "--label", "SIAKAD") as said:
        said.answer("Is this its host key?", "ya")
        said.answer("Which account at the server?", "")
        said.answer("How to log in?", "paste")
        said.answer("Which key is to log in", "")
        said.wait("Enter tries whether the key logs in")
        assert "useradd --create-home --shell /bin/sh andi" in said.said
        assert (empty.home / ".ssh/tuibackup").exists()
        said.seat.send("\x03")
        assert said.seat.wait() == 130
    assert not empty.config.exists()
    assert [path.name for path in (empty.home / ".ssh").iterdir()] == []
    with talk(empty, "add", f"andi@127.0.0.1:{door.port}", "--name", "siakad", "--label", "SIAKAD") as said:
        said.answer("Which account at the server?", "")
        said.answer("How to log in?", "password")
        said.answer("Password of andi", PASSWORD)
        said.answer("Which key is to log in", "new")
        said.wait("Which folders?")
        said.seat.send("\x03")
        assert said.seat.wait() == 130
        assert "the key ~/.ssh/tuibackup stays in ~/.ssh/authorized_keys of andi" in said.said
    assert not empty.config.exists()


@pytest.mark.long
def test_a_host_that_is_not_there_is_told_in_plain_words(empty: Site, sshd: PrivateSshd) -> None:
    with talk(empty, "add") as said:
        said.answer("Which host?", "127.0.0.1:1")
        said.wait("refused; is sshd running there?")
        said.answer("Which host?", "no-such-host.invalid")
        said.wait("no such host")
        said.answer("Which host?", f"127.0.0.1:{sshd.port}")
        said.answer("What is it to be called?", "<")
        said.answer(f"Which host? [USER@]HOST[:PORT] [127.0.0.1:{sshd.port}]", "<")
        said.wait("there is nothing to go back to")


@pytest.mark.long
def test_a_line_that_is_cut_is_connected_again_by_itself(
    empty: Site, door: Doorman, application: Path
) -> None:
    """Between two questions, and just as an answer is tried; the password that was typed is not asked for again.

    And what was tried is said truly: no password was, before one was asked for.
    """
    with Line(door.port) as line, talk(empty, "add") as said:
        said.answer("Which host?", f"andi@127.0.0.1:{line.port}")
        said.answer("What is it to be called?", "siakad")
        said.answer("What do people call it?", "")
        said.answer("Is this its host key?", "yes")
        said.answer("Which account at the server? [andi]", "")
        said.wait("How to log in?")
        assert "accepts none of our keys or passwords" in said.said
        assert "(tried: password" not in said.said
        said.answer("How to log in?", "password")
        said.answer("Password of andi", PASSWORD)
        said.wait("Which key is to log in")
        line.cut()
        said.answer("Which key is to log in", "new")
        said.wait("Which folders?")
        line.cut()
        said.answer("Which folders?", str(application))
        line.cut()
        said.wait("What of them is left out?")
        assert "tries again" not in said.said
        assert said.said.count("Password of andi") == 1


def test_without_a_terminal_one_line_says_so(empty: Site) -> None:
    said = empty.tuibackup("add", "127.0.0.1", stdin="siakad\n")
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.startswith(
        "tuibackup: this asks questions and needs a terminal; without one, write the server into"
    )


def test_a_server_is_changed_and_taken_out(site: Site, sshd: PrivateSshd, application: Path) -> None:
    """What the questions do not know stays, and so does every backup."""
    site.add("siakad", sshd, [application])
    text = site.config.read_text().replace('host = "127.0.0.1"', 'host = "127.0.0.1"  # rack 3')
    site.config.write_text(text)
    with talk(site, "edit", "siakad") as said:
        said.answer("What is to be done with siakad? [change]", "")
        said.answer(f"[127.0.0.1:{sshd.port}]", "")
        said.answer("What do people call it?", "Sistem")
        said.answer(f"Which account at the server? [{sshd.user}]", "")
        said.answer("How to log in? Or type the path of a private key [keep]", "")
        said.answer(f"Which folders? [{application}]", "")
        said.answer("What of them is left out?", "")
        said.answer("Which database server is backed up?", "no")
        said.answer("Write this into", "")
        said.answer("Back it up now?", "no", seconds=120)
        assert said.seat.wait() == 0
    assert site.config.read_text().replace('label = "Sistem"\n', "") == text
    with talk(site, "edit", "siakad") as said:
        said.answer("What is to be done with siakad?", "remove")
        said.answer("Take siakad out of the configuration? [no]", "")
        assert said.seat.wait() == 0
    assert "[servers.siakad]" in site.config.read_text()
    with talk(site, "edit", "siakad") as said:
        said.answer("What is to be done with siakad?", "remove")
        said.answer("Take siakad out of the configuration?", "yes")
        assert said.seat.wait() == 0
        assert f"stay in {site.vault}/siakad" in said.said
    assert "siakad" not in site.config.read_text()
    assert "taken out of the configuration" in site.tuibackup("log").out


@pytest.mark.long
def test_a_file_that_cannot_be_written_says_what_to_paste(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    """Somebody takes the name meanwhile: nothing is overwritten, and the lines are on the screen."""
    site.trust(sshd)
    words = (
        f"127.0.0.1:{sshd.port}",
        "--name",
        "siakad",
        "--label",
        "S",
        "--user",
        sshd.user,
        "--database",
        "no",
    )
    with talk(site, "add", *words, "--folder", str(application)) as said:
        said.answer("How to log in?", str(sshd.client_key))
        said.answer("What of them is left out?", "")
        said.wait("Write this into")
        by_hand = site.config.read_text() + '\n[servers.siakad]\nhost = "other"\nfolders = ["/srv"]\n'
        site.config.write_text(by_hand)
        said.answer("Write this into", "")
        said.wait("is there already; give it another name; the lines above are all that it needs")
        assert f'key = "{sshd.client_key}"' in said.said
        said.seat.send("\x03")
        assert said.seat.wait() == 130
    assert site.config.read_text() == by_hand
