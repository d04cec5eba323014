"""One request over HTTP: no redirect is followed, every wait has an end, and no error repeats the address."""

import base64
import http.client
import urllib.error
import urllib.request
from email.message import Message as Headers
from string import punctuation
from typing import IO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tuibackup import __version__
from tuibackup.notify.errors import SendError, hidden, parts_of, place_of
from tuibackup.words import sentence

_AS_THEY_ARE = punctuation  # of an address; what is not ASCII goes as %XX
SECONDS = 20.0  # of one wait; the whole is limited by `apart`


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Who redirects may send what we tell to anybody; the new address belongs into the configuration."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Headers,
        newurl: str,
    ) -> None:
        return None


def ask(url: str, body: bytes | None = None, kind: str = "application/json") -> None:
    """POST `body`, or GET; done when the answer's status is one of success. Raises SendError."""
    parts = urlsplit(url)
    account, _at, place = parts.netloc.rpartition("@")
    headers = {"User-Agent": f"tuibackup/{__version__}"}
    if body is not None:
        headers["Content-Type"] = kind
    if account:
        headers["Authorization"] = "Basic " + base64.b64encode(unquote(account).encode()).decode()
    secrets = (*parts_of(url), *(value for name, value in headers.items() if name == "Authorization"))
    path, query = (quote(one, safe=_AS_THEY_ARE) for one in (parts.path, parts.query))
    bare = urlunsplit((parts.scheme, place, path, query, ""))
    shown = place_of(url)
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        request = urllib.request.Request(bare, body, headers)  # noqa: S310 - http and https only: `web_address`
        with opener.open(request, timeout=SECONDS):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        if target := error.headers.get("Location"):
            raise SendError(
                sentence(
                    "{place} answered {status} and names another address, at {target}",
                    place=shown,
                    status=error.code,
                    target=hidden(place_of(target), secrets),
                ),
                sentence("no redirect is followed: put the address that is meant into the configuration"),
            ) from None
        said = hidden(error.reason, secrets)
        raise SendError(
            sentence("{place} answered {status} {said}", place=shown, status=str(error.code), said=said)
        ) from None
    except urllib.error.URLError as error:
        raise SendError(_why(shown, error.reason, secrets)) from None
    except http.client.HTTPException:
        raise SendError(sentence("{place} did not answer as a web server does", place=shown)) from None
    except (OSError, UnicodeError, ValueError) as error:
        raise SendError(_why(shown, error, secrets)) from None


def _why(shown: str, reason: object, secrets: tuple[str, ...]) -> str:
    if isinstance(reason, TimeoutError):
        return sentence("{place} did not answer within {seconds} s", place=shown, seconds=int(SECONDS))
    if isinstance(reason, OSError) and reason.strerror:
        reason = reason.strerror
    return sentence("{place} could not be reached: {error}", place=shown, error=hidden(reason, secrets))
