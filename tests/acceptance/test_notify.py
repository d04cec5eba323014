"""`[notify]`: who is told what and when, on real receivers of this machine, and what happens when these misbehave."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.database.certificate import tls_options
from tests.receivers import MailServer, WebServer, until
from tuibackup.demo.sshd import PrivateSshd

PLANTED = "pl4nted-S3cret-t0ken"


@pytest.fixture
def down(tmp_path: Path) -> Iterator[PrivateSshd]:
    """A server that is down, until it is started."""
    sshd = PrivateSshd(tmp_path / "down").start()
    sshd.stop()
    yield sshd
    sshd.stop()


def mail_to(server: MailServer, more: str = "") -> str:
    place = f'from = "tuibackup@jump01", server = "127.0.0.1:{server.port}"'
    return f'mail = {{ to = ["it@example.ac.id"], {place}{more} }}'


def private(site: Site, name: str, text: str) -> Path:
    path = site.folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def tellers(site: Site) -> list[Path]:
    """The processes that tell somebody something for this site."""
    found = ((pid, _command(pid)) for pid in Path("/proc").glob("[0-9]*"))
    return [pid for pid, words in found if str(site.config) in words and "notify.process" in words]


def settled(site: Site) -> None:
    """Wait until nobody of this site tells anybody anything any more."""
    until(lambda: not tellers(site))


def _command(pid: Path) -> str:
    try:
        return (pid / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.long
def test_a_request_of_many_servers_is_one_message_then_silence_then_well_again(
    site: Site, sshd: PrivateSshd, down: PrivateSshd, application: Path
) -> None:
    with MailServer() as mail, WebServer() as web:
        site.settings = (
            '[sop]\nconnect_within = "1 second"\n[notify]\n'
            f'{mail_to(mail)}\npost = ["{web.url("/hook")}"]\n'
            f'heartbeat_file = "{private(site, "heartbeat", web.url("/beat"))}"\n'
            f'metrics = "{site.folder}/tuibackup.prom"\n'
        )
        site.add("siakad", sshd, [application])
        for number in range(3):
            site.add(f"down{number}", down, [application])
        assert site.tuibackup("run", "--due").code == 1
        until(lambda: mail.mails and web.posted and any("beat" in one for one in web.asked))
        settled(site)
        (subject,) = mail.subjects
        assert subject.endswith("3 failed: down0, down1, down2")
        text = mail.mails[0].get_content()
        assert "4 backups ended: 1 done, 3 failed" in text
        assert "× down1: the backup of " in text
        (posted,) = web.posted
        assert posted["event"] == "news"
        assert posted["counts"]["failed"] == 3
        assert [line["server"] for line in posted["lines"]] == ["down0", "down1", "down2"]
        assert (site.folder / "tuibackup.prom").stat().st_mode & 0o777 == 0o644
        assert 'tuibackup_last_run_failed{server="down0"} 1' in (site.folder / "tuibackup.prom").read_text()

        # The same fault again is no news.
        assert site.tuibackup("run", "down0", "down1", "down2").code == 1
        settled(site)
        assert len(mail.mails) == len(web.posted) == 1
        said = site.tuibackup("notify")
        assert (said.code, len(mail.mails)) == (0, 1)

        down.start()
        assert site.tuibackup("run", "down0", "down1").code == 0
        until(lambda: len(mail.mails) == 2)
        settled(site)
        assert mail.subjects[1].endswith("2 well again: down0, down1")
        assert "√ down0: well again (was: the backup of " in mail.mails[1].get_content()

        summary = site.tuibackup("notify", "--summary")
        assert summary.code == 0
        assert "summary: 4 servers, 1 never backed up, 1 failed, " in mail.subjects[-1]
        assert "× down2: the backup of " in mail.mails[-1].get_content()
        assert len(mail.mails) == 3


def test_what_cannot_be_sent_waits_and_comes_as_one_message(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    with MailServer() as first:
        port = first.port
    gone = application / "later"
    site.settings = f'language = "id"\n[notify]\non = "all"\n{mail_to(first)}'
    site.add("siakad", sshd, [application / "uploads", gone])
    assert site.tuibackup("run", "siakad").code == 3, "the mail server that is down changes nothing"
    queue = site.state / "notify/queue.json"
    until(lambda: queue.exists() and "Connection refused" in queue.read_text())
    assert queue.stat().st_mode & 0o777 == 0o600
    for process in tellers(site):
        os.kill(int(process.name), signal.SIGKILL)
    assert json.loads(queue.read_text())["ways"]["mail"]["waiting"], "it survives"
    assert "▲ surel lewat 127.0.0.1:" in site.tuibackup("status").out
    assert site.tuibackup("status", "--json").json["messages"][0]["waiting"] == 1
    gone.mkdir()
    (gone / "file").touch()
    assert site.tuibackup("run", "siakad").code == 0
    with MailServer(port_=port) as mail:
        until(lambda: site.tuibackup("notify").code == 0 and mail.mails)
        (message,) = mail.mails
        assert message["Subject"].endswith("1 pulih, 1 selesai: siakad")
        assert "√ siakad: pulih (tadinya: backup " in message.get_content()
        assert site.tuibackup("notify").out == "tidak ada yang perlu dikabarkan\n"
        assert len(mail.mails) == 1


@pytest.mark.long
def test_every_fault_of_a_receiver_is_told_without_any_secret(site: Site, tmp_path: Path) -> None:
    tls_options(tmp_path / "tls", "localhost")
    certificate = str(tmp_path / "tls/cert.pem"), str(tmp_path / "tls/key.pem")
    password = private(site, "password", f"{PLANTED}\n")
    login = f', user = "it", password_file = "{password}"'
    said = []

    def test(mail: str = "", **files: str) -> tuple[int, str]:
        lines = [f'{name} = "{private(site, name, text)}"' for name, text in files.items()]
        site.settings = "\n".join(["[notify]", mail, *lines])
        site.write_config()
        one = site.tuibackup("notify", "--test")
        said.append(one.out + one.err)
        return one.code, (one.out + one.err).strip()

    def refused(what: str, mail: str = "", **files: str) -> None:
        code, told = test(mail, **files)
        assert code == 1, told
        assert what in told, told
        assert len(told.splitlines()) == 1, told

    with MailServer(account=("it", PLANTED), tls=certificate) as mail:
        refused("is not trusted: self-signed certificate", mail_to(mail, login))
        ours = f', tls = "starttls", ca_file = "{certificate[0]}"'
        refused("is not trusted: IP address mismatch", mail_to(mail, login + ours))
        by_name = mail_to(mail, login + ours).replace("127.0.0.1", "localhost")
        assert test(by_name) == (0, f"√ mail through localhost:{mail.port}: sent a test")
        assert mail.encrypted == [True]
        checked = " ".join(site.tuibackup("check").out.split())
        assert f"localhost:{mail.port} answers, and lets it in" in checked
        mail.account, mail.fault = ("it", "another"), "echo"
        refused("does not let it in: 535 5.7.8 wrong: *** or ***", by_name)
    with MailServer(account=("it", PLANTED)) as mail:
        refused("offers no encryption, and a password is not sent without it", mail_to(mail, login))
        assert test(mail_to(mail, login + ', tls = "none"'))[0] == 0
        password.chmod(0o640)
        refused("can be read by others; chmod 600", mail_to(mail, login + ', tls = "none"'))
    with MailServer(fault="reject") as mail:
        refused("refused all who were to get it; it@example.ac.id: 550 5.1.1 nobody", mail_to(mail))
        mail.fault = "drop"
        refused("hung up in the middle", mail_to(mail))
        mail.fault = ""
        two = mail_to(mail).replace('["', '["nobody@example.ac.id", "')
        assert "refused some who were to get it: nobody@example.ac.id: 550" in test(two)[1]
    refused("Connection refused", mail_to(mail))

    with WebServer() as web, WebServer() as other:
        url = web.url(f"/hooks/{PLANTED}?key={PLANTED}").replace("//", f"//it:{PLANTED}@")
        assert test(post_file=url, heartbeat_file=url) == (
            0,
            f"√ POST {web.url('')}: sent a test\n√ heartbeat: sent the heartbeat",
        )
        assert web.posted[0]["event"] == "test"
        assert web.headers[0]["Authorization"].startswith("Basic ")
        for fault, what in (
            ("500", "answered 500 Internal Server Error"),
            ("echo", "answered 403 no"),
            ("garbage", "did not answer as a web server does"),
            ("redirect", "answered 302 and names another address, at http://127.0.0.1:"),
        ):
            web.fault, web.target = fault, other.url(f"/{PLANTED}")
            refused(what, post_file=url)
        assert not other.asked, "a redirect would tell our news to somebody else"
        refused("a line of post_file is no address", post_file=f"hooks/{PLANTED}")
        apprise = f"json://it:{PLANTED}@127.0.0.1:{web.port}/{PLANTED}"
        refused("Apprise json: the service answered 302", apprise_file=apprise)
        web.fault = ""
        assert test(apprise_file=f"# ours\n\n{apprise}\n") == (0, "√ Apprise json: sent a test")
        assert web.posted[-1]["title"].endswith("] a test")
        refused("Apprise does not understand this line", apprise_file=f"nonsense://{PLANTED}")

    for text in (*said, *_everything_below(site.state)):
        assert PLANTED not in text


def _everything_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_text(errors="replace")
