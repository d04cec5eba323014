"""Messages as JSON by POST. docs/json.md has the shape; chat services that want a `text` find one."""

import json
import socket

from tuibackup import __version__
from tuibackup.notify.errors import place_of
from tuibackup.notify.message import Message
from tuibackup.notify.web import ask
from tuibackup.words import sentence


class PostChannel:
    """One address."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self.key = key
        self.name = f"POST {place_of(url)}"

    def send(self, message: Message) -> str:
        document = {
            "tuibackup": __version__,
            "host": socket.gethostname(),
            "subject": message.subject,
            "text": f"{message.subject}\n\n{message.text}",
            **message.document,
        }
        ask(self._url, json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace"))
        return ""

    def look(self) -> str:
        return sentence("not tried; {command} sends something", command="tuibackup notify --test")
