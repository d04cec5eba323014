"""Host, user and jump hosts as people write them. The ValueError of each parser says how to write it."""

import ipaddress
import re

from tuibackup.words import sentence

_HOST = re.compile(r"[^\s@/\[\],-][^\s@/\[\],]*")
_HOP = re.compile(
    r"(?:(?P<user>[^\s:,-][^\s:,]*)@)?(?P<host>\[[^\s\[\]]+\]|[^\s@/:\[\],-][^\s@/:\[\],]*)(?::(?P<port>[0-9]{1,5}))?"
)


def host(text: str) -> str:
    """A name, an address (IPv6 with brackets or without), or an alias of ~/.ssh/config."""
    if "://" in text:
        raise ValueError(sentence('"{text}" is a web address; write only the name of the host', text=text))
    if "@" in text:
        raise ValueError(sentence('"{text}" has a user in it; put that into user = "…"', text=text))
    bracketed = re.fullmatch(r"\[([^\[\]]+)\](:[0-9]+)?", text)
    if re.fullmatch(r"[^:]+:[0-9]+", text) or (bracketed and bracketed[2]):
        raise ValueError(sentence('"{text}" has a port in it; put that into port = …', text=text))
    found = bracketed[1] if bracketed else text
    if not _HOST.fullmatch(found) or (":" in found and not _is_ipv6(found)):
        raise ValueError(sentence('"{text}" is no host name, address or alias of ~/.ssh/config', text=text))
    return found


def user(text: str) -> str:
    """An account's name: name@domain, DOMAIN\\name and names with spaces are some."""
    if ":" in text:  # the rest may be a secret: it is not repeated
        raise ValueError(
            sentence(
                "has a colon in it; put a password into password_file, or have it asked for: prompt = true"
            )
        )
    if text.startswith("-") or text != text.strip() or not text.isprintable():
        raise ValueError(sentence('"{text}" is no name of an account', text=text))
    return text


def jump(text: str) -> str:
    """Hops with commas between, each [user@]host[:port], as ProxyJump has them."""
    return ",".join(map(_hop, text.split(",")))


def _hop(text: str) -> str:
    hop = text.strip().removeprefix("ssh://").removesuffix("/")
    account, at, address = hop.rpartition("@")
    if _is_ipv6(address):
        hop = f"{account}{at}[{address}]"
    match = _HOP.fullmatch(hop)
    if not match or not 1 <= int(match["port"] or 22) <= 65535:
        raise ValueError(
            sentence(
                '"{text}" is no jump host; write it as "host", "user@host:22", several with commas',
                text=text.strip(),
            )
        )
    if match["host"].startswith("[") and not _is_ipv6(match["host"].strip("[]")):
        raise ValueError(
            sentence('"{text}" is no jump host; in brackets stands an IPv6 address', text=text.strip())
        )
    return hop


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False
