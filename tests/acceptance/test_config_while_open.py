"""config.toml while the cockpit is open: it is read again, and that is said."""

from pathlib import Path

from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd


def test_a_changed_configuration_is_read_again_and_said(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    with Terminal([str(TUIBACKUP)], site.environment(), cwd=site.home, columns=120) as seat:
        seat.wait_for("siakad", "never")
        site.add("lms", sshd, [application])
        seat.wait_for("config.toml was read again: new: lms", "2 servers")
        whole = site.config.read_text()
        site.config.write_text(whole + "[servers.x\n")
        seat.wait_for(f"× config.toml:{len(whole.splitlines()) + 1}: ", "lms")
        site.config.write_text(whole)
        seat.wait_for("config.toml was read again", "2 never")
        seat.send("b")
        seat.wait_for("Back up 1 server")
        gone = "lms" if "<x> lms" in seat.text else "siakad"
        del site.servers[gone]
        site.write_config()
        seat.wait_for(f"gone: {gone}")
        seat.send("\r")
        shown = seat.wait_for("The runs could not be started")
        assert (
            f"{gone} is not in" in shown or f"{gone} was changed in" in shown
        )  # whichever was noticed first
    assert site.journals == []
