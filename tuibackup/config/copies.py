"""The tables [copies.NAME]: where finished snapshots go as well, and on what terms."""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from tuibackup.config import logins
from tuibackup.config.keep import Rule
from tuibackup.config.table import Table
from tuibackup.sop import Period
from tuibackup.words import sentence

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_CLOUDS = ("s3", "az", "gs")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,100}")
_PREFIX = re.compile(r"(?:[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)?")
_RECIPIENT = re.compile(r"age1[0-9a-z]{20,4000}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: [^\n]*)?")
_WAYS = sentence('"/mnt/usb", "sftp://user@host/folder", "s3://bucket/prefix", "az://…" or "gs://…"')


class Address(msgspec.Struct, frozen=True):
    """Where a copy lies. `scheme`: "" for a folder of this machine, else "sftp", "s3", "az" or "gs".

    `path`: the folder, or what the keys in a bucket begin with ("" for none). `host`: a bucket's name, too.
    """

    scheme: str
    path: str
    host: str = ""
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read it as people write it. Raises ValueError with a sentence that tells how; it repeats no password."""
        if text.startswith(("/", "~/")):
            return cls("", text)
        try:
            parts = urlsplit(text)
            port, password = parts.port, parts.password
        except ValueError:
            raise ValueError(sentence("is no place for copies; write it as {ways}", ways=_WAYS)) from None
        if password is not None or (parts.username and parts.scheme in _CLOUDS):
            raise ValueError(sentence("this file must not hold a password; leave it out of the URL"))
        if not parts.hostname or parts.query or parts.fragment or parts.scheme not in (*_CLOUDS, "sftp"):
            raise ValueError(sentence("is no place for copies; write it as {ways}", ways=_WAYS))
        path = unquote(parts.path)
        if ".." in path.split("/") or "\0" in path:
            raise ValueError(sentence('"{text}" contains ".."; name its plain path', text=text))
        if parts.scheme == "sftp":
            path = "/" + "/".join(one for one in path.split("/") if one not in ("", "."))
            if path == "/":
                raise ValueError(
                    sentence('"{text}" names no folder: sftp://user@host/srv/tuibackup', text=text)
                )
            return cls(
                "sftp",
                path,
                logins.host(parts.hostname),
                parts.username and logins.user(parts.username),
                port,
            )
        bucket = parts.netloc
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(sentence('"{bucket}" is no name of a bucket', bucket=bucket))
        if not _PREFIX.fullmatch(path.strip("/")):
            raise ValueError(
                sentence(
                    '"{text}": what follows the bucket takes letters, digits, ".", "_", "-" and "/"',
                    text=text,
                )
            )
        return cls(parts.scheme, path.strip("/"), bucket)

    @property
    def folder(self) -> Path:
        """Of a place on this machine."""
        return Path(self.path).expanduser()

    def __str__(self) -> str:
        """As it was written."""
        if not self.scheme:
            return self.path
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{self.host}{port}/{self.path.lstrip('/')}"


class CopySettings(msgspec.Struct, frozen=True, kw_only=True):
    """A second place for snapshots. `servers`: names, or patterns of names, of those whose snapshots go there.

    `endpoint`, `region`, `path_style` and `credentials_file` are for object storage; `jump` and `key` for SFTP, as a
    server has them. `keep`: what stays there. `lock`: what the store promises not to delete for so long.
    """

    name: str
    to: Address
    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None  # None: as is usual for the endpoint
    credentials_file: Path | None = None
    jump: str | None = None
    key: Path | None = None
    encrypt_to: tuple[str, ...] = ()
    servers: tuple[str, ...] = ("*",)
    after_run: bool = False
    keep: Rule = Rule()
    off_site: bool = False
    lock: Period | None = None

    def takes(self, server: str) -> bool:
        """Whether snapshots of that server go there."""
        return any(fnmatchcase(server, pattern) for pattern in self.servers)

    def follows(self, server: str) -> bool:
        """Whether this copy is made after each run of that server."""
        return self.after_run and self.takes(server)


def read_copies(table: Table, servers: Collection[str]) -> dict[str, CopySettings]:
    """Every copy in the order of the file, by name. `servers`: the configured ones; with none any may be named."""
    copies = {}
    for name in table:
        if not _NAME.fullmatch(name):
            table.wrong(
                name,
                sentence("is no name for a copy"),
                sentence(
                    "use 1 to 40 letters, digits, dots, dashes and underscores, a letter or digit first"
                ),
            )
        if (copy := _copy(name, table.table(name, "copies.*"), servers)) is not None:
            copies[name] = copy
    return copies


def _copy(name: str, table: Table, servers: Collection[str]) -> CopySettings | None:
    to = table.parsed("to", Address.parse, None)
    if table.lacks("to"):
        table.wrong("to", sentence("is missing"), sentence("name the place of the copy: {ways}", ways=_WAYS))
    scheme = to.scheme if to else None
    for keys, schemes, where in (
        (
            ("endpoint", "region", "path_style", "credentials_file", "lock"),
            _CLOUDS,
            sentence("object storage"),
        ),
        (("jump", "key"), ("sftp",), "SFTP"),
    ):
        for key in keys:
            if scheme is not None and scheme not in schemes and key in table:
                table.wrong(key, sentence("is only for {where}", where=where), sentence("leave it out"))
    patterns = table.texts("servers") or ("*",)
    for pattern in patterns:
        if servers and not any(fnmatchcase(server, pattern) for server in servers):
            table.wrong("servers", sentence('no server is called "{pattern}"', pattern=pattern))
    recipients = table.texts("encrypt_to")
    for one in recipients:
        table.checked("encrypt_to", one, _recipient)
    if "encrypt_to" in table and table.is_empty("encrypt_to"):
        table.wrong(
            "encrypt_to",
            sentence("names nobody"),
            sentence("name whom to encrypt to, or leave it out to store copies unencrypted"),
        )
    settings = CopySettings(
        name=name,
        to=to or Address("", ""),
        endpoint=table.parsed("endpoint", _endpoint, None),
        region=table.text("region"),
        path_style=table.flag("path_style") if "path_style" in table else None,
        credentials_file=table.path("credentials_file"),
        jump=table.parsed("jump", logins.jump, None),
        key=table.path("key"),
        encrypt_to=recipients,
        servers=patterns,
        after_run=table.flag("after_run"),
        keep=table.parsed("keep", Rule.parse, Rule()),
        off_site=table.flag("off_site"),
        lock=table.parsed("lock", Period.parse, None),
    )
    return settings if to else None


def _endpoint(text: str) -> str:
    """A URL of a store without anything secret. Repeats none of it in an error."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise ValueError(sentence('is no address of a store; write it as "https://s3.example.ac.id"'))
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            sentence("has more than a host, a port and a path; the key goes into credentials_file")
        )
    return text.rstrip("/")


def _recipient(text: str) -> str:
    if text.startswith("AGE-SECRET-KEY-"):
        raise ValueError(
            sentence("this is the secret identity; name the public one that begins with age1 (age-keygen -y)")
        )
    if not _RECIPIENT.fullmatch(text):
        raise ValueError(
            sentence('"{text}" is nobody to encrypt to; write "age1…" or "ssh-ed25519 AAAA…"', text=text)
        )
    return text
