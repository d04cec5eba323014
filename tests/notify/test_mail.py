"""What a mail server may do at each step, on a real one of this machine: one sentence each, no secret, an end."""

import smtplib
from pathlib import Path

import pytest

from tests.database.certificate import tls_options
from tests.receivers import MailServer
from tuibackup.config.notify import Mail
from tuibackup.notify import mail as by_mail
from tuibackup.notify.errors import SendError
from tuibackup.notify.message import message

PASSWORD = "pl4nted-S3cret"
HOSTILE = "siakad\r\nBcc: thief@example.com\r\n\r\n<b>\x00\x1b[31m \u202egnp 日本語 " + "x" * 5000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    tls_options(folder, "localhost")
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(0o600)
    return path


def channel(server: MailServer, **more: object) -> by_mail.MailChannel:
    known: dict[str, object] = {
        "to": ("it@example.ac.id",), "host": "localhost", "port": server.port, "sender": "tuibackup@jump01", **more,
    }  # fmt: skip
    return by_mail.MailChannel(Mail(**known))  # type: ignore[arg-type]


def refused(way: by_mail.MailChannel) -> str:
    with pytest.raises(SendError) as raised:
        way.send(message("a subject", ["a line"], {}))
    told = str(raised.value)
    assert PASSWORD not in told
    assert "\n" not in told
    return told


def test_what_a_name_or_a_subject_holds_makes_no_header_of_its_own() -> None:
    with MailServer() as server:
        channel(server).send(message(HOSTILE, [HOSTILE, "second line"], {"lines": []}))
        (mail,) = server.mails
    assert mail["Bcc"] is None
    assert sorted(mail.keys()) == sorted(
        ["Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
         "Content-Transfer-Encoding"]
    )  # fmt: skip
    assert mail["Subject"].startswith("siakad\\x0d\\x0aBcc: thief@example.com\\x0d\\x0a")
    assert len(mail["Subject"]) <= 200
    assert "日本語" in mail.get_content()
    assert "\x00" not in mail.get_content()


@pytest.mark.parametrize("stage", ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "END"])
def test_a_server_that_falls_silent_at_any_stage_is_given_up(
    stage: str, certificate: tuple[str, str], password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_mail, "SECONDS", 0.2)
    with MailServer(account=("it", PASSWORD), tls=certificate, hangs=stage) as server:
        way = channel(server, user="it", password_file=password, ca_file=Path(certificate[0]))
        assert refused(way) == f"localhost:{server.port} did not answer within 0 s"
        assert not server.mails


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"EHLO": ["421 4.3.2 shutting down"] * 2, "HELO": ["421 4.3.2 shutting down"]}, "refused: 421 4.3.2 shutting"),
        ({"STARTTLS": ["454 4.7.0 no TLS just now"]}, "refused: 454 4.7.0 no TLS just now"),
        ({"AUTH": ["535 5.7.8 no", "535 5.7.8 no"]}, "does not let it in: 535 5.7.8 no"),
        ({"AUTH": [f"535 5.7.8 not {PASSWORD}"] * 2}, "does not let it in: 535 5.7.8 not ***"),
        ({"MAIL": ["550 5.7.1 who are you"]}, "refused: 550 5.7.1 who are you"),
        ({"RCPT": ["450 4.7.1 come again later"]}, "refused all who were to get it; it@example.ac.id: 450 4.7.1 come"),
        ({"DATA": ["554 5.5.1 no"]}, "refused: 554 5.5.1 no"),
        ({"END": ["552 5.3.4 too big\x1b[31m"]}, "refused: 552 5.3.4 too big\\x1b[31m"),
    ],
)  # fmt: skip
def test_what_the_server_says_is_told_in_one_sentence(
    says: dict[str, list[str]], told: str, certificate: tuple[str, str], password: Path
) -> None:
    with MailServer(account=("it", PASSWORD), tls=certificate, says=says) as server:
        way = channel(server, user="it", password_file=password, ca_file=Path(certificate[0]))
        assert told in refused(way)


def test_one_of_two_who_is_refused_does_not_keep_the_mail_from_the_other() -> None:
    with MailServer(says={"RCPT": ["550 5.1.1 gone"]}) as server:
        said = channel(server, to=("gone@example.ac.id", "it@example.ac.id")).send(message("s", ["t"], {}))
        assert len(server.mails) == 1
    assert said.endswith("refused some who were to get it: gone@example.ac.id: 550 5.1.1 gone")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"tls": "starttls"}, "offers no encryption (STARTTLS)"),
        ({"tls": "tls"}, "no encrypted line to localhost:"),
        ({"to": ("админ@example.ac.id",)}, "could not be used: "),
    ],
)
def test_what_the_server_cannot_do_is_told_with_the_way_out(more: dict[str, object], told: str) -> None:
    with MailServer() as server:
        assert told in refused(channel(server, **more))


def test_no_word_of_the_conversation_goes_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    with MailServer() as server:
        channel(server).send(message("s", ["t"], {}))
    assert capfd.readouterr() == ("", "")
    assert smtplib.SMTP.debuglevel == 0
