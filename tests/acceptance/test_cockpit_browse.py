"""Browsing while the list has not come yet, and while the backup disk is silent."""

import pytest

from tests.acceptance.resumed import random_files
from tests.acceptance.site import TUIBACKUP, Site
from tests.silent import silent
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

pytestmark = pytest.mark.long


@pytest.fixture
def siakad(site: Site, sshd: PrivateSshd) -> Site:
    top = site.folder / "srv"
    random_files(top, 20, 100, "nilai")
    random_files(top, 3, 100, "KRS")
    site.add("siakad", sshd, [top])
    assert site.tuibackup("run", "siakad").code == 0
    return site


def cockpit(site: Site) -> Terminal:
    return Terminal([str(TUIBACKUP)], site.environment(), columns=100, rows=30, cwd=site.home)


def test_keys_typed_ahead_act_on_what_they_were_meant_for(siakad: Site) -> None:
    """All at once, as on a slow line: each waits for the list that the one before it opens."""
    with cockpit(siakad) as seat:
        seat.wait_for("siakad", "fresh")
        seat.send("r\r\rj ")
        seat.wait_for("1 marked", "* KRS-0001")
        seat.send("/krs\rjj ")
        seat.wait_for("3 found", "2 marked", "* /")
        seat.send("p")
        seat.send("\x1b\x1b")  # closes the preview, and what was found
        seat.wait_for("nilai-0000", "2 marked")
        seat.send("R")
        seat.wait_for("where to?")
        seat.send("\x15" + f"{siakad.folder}/back\rR")
        seat.wait_for("√ restore", "done")
        seat.send("q")
        assert seat.wait() == 0
    assert len(list((siakad.folder / "back").rglob("KRS-*"))) == 2


def test_a_silent_disk_keeps_no_key_while_one_browses(siakad: Site) -> None:
    """Each look at the disk ends after five seconds with one line; esc does without it at once; q leaves."""
    with cockpit(siakad) as seat:
        seat.wait_for("siakad", "fresh")
        seat.send("r\r\r")
        seat.wait_for("nilai-0000")
        with silent(siakad.vault):
            seat.send("p")
            seat.wait_for("esc does without it")
            seat.send("\x1b")
            seat.wait_for("nilai-0000", "preview")
            seat.send("j<")
            seat.wait_for("the backup disk does not answer; find out why it hangs", seconds=30)
            seat.send("\x1b\x1b\x1b")
            seat.wait_for("back up")
            for key in "rKR":
                seat.send(key)
                seat.wait_for("the backup disk does not answer; find out why it hangs", seconds=30)
                seat.send("\x1b")
                seat.wait_for("back up")
            seat.send("q")
            assert seat.wait() == 0, "the process ends, whoever hangs"
