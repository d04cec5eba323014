"""Why a message could not be sent, without the secrets that the words of others may repeat."""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from tuibackup.errors import TuibackupError
from tuibackup.text import printable, shorten

HIDDEN = "***"
_SHORTEST = 4  # characters of a part of an address that may be a token
_WIDTH = 300  # cells of what a server says


class SendError(TuibackupError):
    """A message was not taken, or the means to send it are not there."""


def hidden(text: object, secrets: Iterable[str]) -> str:
    """The words of a server or library in one bounded line, with `secrets` in no form that they may have taken on."""
    said = printable(str(text))
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        said = said.replace(form, HIDDEN)
    return shorten(said, _WIDTH)


def _forms(secret: str) -> Iterable[str]:
    yield from (secret, printable(secret), quote(secret), quote(secret, safe=""), unquote(secret))
    yield base64.b64encode(secret.encode("utf-8", "surrogateescape")).decode()


def parts_of(url: str) -> tuple[str, ...]:
    """Everything in an address that may be a secret: all but scheme, host and port."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return (url,)
    account, _at, _place = parts.netloc.rpartition("@")
    rest = "/".join((parts.path, parts.query, parts.fragment))
    pieces = [*re.split(r"[/?&=;,#]", rest), *account.split(":")]
    return (url, parts.path, parts.query, account, *(piece for piece in pieces if len(piece) >= _SHORTEST))


def place_of(url: str) -> str:
    """An address as it may be shown: scheme, host and port."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return printable(f"{parts.scheme}://{parts.hostname or '?'}{port}")
    except ValueError:
        return "?"
