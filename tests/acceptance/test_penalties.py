"""OpenSSH from 9.8 on refuses for a while who failed to log in, or hung up before: that is waited out, and said.

A played server refuses as such an sshd does; a real one (scripts/fetch-sshd, or TUIBACKUP_SSHD) is asked where it is.
"""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.refusing import Refusing
from tests.remote.conftest import make_key
from tuibackup.demo import sshd as demo_sshd
from tuibackup.demo.sshd import PrivateSshd

FETCHED = Path(__file__).parents[2] / ".cache/sshd/sshd"


def reached_through(site: Site, refusing: Refusing, sshd: PrivateSshd, application: Path) -> None:
    """Configure `sshd` behind `refusing`."""
    site.add("siakad", sshd, [application], trusted=False)
    site.servers["siakad"] = site.servers["siakad"].replace(f"port = {sshd.port}", f"port = {refusing.port}")
    site.write_config()
    key = sshd.known_hosts_lines[0].split(" ", 1)[1]
    (site.home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{refusing.port} {key}\n")


def test_a_run_waits_until_it_is_let_in_and_says_so(site: Site, sshd: PrivateSshd, application: Path) -> None:
    with Refusing(sshd, 1) as refusing:
        reached_through(site, refusing, sshd, application)
        said = site.tuibackup("run", "siakad", "--json")
        assert said.finished["outcome"] == "done", said.out
        assert refusing.connections == 2
    notes = [event["text"] for event in said.events if event["event"] == "run-note"]
    where = f"127.0.0.1 port {refusing.port}"
    assert any(
        note.startswith(f"{where}: refuses new logins for the moment (Not allowed at this time)")
        for note in notes
    ), notes
    assert any(re.fullmatch(rf"{where}: connected after 0:\d\d, refused once", note) for note in notes), notes
    recorded = site.tuibackup("log", "--json").out
    assert re.search(rf"{where} refused us for 0:\d\d", recorded), (
        "the record says why connecting took that long"
    )


@pytest.mark.long
def test_check_says_it_while_it_waits(site: Site, sshd: PrivateSshd, application: Path) -> None:
    with Refusing(sshd, 1, b"Exceeded MaxStartups\r\n") as refusing:
        reached_through(site, refusing, sshd, application)
        said = site.tuibackup("check", "siakad", "--json")
    found = [(one["check"], one["state"], one["detail"]) for one in said.json if one["server"]]
    assert found[0][:2] == ("SSH", "warning")
    assert "refuses new logins for the moment (Exceeded MaxStartups)" in found[0][2]
    assert ("connection", "ok") in [one[:2] for one in found]


def test_a_server_that_closes_without_a_word_is_tried_again(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    with Refusing(sshd, 1, b"") as refusing:
        reached_through(site, refusing, sshd, application)
        said = site.tuibackup("run", "siakad", "--json")
        assert said.finished["outcome"] == "done", said.out


@pytest.mark.long
def test_the_wait_ends_with_the_standard_and_the_error_has_the_servers_words(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.settings = '[sop]\nconnect_within = "7 seconds"\n'
    with Refusing(sshd, 1000) as refusing:
        reached_through(site, refusing, sshd, application)
        began = time.monotonic()
        said = site.tuibackup("run", "siakad", "--json")
    assert time.monotonic() - began < 60
    assert said.finished["outcome"] == "failed"
    assert 'refuses new logins for the moment: "Not allowed at this time"; tried ' in said.finished["error"]
    assert "PerSourcePenalties" in said.finished["error"]


@pytest.mark.long
def test_one_answer_is_one_connection(site: Site, sshd: PrivateSshd, application: Path) -> None:
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", sshd.host_keys[0].with_suffix(".pub")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[1]
    with Refusing(sshd, 0) as refusing:
        reached_through(site, refusing, sshd, application)
        known = (site.home / ".ssh/known_hosts").read_text()
        (site.home / ".ssh/known_hosts").unlink()

        def connections(*words: str) -> tuple[int, Said]:
            before = refusing.connections
            said = site.tuibackup(*words)
            return refusing.connections - before, said

        assert connections("check", "siakad")[0] == 1, "an unknown key"
        number, said = connections("trust", "siakad", "--fingerprint", fingerprint)
        assert (number, said.code) == (1, 0), said.out + said.err
        assert connections("trust", "siakad")[0] == 1, "a key that is known"
        assert connections("check", "siakad")[0] == 1
        assert connections("run", "siakad")[0] == 1
        (site.home / ".ssh/known_hosts").write_text(known.replace("AAAA", "AAAB"))
        other = make_key(site.folder / "other")
        site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(other))
        site.write_config()
        (site.home / ".ssh/known_hosts").write_text(known)
        assert connections("check", "siakad")[0] == 1, "a wrong key"
        assert connections("run", "siakad")[0] == 1, "a wrong key"


@pytest.fixture
def severe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateSshd]:
    """A real sshd that punishes, quickly: its penalties begin at once and are short."""
    if not FETCHED.exists() and not demo_sshd.punishes():
        pytest.skip("this sshd punishes nobody (OpenSSH before 9.8): scripts/fetch-sshd, or TUIBACKUP_SSHD")
    if not demo_sshd.punishes():
        monkeypatch.setattr(demo_sshd, "SSHD", FETCHED)
    config = ["PerSourcePenalties authfail:8s noauth:8s min:4s max:9s", "LogLevel VERBOSE"]
    with PrivateSshd(tmp_path / "severe", config=config) as server:
        yield server


@pytest.mark.long
def test_a_real_sshd_that_punishes(site: Site, severe: PrivateSshd, application: Path) -> None:
    site.add("siakad", severe, [application])
    other = make_key(site.folder / "other")
    right = site.servers["siakad"]
    site.servers["siakad"] = right.replace(str(severe.client_key), str(other))
    site.write_config()
    refused = site.tuibackup("run", "siakad", "--json")
    assert "accepts none of our keys" in refused.finished["error"]
    site.servers["siakad"] = right
    site.write_config()
    said = site.tuibackup("run", "siakad", "--json")
    assert said.finished["outcome"] == "done", said.out
    assert "Not allowed at this time" in said.out
    assert "drop connection" in severe.log.read_text()
