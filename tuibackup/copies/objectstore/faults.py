"""What an object store's refusal means, as one sentence with its way out.

The library's own text holds the whole request with its address, which may hold a key (Azure's SAS), and the store's
whole answer. Of it only the status, the store's own code and the first line of its message are taken.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tuibackup.copies.objectstore.bucket import Bucket
from tuibackup.copies.objectstore.signed import Look
from tuibackup.copies.target import AwayError, CopyError, MissingError
from tuibackup.text import printable
from tuibackup.words import joined, later, sentence

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9._-]{1,60})</Code>")
_MESSAGE = re.compile(r"<Message>([^<\n]{1,200})")
_OAUTH = re.compile(r'"error(?:_description)?"\s*:\s*"([^"\n]{1,200})')
_SKEW = 240.0  # seconds between two clocks that a store may refuse: Amazon takes 15 minutes, Google and Azure less

_KEY = later("the store does not accept this key")
_SECRET = later("the store does not accept the signature: the secret part of the key is wrong")
_LOGIN = later("the store does not accept the key for this")
_SESSION = later("the key has expired")
_CLOCK = later("the clocks of this machine and of the store disagree")
_BUCKET = later("there is no bucket of this name")
_ACCESS = later("the key has no right to do this")
_REGION = later("the bucket is in another region or at another address")
_FULL = later("the store takes no more: its quota is used up")
_BUSY = later("the store is overloaded and asks to wait")
_BROKEN = later("the store has a fault of its own")

_CHANGED = later("what arrives is not what was sent: something on the way changes data")

_SET_CLOCK = later("set this machine's clock: timedatectl set-ntp true")
_SEE_KEY = later("see {file}")
_SEE_BUCKET = later("make it, or correct to = in config.toml")
_SEE_RIGHTS = later("it needs the rights to list, read and write objects there, and to delete for keep =")
_SEE_REGION = later("set region = and endpoint = of the copy in config.toml")
_SEE_ROOM = later("raise the quota, or shorten keep = of the copy")
_SEE_LINE = later("see the line, a proxy or gateway, and use https")
_LATER = later("the copy goes on where it stopped when it is started again")
_TELL = later("if it stays so, ask whoever runs the store")

# The store's own word, or else the status → what it means and the way out. Of all services.
_MEANING: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "InvalidSecurity", "invalid_client", "account_not_found"), (_KEY, _SEE_KEY)
    ),
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "AuthenticationFailed", "InvalidAuthenticationInfo"), (_SECRET, _SEE_KEY)
    ),
    "AuthorizationFailure": (_LOGIN, _SEE_KEY),
    **dict.fromkeys(("ExpiredToken", "InvalidToken", "TokenRefreshRequired"), (_SESSION, _SEE_KEY)),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), (_CLOCK, _SET_CLOCK)),
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"), (_BUCKET, _SEE_BUCKET)),
    **dict.fromkeys(
        (
            "AccessDenied",
            "AuthorizationPermissionMismatch",
            "AllAccessDisabled",
            "AccountIsDisabled",
            "403",
        ),
        (_ACCESS, _SEE_RIGHTS),
    ),
    **dict.fromkeys(
        (
            "PermanentRedirect",
            "TemporaryRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
        ),
        (_REGION, _SEE_REGION),
    ),
    **dict.fromkeys(
        (
            "QuotaExceeded",
            "XMinioAdminBucketQuotaExceeded",
            "InsufficientStorage",
            "XMinioStorageFull",
            "507",
        ),
        (_FULL, _SEE_ROOM),
    ),
    **dict.fromkeys(("SlowDown", "ServerBusy", "ServiceUnavailable", "503", "429"), (_BUSY, _LATER)),
    **dict.fromkeys(("BadDigest", "XAmzContentSHA256Mismatch", "Md5Mismatch"), (_CHANGED, _SEE_LINE)),
    **dict.fromkeys(("500", "502", "504"), (_BROKEN, _LATER)),
    **dict.fromkeys(("invalid_grant", "401"), (_KEY, _SEE_KEY)),
}
# What the client's error says of a connection → likewise, and whether it stays so.
_CONNECTION: dict[str, tuple[str, str, bool]] = {
    "Temporary failure in name resolution": (
        later("its name cannot be looked up now"),
        later("see this machine's network"),
        False,
    ),
    "dns error": (
        later("its name is not known"),
        later("see endpoint = of the copy, and this machine's name resolution"),
        True,
    ),
    "UnknownIssuer": (
        later("its TLS certificate is by nobody that this machine trusts"),
        later("add its CA to this machine's: /usr/local/share/ca-certificates and update-ca-certificates"),
        True,
    ),
    "CaUsedAsEndEntity": (
        later("its TLS certificate is signed by itself"),
        later("let a CA sign it, and add that to this machine's: update-ca-certificates"),
        True,
    ),
    "NotValidForName": (
        later("its TLS certificate is for another name"),
        later("see endpoint = of the copy"),
        True,
    ),
    "InvalidCertificate(Expired": (
        later("its TLS certificate has expired"),
        later("ask whoever runs the store; see this machine's clock"),
        False,
    ),
    "InvalidCertificate": (
        later("its TLS certificate is not valid"),
        later("ask whoever runs the store; see this machine's clock"),
        True,
    ),
    "InvalidContentType": (
        later("it does not speak TLS at this port"),
        later("see endpoint = of the copy"),
        True,
    ),
    "ConnectionRefused": (
        later("it refuses the connection"),
        later("see endpoint = of the copy, and whether the store runs"),
        False,
    ),
    "NetworkUnreachable": (later("there is no way to it"), later("see this machine's network"), False),
    "HostUnreachable": (later("there is no way to it"), later("see this machine's network"), False),
    "TimedOut": (later("it does not answer in time"), later("see the network and a firewall between"), False),
    "redirect": (_REGION, _SEE_REGION, True),
}
_BROKEN_LINE = (later("the connection broke"), _LATER, False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came back: the status (0: nothing), the store's code and message, and the client's words of the line."""

    status: int
    code: str
    message: str
    line: str

    @classmethod
    def of(cls, text: str) -> "Refusal":
        """Read it out of the library's text."""
        if found := _STATUS.search(text):
            return cls.of_answer(int(found[1]), text)
        compact = re.sub(r"\s+", "", text)
        return cls(0, "", "", next((word for word in _CONNECTION if word.replace(" ", "") in compact), ""))

    @classmethod
    def of_answer(cls, status: int, text: str) -> "Refusal":
        """Read it out of an answer of the store's: XML, or JSON of Google's login."""
        code, message, login = _CODE.search(text), _MESSAGE.search(text), _OAUTH.findall(text)
        if code is None and login:
            return cls(status, login[0], login[-1], "")
        return cls(status, code[1] if code else "", message[1].strip() if message else "", "")

    @classmethod
    def of_error(cls, error: Exception) -> "Refusal":
        """Read it out of what was raised."""
        if isinstance(error, RefusedError):
            return error.refusal
        if isinstance(error, TimeoutError):
            return cls(0, "", "", "TimedOut")
        return cls.of(str(error))

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed a moment later."""
        if self.status:
            return self.status in (429, 500, 502, 503, 504) or self.code in (
                "RequestTimeout",
                "BadDigest",
                "XAmzContentSHA256Mismatch",
                "ConditionalRequestConflict",
            )
        return not _CONNECTION.get(self.line, _BROKEN_LINE)[2]

    @property
    def is_unexplained(self) -> bool:
        """Whether the host may tell more: a login that failed for a clock perhaps, a line that broke, a redirect."""
        if not self.status:
            return self.line in ("", "ConnectionRefused", "redirect")
        return self.status in (401, 403) and self.code not in ("AccessDenied", "InvalidAccessKeyId")


class RefusedError(Exception):
    """The store did not take what was sent. It goes no further than this room."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


def fault(refusal: Refusal, bucket: Bucket, look: Callable[[], Look]) -> CopyError:
    """The sentence. `look` asks the host what it tells anybody, where that may explain it."""
    place = str(bucket)
    if refusal.is_unexplained:
        seen = look()
        if seen.moved_to:
            return CopyError(
                sentence(
                    "{place}: the store has moved to {host}", place=place, host=printable(seen.moved_to)
                ),
                sentence(_SEE_REGION),
            )
        if refusal.status and seen.ahead is not None and abs(seen.ahead) > _SKEW:
            return CopyError(_of_clock(place, seen.ahead), sentence(_SET_CLOCK))
    if not refusal.status and not refusal.code:
        meaning, way_out, _lasting = _CONNECTION.get(refusal.line, _BROKEN_LINE)
        if refusal.line == "redirect":
            return CopyError(joined(": ", (place, sentence(meaning))), sentence(way_out))
        kind = AwayError if refusal.passes else CopyError  # it is there, or nowhere: waiting does not help
        return kind(
            sentence(
                "{place}: {host} cannot be used: {reason}",
                place=place,
                host=bucket.host,
                reason=sentence(meaning),
            ),
            sentence(way_out),
        )
    meaning, way_out = _MEANING.get(refusal.code) or _MEANING.get(str(refusal.status)) or ("", _TELL)
    said = " ".join(filter(None, (str(refusal.status or ""), refusal.code, refusal.message)))
    words = sentence("the store says: {said}", said=printable(said))
    return CopyError(
        joined(": ", (place, joined("; ", filter(None, (sentence(meaning) if meaning else "", words))))),
        sentence(way_out, file=bucket.key_file) if "{file}" in way_out else sentence(way_out),
    )


def missing(bucket: Bucket, key: str) -> MissingError:
    """There is no object of that key."""
    return MissingError(sentence("{place}: {key} is missing", place=bucket, key=key))


def _of_clock(place: str, ahead: float) -> str:
    minutes = f"{abs(ahead) / 60:,.0f}"
    if ahead > 0:
        return sentence(
            "{place}: this machine's clock is {minutes} minutes ahead of the store's",
            place=place,
            minutes=minutes,
        )
    return sentence(
        "{place}: this machine's clock is {minutes} minutes behind the store's", place=place, minutes=minutes
    )
