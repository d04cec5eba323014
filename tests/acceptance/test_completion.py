"""Tab completes the command line, in the shells themselves."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.silent import silent
from tests.terminal import Terminal
from tuibackup.cli.main import COMMANDS
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture
def siakad(site: Site) -> Site:
    """Configured servers that nothing listens for; snapshots are names of folders."""
    for name in ("siakad", "simpeg"):
        site.servers[name] = f'[servers.{name}]\nhost = "127.0.0.1"\nport = 9\nfolders = ["/srv"]\n'
    site.servers["copy"] = f'[copies.kampus2]\nto = "{site.folder}/copy"\n'
    site.write_config()
    return site


def path(site: Site) -> dict[str, str]:
    return {"PATH": f"{TUIBACKUP.parent}:{site.environment()['PATH']}"}


def fitting(site: Site, *words: str) -> list[str]:
    said = site.tuibackup("completion", "words", *(f"={word}" for word in words))
    assert (said.code, said.err) == (0, ""), said.err
    return said.out.splitlines()


def test_bash_completes_what_is_typed(siakad: Site) -> None:
    argv = ["bash", "--norc", "--noprofile", "-i"]
    with Terminal(argv, siakad.environment(path(siakad)), cwd=siakad.home) as shell:
        shell.send(
            'PS1=; bind "set bell-style none"; eval "$(tuibackup completion bash)"; echo ready$((1))\n'
        )
        shell.wait_for("ready1")
        shell.send("tuibackup stat\t--lo\t")
        shell.wait_for("tuibackup status --long")
        shell.send("\x15tuibackup run --ov\t")
        shell.wait_for("tuibackup run --overdue")
        shell.send("\x15tuibackup restore --existing=ch\t")
        shell.wait_for("--existing=changed")


def test_what_fits_is_what_the_commands_take(siakad: Site) -> None:
    assert fitting(siakad, "") == list(COMMANDS)
    for words, expected in (
        (["run", "si"], ["siakad", "simpeg"]),
        (["--config", str(siakad.config), "run", "siakad", "--only", ""], ["files", "databases"]),
        (["restore", "--existing=ch"], ["--existing=changed"]),
        (["copy", "--to", ""], ["kampus2"]),
    ):
        assert fitting(siakad, *words) == expected, words


@pytest.mark.long
def test_it_says_what_there_is_and_no_more(siakad: Site, sshd: PrivateSshd, application: Path) -> None:
    siakad.add("siakad", sshd, [application])
    assert siakad.tuibackup("run", "siakad").code == 0
    [one] = siakad.snapshots("siakad", "files")
    for words, expected in (
        (["ls", ""], ["siakad/"]),
        (["ls", "siakad/"], ["siakad/files/"]),
        (["ls", "siakad/files/"], ["siakad/files/latest", f"siakad/files/{one.name}"]),
        (["ls", "siakad/files/2"], [f"siakad/files/{one.name}"]),
        (["ls", "other/"], []),
        (["ls", "../"], []),
        (["verify", "si"], ["siakad", "simpeg", "siakad/"]),
        (["restore", "x", "--existing", "=", "ne"], ["never"]),  # as bash takes it apart
        (["restore", "--to", ""], [":files"]),
        (["ledger", ""], ["verify", "export", "seal"]),
        (["nonsense", ""], []),
        (["run", "--json", "--js"], []),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["log", "--kind", "x", "--since", ""], []),
    ):
        assert fitting(siakad, *words) == expected, words
    for command in COMMANDS:
        helped = siakad.tuibackup(command, "--help").out
        offered = [word for word in fitting(siakad, command, "--") if word != "--help"]
        assert offered, command
        assert [word for word in offered if word not in helped] == [], command
    with silent(siakad.vault):
        assert fitting(siakad, "verify", "si") == ["siakad", "simpeg"]
    siakad.config.write_text("[[[")
    assert fitting(siakad, "run", "si") == []
    assert fitting(siakad, "run", "--al") == ["--all"]


@pytest.mark.long
def test_fish_completes_too(siakad: Site) -> None:
    script = siakad.home / "tuibackup.fish"
    script.write_text(siakad.tuibackup("completion", "fish").out)
    (siakad.home / "a file").touch()

    def completed(line: str) -> list[str]:
        words = ["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"]
        env = siakad.environment(path(siakad))
        done = subprocess.run(words, env=env, cwd=siakad.home, capture_output=True, text=True, check=True)
        return sorted(line.split("\t")[0] for line in done.stdout.splitlines())

    assert completed("tuibackup sta") == ["status"]
    assert completed("tuibackup run si") == ["siakad", "simpeg"]
    assert completed("tuibackup run ") == ["siakad", "simpeg"]
    assert completed("tuibackup status --lo") == ["--long"]
    assert "--due" in completed("tuibackup run --")
    assert completed("tuibackup restore --existing=ch") == ["--existing=changed"]
    assert any("file" in one for one in completed("tuibackup --config a"))


def test_another_shell_is_refused_in_one_line(site: Site) -> None:
    said = site.tuibackup("completion", "tcsh")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "say bash, zsh or fish" in said.err
