"""An object store as a place for copies.

The library makes one request a call and tries nothing again by itself: what to do after a lost answer is decided here.
Whether a store really creates only what is absent is not believed: each object is looked for before it is sent.
"""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeVar

from tuibackup.copies.objectstore.bucket import Bucket, Service
from tuibackup.copies.objectstore.credentials import read_credentials
from tuibackup.copies.objectstore.faults import Refusal, RefusedError, fault, missing
from tuibackup.copies.objectstore.signed import Signer, Sums, look
from tuibackup.copies.target import AlreadyThereError, CopyError, Object
from tuibackup.copies.throttle import Throttle, unlimited
from tuibackup.secret import Secret
from tuibackup.words import sentence

if TYPE_CHECKING:
    from obstore.store import ObjectStore

WAITS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds before each further attempt
FIRST_WAITS = WAITS[:4]  # of a store that has not answered yet: is it the right address at all?
SLOWEST = 8 << 10  # bytes a second of the slowest line that is waited for, with two parts under way
_QUICK_SECONDS = 60
_PATIENT_SECONDS = 60 + (34 << 20) // SLOWEST
_SMALL = 1 << 20
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_FOREIGN = ("AWS_", "AZURE_", "GOOGLE_")
_KEY = re.compile(r"[A-Za-z0-9=_-][A-Za-z0-9._=-]*(/[A-Za-z0-9=_-][A-Za-z0-9._=-]*)*")

_Result = TypeVar("_Result")
_environment = threading.Lock()


class ObjectTarget:
    """Objects in the bucket of `bucket`, below its prefix.

    In the store a key's `%` is `=`: gateways that decode twice refuse the signature of what has a percent sign.
    """

    parallel = 1  # two at once took 155 MiB, and a copy has 150
    may_be_unmounted = False
    reads_back = False  # `create` reads back itself where the store's answer proves nothing

    def __init__(self, bucket: Bucket, throttle: Throttle | None = None) -> None:
        """Nothing is asked yet. Raises CopyError: the extra is not installed, or there is no key."""
        self.bucket = bucket
        self._key = read_credentials(bucket)
        self._throttle = throttle or unlimited()
        self._quick = _opened(bucket, self._key, _QUICK_SECONDS)
        self._patient = _opened(bucket, self._key, _PATIENT_SECONDS)
        self._answered = False
        self._conditional = True

    @property
    def name(self) -> str:
        return str(self.bucket)

    def create(self, key: str, data: bytes | memoryview, sha256: str = "") -> str:
        import obstore

        sums = Sums.of(data, sha256)

        def attempt() -> tuple[str, str]:
            if self._size(key) is not None:
                raise self._already(key)
            try:
                return self.put(key, data, sums)
            except obstore.exceptions.AlreadyExistsError:
                if self._size(key) is None:  # another attempt that has not ended yet, perhaps our own
                    raise
                raise self._already(key) from None

        tag, version = self._asked(key, attempt)
        self._prove(key, sums, tag)
        return version

    def put(self, key: str, data: bytes | memoryview, sums: Sums) -> tuple[str, str]:
        """Send it once, only if absent; the store's tag of it and its version id, "" each where there is none.

        Raises what the library raises, and RefusedError.
        """
        import obstore

        if self.signer is None:
            self._throttle.sent(len(data))
            store = self._patient if len(data) > _SMALL else self._quick
            result = obstore.put(store, _placed(key), data, mode="create", use_multipart=False)
            return result.get("e_tag") or "", result.get("version") or ""
        condition = {"if-none-match": "*"} if self._conditional else {}
        answer = self.signer.ask("PUT", _placed(key), {}, data, condition, self._throttle.sent, sums)
        refusal = Refusal.of_answer(answer.status, answer.text)
        if answer.status == 200:
            return answer.headers.get("etag", ""), answer.headers.get("x-amz-version-id", "")
        if answer.status == 412 or refusal.code == "ConditionalRequestConflict":
            raise obstore.exceptions.AlreadyExistsError
        if refusal.code == "NotImplemented" and self._conditional:
            self._conditional = False  # it knows no conditions at all: what we looked for is all there is
            return self.put(key, data, sums)
        raise RefusedError(refusal)

    def _prove(self, key: str, sums: Sums, tag: str) -> None:
        """Be sure that the store has what was sent: by the MD5 that it told, else by reading it again.

        The tag of Azure is no hash; there TLS is what keeps the bytes, and verify reads them.
        """
        found = _MD5.fullmatch(tag)
        if found is None or found[1] == sums.md5.hex():
            return
        digest, length = hashlib.sha256(), 0
        for piece in self.read(key):
            digest.update(piece)
            length += len(piece)
        if (length, digest.hexdigest()) != (sums.length, sums.sha256):
            raise CopyError(
                sentence("{place}: {key} was stored otherwise than it was sent", place=self.bucket, key=key),
                sentence(
                    "something on the way changes data; see the line, a proxy or gateway, and use https"
                ),
            )

    def objects(self, prefix: str = "") -> Iterator[Object]:
        for one, size, _stored in self.stored(prefix):
            yield Object(one, size)

    def stored(self, prefix: str = "") -> Iterator[tuple[str, int, datetime]]:
        """Key, size, and when the store got it, by its own clock, of all objects whose keys begin so."""
        import obstore

        folder, _, _ = _placed(prefix).rpartition("/")

        def listed() -> list[Any]:
            return list(obstore.list(self._quick, folder or None, chunk_size=1000).collect())

        for one in self._asked(prefix, listed):
            key = one["path"].replace("=", "%")
            if _KEY.fullmatch(one["path"]) and key.startswith(prefix):
                yield key, one["size"], one["last_modified"]

    def oldest(self, keys: Collection[str]) -> datetime:
        """When the store got the first of these objects: its lock ends first. Raises CopyError: one is missing."""
        folders = {key.rpartition("/")[0] + "/" for key in keys}
        outer = [
            one for one in folders if not any(one != other and one.startswith(other) for other in folders)
        ]
        times = {key: stored for folder in outer for key, _size, stored in self.stored(folder)}
        gone = next((key for key in keys if key not in times), None)
        if gone is not None:
            raise missing(self.bucket, gone)
        return min(times[key] for key in keys)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        import obstore

        end = None if length is None else start + length
        place, tries = _placed(key), 0
        while end is None or start < end:
            try:
                found = self._asked(key, partial(self._got, place, start, end))
                if found is None:
                    return
                for piece in found.stream(min_chunk_size=_SMALL):
                    tries = 0
                    start += len(piece)
                    yield bytes(piece)
                return
            except obstore.exceptions.BaseError as error:  # in the middle: go on from where it broke
                refusal = Refusal.of(str(error))
                tries += 1
                if not refusal.passes or tries >= len(WAITS):
                    raise self._fault(refusal) from None
                self._throttle.pause(WAITS[tries])

    def _got(self, place: str, start: int, end: int | None) -> Any:
        """The answer whose body is to be read; None: nothing lies there any more from `start` on."""
        import obstore

        if start == 0 and end is None:
            return obstore.get(self._patient, place)
        size = obstore.head(self._quick, place)["size"]
        if start >= size:
            return None
        last = size if end is None else min(end, size)
        return obstore.get(self._patient, place, options={"range": (start, last)})

    def delete(self, key: str) -> None:
        import obstore

        def attempt() -> None:
            if self._size(key) is not None:
                obstore.delete(self._quick, _placed(key))

        self._asked(key, attempt)

    def tidy(self) -> None:
        """What was cut off is no object, and leaves nothing."""

    def close(self) -> None:
        """The library lets go of its connections by itself."""

    @property
    def library(self) -> "ObjectStore":
        """The library's store, for requests that are no part of a copy (`probe`)."""
        return self._quick

    @property
    def signer(self) -> Signer | None:
        """For requests that concern versions and locks; None where the service has other ways."""
        if self.bucket.service is not Service.S3:
            return None
        prefix = f"{self.bucket.url}/{self.bucket.prefix}" if self.bucket.prefix else self.bucket.url
        return Signer(prefix, self.bucket.region, self._key)

    def fault(self, error: Exception) -> CopyError:
        """What an error means."""
        return self._fault(Refusal.of_error(error))

    def _size(self, key: str) -> int | None:
        """Of the object; None: there is none. Lets the library's errors through, but for that."""
        import obstore

        try:
            return int(obstore.head(self._quick, _placed(key))["size"])
        except FileNotFoundError:
            return None

    def _already(self, key: str) -> AlreadyThereError:
        return AlreadyThereError(sentence("{place}: {key} exists already", place=self.bucket, key=key))

    def _asked(self, key: str, attempt: Callable[[], _Result]) -> _Result:
        """What `attempt` gives, tried again where that may help. Raises CopyError."""
        import obstore

        tries = 0
        while True:
            try:
                result = attempt()
            except FileNotFoundError as error:
                refusal = Refusal.of(str(error))
                why = refusal if refusal.code else self._asked_why()
                if why is None or why.code in ("NoSuchKey", "BlobNotFound"):
                    raise missing(self.bucket, key) from None
                tries += 1
                if self._pauses(why, tries):
                    continue
                raise self._fault(why) from None
            except (obstore.exceptions.BaseError, RefusedError, OSError, HTTPException) as error:
                refusal = Refusal.of_error(error)
                tries += 1
                if self._pauses(refusal, tries):
                    continue
                if refusal.status and not refusal.code:
                    refusal = self._asked_why() or refusal
                raise self._fault(refusal) from None
            self._answered = True
            return result

    def _pauses(self, refusal: Refusal, tries: int) -> bool:
        """Whether it may help to ask again after so many tries; if so, it has been waited for long enough."""
        waits = WAITS if self._answered else FIRST_WAITS
        if not refusal.passes or tries >= len(waits):
            return False
        self._throttle.pause(waits[tries])
        return True

    def _asked_why(self) -> Refusal | None:
        """A refused HEAD has no body and no reason: ask something that has. None: that is not refused."""
        import obstore

        try:
            obstore.list_with_delimiter(self._quick, "tuibackup-no-such-folder")
        except (obstore.exceptions.BaseError, OSError) as error:
            return Refusal.of(str(error))
        return None

    def _fault(self, refusal: Refusal) -> CopyError:
        return fault(refusal, self.bucket, lambda: look(self.bucket.url))


def _placed(key: str) -> str:
    return key.replace("%", "=")


def _opened(bucket: Bucket, key: Mapping[str, Secret], seconds: int) -> "ObjectStore":
    """The library's store. Raises CopyError: it is not installed, or takes the key for none."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError:
        raise CopyError(
            sentence("{place}: object storage needs more than is installed", place=bucket),
            sentence("install it: {command}", command="pip install 'tuibackup[copies]'"),
        ) from None
    common: Any = {
        "prefix": bucket.prefix or None,
        "client_options": {
            "allow_http": bucket.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=20),
            "timeout": timedelta(seconds=seconds),
        },
        "retry_config": {"max_retries": 0, "backoff": {}, "retry_timeout": timedelta(seconds=1)},
    }
    secrets: Any = {name: secret.reveal() for name, secret in key.items()}
    try:
        with _without_foreign_settings():
            if bucket.service is Service.S3:
                return S3Store(
                    bucket.name,
                    region=bucket.region,
                    endpoint=bucket.url.removesuffix(f"/{bucket.name}") if bucket.path_style else bucket.url,
                    virtual_hosted_style_request=not bucket.path_style,
                    disable_bulk_delete=True,
                    **secrets,
                    **common,
                )
            if bucket.service is Service.AZURE:
                if bucket.endpoint:
                    secrets["endpoint"] = bucket.endpoint
                return AzureStore(bucket.name, **secrets, **common)
            if bucket.endpoint:
                secrets["base_url"] = bucket.endpoint
            return GCSStore(bucket.name, **secrets, **common)
    except (BaseError, ValueError):  # its text repeats what it was given
        raise CopyError(
            sentence(
                "{place}: the key in {file} has a form that cannot be used",
                place=bucket,
                file=bucket.key_file,
            )
        ) from None


@contextmanager
def _without_foreign_settings() -> Iterator[None]:
    """The library takes AWS_… and the like of the environment for more than what it is given: even the endpoint."""
    with _environment:
        taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_FOREIGN)}
        try:
            yield
        finally:
            os.environ.update(taken)
