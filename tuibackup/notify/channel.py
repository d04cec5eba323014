"""The ways on which messages go, as the configuration names them."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from tuibackup.config.notify import NotifySettings, web_address
from tuibackup.notify.errors import SendError, place_of
from tuibackup.notify.message import Message
from tuibackup.run.passwords import SecretError, read_private
from tuibackup.words import sentence


class Channel(Protocol):
    """One way. `key` stands for it in the queue, `name` for people; neither holds a secret."""

    key: str
    name: str

    def send(self, message: Message) -> str:
        """Send it; what is to be known all the same, "" for nothing. Raises SendError. May take long."""

    def look(self) -> str:
        """Try what can be tried without sending anything; what was found. Raises SendError. May take long."""


class Broken:
    """A way whose file of addresses cannot be used."""

    def __init__(self, name: str, error: SendError) -> None:
        self.key = self.name = name
        self._error = error

    def send(self, _message: Message) -> str:
        raise self._error

    def look(self) -> str:
        raise self._error


def channels(settings: NotifySettings) -> list[Channel]:
    """All ways, in the order of the configuration. What is wrong with one is told by its `send`."""
    return list(_channels(settings))


def _channels(settings: NotifySettings) -> Iterator[Channel]:
    if settings.mail:
        from tuibackup.notify.mail import MailChannel

        yield MailChannel(settings.mail)
    for url in settings.post:
        yield _post(url)
    if settings.post_file:
        yield from _of_file("post_file", settings.post_file, _post)
    if settings.apprise_file:
        yield from _of_file("apprise_file", settings.apprise_file, _apprise)


def _of_file(name: str, path: Path, make: Callable[[str], Channel]) -> Iterator[Channel]:
    try:
        urls = addresses(name, path)
        yield from [make(url) for url in urls]
    except (SendError, SecretError) as error:
        yield Broken(name, SendError(error.message, error.way_out))


def addresses(name: str, path: Path) -> list[str]:
    """The addresses in a private file, one a line; empty lines and what begins with # are skipped.

    Raises SecretError, SendError; neither repeats one.
    """
    named = sentence("{name} {path}", name=name, path=path)
    try:
        lines = read_private(path, named).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SendError(sentence("{file} is not UTF-8 text", file=named)) from None
    found = [line.strip() for line in lines]
    urls = [line for line in found if line and not line.startswith("#")]
    if not urls:
        raise SendError(sentence("{file} holds no address", file=named), sentence("write one address a line"))
    return list(dict.fromkeys(urls))


def _post(url: str) -> Channel:
    from tuibackup.notify.post import PostChannel

    try:
        web_address(url)
    except ValueError as error:
        raise SendError(
            sentence("a line of post_file {problem}", problem=error.args[0]),
            sentence("write the whole address, one a line"),
        ) from None
    return PostChannel(url, f"post {place_of(url)} {short_sum(url)}")


def _apprise(url: str) -> Channel:
    from tuibackup.notify.by_apprise import AppriseChannel

    return AppriseChannel(url, f"apprise {url.partition(':')[0]} {short_sum(url)}")


def short_sum(secret: str) -> str:
    """Tells two addresses apart; too short to guess one by."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()[:6]
