"""The key of an object store, from a file of ours: lines `name = value`, or the JSON file that Google gives.

Where there is no key, nothing is asked at all: the library would ask the cloud's metadata address, which on a machine
in a foreign network is whoever answers there.
"""

import json
import os
import shlex
import stat
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from tuibackup.copies.objectstore.bucket import Bucket, Service
from tuibackup.copies.target import CopyError
from tuibackup.secret import Secret
from tuibackup.text import printable
from tuibackup.words import sentence

_LIMIT = 64 * 1024

# What each service needs; of several sets one is enough.
_NEEDED: Mapping[Service, tuple[tuple[str, ...], ...]] = {
    Service.S3: (("access_key_id", "secret_access_key"),),
    Service.AZURE: (("account_name", "account_key"), ("account_name", "sas_token")),
    Service.GOOGLE: (("service_account_key",),),
}
_MORE: Mapping[Service, tuple[str, ...]] = {Service.S3: ("session_token",)}


class CredentialsError(CopyError):
    """There is no usable key. The message names the file, never its content."""


def read_credentials(bucket: Bucket) -> dict[str, Secret]:
    """The key of a bucket, by the names that its service uses. Raises CredentialsError."""
    path, service = bucket.key_file, bucket.service
    if path is None:
        raise CredentialsError(
            sentence("copy {copy} has no key", copy=bucket.copy),
            sentence(
                "name its file: credentials_file = … in [copies.{copy}]; {form}",
                copy=bucket.copy,
                form=_form(service),
            ),
        )
    what = sentence("credentials file {path}", path=path)
    text = _content(path, what)
    if service is Service.GOOGLE:
        return _of_google(text, what)
    found = _lines(text, what)
    known = {name for names in (*_NEEDED[service], _MORE.get(service, ())) for name in names}
    for name in found:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise CredentialsError(
                sentence("{file} has the unknown name {name}", file=what, name=printable(name[:40])),
                sentence("did you mean {name}?", name=near[0]) if near else _form(service),
            )
    if not any(all(found.get(name) for name in names) for names in _NEEDED[service]):
        raise CredentialsError(sentence("{file} lacks a part of the key", file=what), _form(service))
    return {name: Secret(value) for name, value in found.items() if value}


def _form(service: Service) -> str:
    """How the file has to look."""
    if service is Service.GOOGLE:
        return sentence("it is the JSON file of a service account, as Google gives it")
    lines = [" ".join(f"{name} = …" for name in names) for names in _NEEDED[service]]
    names = lines[0] if len(lines) == 1 else sentence("{one} or {other}", one=lines[0], other=lines[1])
    return sentence("it holds, a line each: {names}", names=names)


def _content(path: Path, what: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise CredentialsError(
            sentence("{file} cannot be read: {error}", file=what, error=error.strerror),
            sentence("it must exist, belong to this account, and have mode 600"),
        ) from error
    with open(descriptor, "rb") as file:  # opened above in a way that a FIFO cannot block
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CredentialsError(sentence("{file} is not a regular file", file=what))
        if status.st_uid not in (0, os.geteuid()):
            raise CredentialsError(
                sentence("{file} belongs to somebody else", file=what), sentence("use one of your own")
            )
        if status.st_mode & 0o077:
            raise CredentialsError(
                sentence("{file} can be read by others", file=what), f"chmod 600 {shlex.quote(str(path))}"
            )
        try:
            return file.read(_LIMIT).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise CredentialsError(sentence("{file} is not UTF-8 text", file=what)) from None


def _lines(text: str, what: str) -> dict[str, str]:
    """Names and values. The form of Amazon's own file is understood as well: `[default]`, `aws_access_key_id`."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;[":
            continue
        name, equals, value = line.partition("=")
        name, value = name.strip().lower().removeprefix("aws_"), value.strip()
        if not equals:
            raise CredentialsError(
                sentence("line {number} of {file} is not of the form name = value", number=number, file=what)
            )
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if name in found:
            raise CredentialsError(
                sentence("{file} has {name} twice", file=what, name=printable(name[:40])),
                sentence("keep one of them"),
            )
        if not value.isprintable() or not value.isascii() or " " in value:
            raise CredentialsError(
                sentence(
                    "{file}: the value of {name} has characters that no key has",
                    file=what,
                    name=printable(name[:40]),
                )
            )
        found[name] = value
    return found


def _of_google(text: str, what: str) -> dict[str, Secret]:
    try:
        account = json.loads(text)
    except (ValueError, RecursionError):
        account = None
    if not isinstance(account, dict) or not ({"client_email", "private_key"} <= account.keys()):
        raise CredentialsError(
            sentence("{file} is no key of a service account", file=what), _form(Service.GOOGLE)
        )
    return {"service_account_key": Secret(text)}
