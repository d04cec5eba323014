"""S3 requests that the library does not make well enough: sending an object, and what concerns versions and locks.

AWS Signature Version 4 over the standard library. The library sends a body at once, under one limit of time for all of
it, and without the hash that a bucket with locks asks for. Here it goes piece by piece: a line may be as slow as it is,
one that carries nothing for a minute is given up, the bandwidth limit holds within an object, and the store compares
the hash (Content-MD5) before it takes anything.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import quote, urlsplit

from tuibackup.secret import Secret

SECONDS = 60.0  # that a line may carry nothing
PIECE = 64 << 10
_LONGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `text` is at most 64 KiB of it, names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Sums:
    """What a body is: its length, SHA-256 in hex, and MD5. Each is taken once."""

    length: int
    sha256: str
    md5: bytes

    @classmethod
    def of(cls, body: bytes | memoryview, sha256: str = "") -> Self:
        """Take them; `sha256` is known where it is not empty."""
        return cls(
            len(body),
            sha256 or hashlib.sha256(body).hexdigest(),
            hashlib.md5(body, usedforsecurity=False).digest(),
        )


class Signer:
    """Asks for what lies below `url`, signed with the key."""

    def __init__(self, url: str, region: str, key: Mapping[str, Secret]) -> None:
        self._url, self._region, self._key = url, region, key

    def ask(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        body: bytes | memoryview = b"",
        headers: Mapping[str, str] | None = None,
        sent: Callable[[int], object] = lambda count: None,
        sums: Sums | None = None,
    ) -> Answer:
        """Make the request about object `key`, "" for the bucket itself; `sent` is told of each piece of the body.

        `sums` of the body, where they are known.

        Raises OSError, http.client.HTTPException.
        """
        parts = urlsplit(self._url)
        path = quote(parts.path.rstrip("/") + "/" + key, safe="/-_.~")
        asked = "&".join(
            f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query)
        )
        headers = self._signed(method, parts.netloc, path, asked, sums or Sums.of(body), headers or {})
        connection = _connection(self._url)
        try:
            connection.putrequest(
                method, f"{path}?{asked}" if asked else path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            view = memoryview(body)
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError
            ):  # an answer may have come already
                for start in range(0, len(view), PIECE):
                    piece = view[start : start + PIECE]
                    connection.send(piece)
                    sent(len(piece))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read(_LONGEST).decode("utf-8", "replace"))
        finally:
            connection.close()

    def _signed(
        self, method: str, host: str, path: str, query: str, body: Sums, more: Mapping[str, str]
    ) -> dict[str, str]:
        """All headers of the request."""
        now = datetime.now(UTC)
        stamp, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        headers = {**more, "host": host, "x-amz-content-sha256": body.sha256, "x-amz-date": stamp}
        if method == "PUT":
            headers["content-length"] = str(body.length)
            headers["content-md5"] = base64.b64encode(body.md5).decode()
        if "session_token" in self._key:
            headers["x-amz-security-token"] = self._key["session_token"].reveal()
        names = ";".join(sorted(headers))
        canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = "\n".join((method, path, query, canonical, names, body.sha256))
        scope = f"{day}/{self._region}/s3/aws4_request"
        to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
        signing = ("AWS4" + self._key["secret_access_key"].reveal()).encode()
        for part in (day, self._region, "s3", "aws4_request"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        signature = hmac.digest(signing, to_sign.encode(), "sha256").hex()
        credential = f"{self._key['access_key_id'].reveal()}/{scope}"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={names},Signature={signature}"
        )
        return headers


@dataclass(frozen=True, slots=True)
class Look:
    """What a host tells anybody: by how many seconds this machine's clock is ahead of its own (None: it does not tell),
    and the host that it sends us on to, "" if none.
    """

    ahead: float | None = None
    moved_to: str = ""


def look(url: str) -> Look:
    """Ask the host of `url` for nothing in particular, unsigned."""
    try:
        connection = _connection(url)
        try:
            connection.request("HEAD", "/")
            answer = connection.getresponse()
        finally:
            connection.close()
        date, location = answer.getheader("Date"), answer.getheader("Location") or ""
        to = urlsplit(location).netloc if 300 <= answer.status < 400 else ""
        ahead = None if date is None else (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
        return Look(ahead, "" if to == urlsplit(url).netloc else to)
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return Look()


def _connection(url: str) -> http.client.HTTPConnection:
    """A connection to the host of `url`, through the proxy that the environment names for it."""
    parts = urlsplit(url)
    host, port, context = parts.hostname or "", parts.port, ssl.create_default_context()
    proxy = "" if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(parts.scheme, "")
    via = urlsplit(proxy)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=SECONDS)
    if not via.hostname:
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    connection = http.client.HTTPSConnection(via.hostname, via.port, timeout=SECONDS, context=context)
    connection.set_tunnel(host, port)
    return connection
