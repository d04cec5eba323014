"""The cockpit where something around it is not as it should be: the configuration, the terminal."""

from pathlib import Path

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd


def open_cockpit(site: Site, **env: str) -> Terminal:
    return Terminal([str(TUIBACKUP)], site.environment(env), cwd=site.home)


def test_a_configuration_that_is_broken_while_the_cockpit_is_open_is_told_line_by_line(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    with open_cockpit(site) as seat:
        seat.wait_for("siakad was never backed up")
        site.config.write_text(site.config.read_text() + "[servers.x\nhost = yes\n")
        seat.send("b")
        seat.wait_for("enter start")
        seat.send("\r")
        seat.wait_for("The runs could not be started", "host: yes is no value")
        seat.settle()
        top = next(row for row, line in enumerate(seat.lines) if "The runs could not" in line)
        bottom = next(row for row, line in enumerate(seat.lines) if line.startswith("└"))
        inside = seat.lines[top + 1 : bottom]
        assert all(line.startswith("│") and line.endswith("│") for line in inside), seat.text
        assert not any("─" in line for line in inside), seat.text


def test_a_terminal_that_cannot_show_the_cockpit_is_told(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    with open_cockpit(site, TERM="dumb") as seat:
        assert seat.wait() == 2
        assert "TERM=dumb" in seat.text
        assert "tuibackup status" in seat.text
        assert b"\x1b" not in seat.raw
    with open_cockpit(site, PYTHONIOENCODING="ascii") as seat:
        seat.wait_for("o 1 never", "- 1 SERVERS ---")
        assert "\\u" not in seat.text
