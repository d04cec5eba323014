"""Real services of Apprise, of several kinds, to receivers of this machine: they get the message, and nobody else the
address, whatever Apprise has to say about it.
"""

import logging
from collections.abc import Iterator

import pytest

from tests.receivers import MailServer, WebServer
from tuibackup.notify.by_apprise import AppriseChannel
from tuibackup.notify.errors import SendError
from tuibackup.notify.message import message

TOKEN = "pl4ntedS3cretT0ken"
HOSTILE = message("siakad\r\nX-Evil: 1 <b>日本語</b>", ["<script>1 & 2</script>", "x" * 50_000], {})


@pytest.fixture
def overheard(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Everything that is logged or printed, at any level; the token is nowhere in it."""
    logging.getLogger().setLevel(1)
    yield
    printed = capfd.readouterr()
    assert TOKEN not in printed.out + printed.err + caplog.text


def way(url: str) -> AppriseChannel:
    found = AppriseChannel(url, "apprise")
    assert TOKEN not in found.name
    return found


@pytest.mark.usefixtures("overheard")
def test_mail_through_apprise_comes_as_it_was_written() -> None:
    with MailServer() as server:
        place = f"localhost:{server.port}"
        way(f"mailto://{place}?from=tuibackup@example.ac.id&to=it@example.ac.id&name={TOKEN}").send(HOSTILE)
        (mail,) = server.mails
    assert mail["X-Evil"] is None
    assert "日本語" in mail["Subject"]
    assert "<script>1 & 2</script>" in mail.get_content()


@pytest.mark.usefixtures("overheard")
@pytest.mark.parametrize("kind", ["json", "form", "xml", "ntfy", "mmost", "rocket"])
def test_services_of_the_web_get_it_or_one_sentence_tells(kind: str) -> None:
    with WebServer() as server:
        url = {
            "json": f"json://it:{TOKEN}@localhost:{server.port}/{TOKEN}",
            "form": f"form://localhost:{server.port}/hook/{TOKEN}",
            "xml": f"xml://localhost:{server.port}/{TOKEN}",
            "ntfy": f"ntfy://it:{TOKEN}@localhost:{server.port}/backups",
            "mmost": f"mmost://localhost:{server.port}/{TOKEN}{TOKEN}",
            "rocket": f"rocket://webhook{TOKEN}/{TOKEN}@localhost:{server.port}/#backups?mode=webhook",
        }[kind]
        if kind != "rocket":
            way(url).send(HOSTILE)
            assert len(server.asked) >= 1
        server.fault = "500"
        with pytest.raises(SendError) as raised:
            way(url).send(HOSTILE)
    told = str(raised.value)
    assert TOKEN not in told
    assert "\n" not in told


@pytest.mark.usefixtures("overheard")
def test_what_apprise_does_not_understand_or_reach_is_one_sentence() -> None:
    for url in (
        f"nothing://{TOKEN}",
        f"tgram://{TOKEN}",
        "json://",
        f"json://127.0.0.1:1/{TOKEN}",
        "mailto://",
    ):
        with pytest.raises(SendError) as raised:
            way(url).send(HOSTILE)
        assert TOKEN not in str(raised.value)
        assert "\n" not in str(raised.value)
