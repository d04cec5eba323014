"""The bucket of a copy: where it is asked, and how."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tuibackup.config.copies import CopySettings


class Service(StrEnum):
    """Whose protocol the store speaks; the value is the address's beginning."""

    S3 = "s3"
    AZURE = "az"
    GOOGLE = "gs"


@dataclass(frozen=True, slots=True)
class Bucket:
    """`prefix` has no slash at its ends; `endpoint`: "" where it is the service's own; `key_file` holds the key.

    `text` is its address as the configuration has it, `copy` the copy's name: for messages.
    """

    text: str
    copy: str
    service: Service
    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    path_style: bool = False
    key_file: Path | None = None

    @classmethod
    def of(cls, copy: CopySettings) -> Self:
        """The bucket that a copy's table names."""
        endpoint = (copy.endpoint or "").rstrip("/")
        return cls(
            text=str(copy.to),
            copy=copy.name,
            service=Service(copy.to.scheme),
            name=copy.to.host,
            prefix=copy.to.path,
            endpoint=endpoint,
            region=copy.region or "us-east-1",
            path_style=_is_path_style(copy, endpoint),
            key_file=copy.credentials_file,
        )

    def __str__(self) -> str:
        return self.text

    @property
    def host(self) -> str:
        """The host that is asked, with its port."""
        return urlsplit(self.url).netloc

    @property
    def url(self) -> str:
        """The bucket's address over HTTP, without a slash at the end; of Azure without an endpoint the service's."""
        if self.service is Service.GOOGLE:
            return f"{self.endpoint or 'https://storage.googleapis.com'}/{self.name}"
        if self.service is Service.AZURE:
            return f"{self.endpoint or 'https://blob.core.windows.net'}/{self.name}"
        endpoint = self.endpoint or f"https://s3.{self.region}.amazonaws.com"
        if self.path_style:
            return f"{endpoint}/{self.name}"
        scheme, _, host = endpoint.partition("://")
        return f"{scheme}://{self.name}.{host}"


def _is_path_style(copy: CopySettings, endpoint: str) -> bool:
    """Whether S3's bucket stands in the path and not in the host's name.

    So it is with what people run themselves, at an address without a name, and where TLS fits no name with dots.
    """
    host = urlsplit(endpoint).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        has_address = host == "localhost"
    else:
        has_address = True
    usual = bool(endpoint) or "." in copy.to.host
    return has_address or (usual if copy.path_style is None else copy.path_style)
