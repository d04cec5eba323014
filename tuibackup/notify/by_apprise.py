"""Messages through Apprise, the extra `notify`: Telegram, WhatsApp gateways, ntfy and a hundred others.

Apprise writes whole addresses into its log, tokens included, so nobody gets to read that log; what is told is made of
the number in it alone.
"""

import logging
import re
from typing import Any

from tuibackup.notify.errors import SendError
from tuibackup.notify.message import Message
from tuibackup.text import printable, shorten
from tuibackup.words import sentence

_LOGS = {"apprise": True, "urllib3": False}  # both name whole addresses; whether the status is taken from it
_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")


class AppriseChannel:
    """One URL of Apprise."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self.key = key
        self.name = f"Apprise {shorten(printable(url.partition(':')[0]), 20)}"

    def send(self, message: Message) -> str:
        import apprise

        overheard = _Overheard()
        service = self._service(overheard)
        # TEXT, because services take `<…>` for markup and drop it where nothing is said
        done = service.notify(body=message.text, title=message.subject, body_format=apprise.NotifyFormat.TEXT)
        if not done:
            raise SendError(overheard.reason(self.name))
        return ""

    def look(self) -> str:
        self._service(_Overheard())
        return sentence("not tried; {command} sends something", command="tuibackup notify --test")

    def _service(self, overheard: "_Overheard") -> Any:
        """Apprise with this one service, and nobody who reads its log."""
        for name, listens in _LOGS.items():
            logger = logging.getLogger(name)
            logger.handlers = [overheard if listens else logging.NullHandler()]
            logger.propagate = False
            logger.setLevel(logging.WARNING)
        try:
            import apprise
        except ImportError:
            raise SendError(
                sentence("Apprise is not installed"), sentence("pip install 'tuibackup[notify]'")
            ) from None
        asset = apprise.AppriseAsset(
            async_mode=False, http_redirects=False, storage_mode=apprise.PersistentStoreMode.MEMORY
        )
        service = apprise.Apprise(asset=asset)
        if not service.add(self._url):
            raise SendError(
                sentence("{name}: Apprise does not understand this line of apprise_file", name=self.name),
                sentence("https://appriseit.com tells how the address of each service is written"),
            )
        for plugin in service:
            plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
        return service


class _Overheard(logging.Handler):
    """Remembers the last status that a web server answered, and nothing else of what Apprise logs."""

    def __init__(self) -> None:
        super().__init__()
        self._status = ""

    def emit(self, record: logging.LogRecord) -> None:
        if found := _STATUS.findall(record.getMessage()):
            self._status = found[-1]

    def reason(self, name: str) -> str:
        if self._status:
            return sentence("{name}: the service answered {status}", name=name, status=self._status)
        return sentence("{name}: the service could not be reached, or refused", name=name)
