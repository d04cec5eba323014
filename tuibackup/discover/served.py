"""A folder that a program of the server uses, by its name there; and which of them are the system's own."""

import posixpath
import re
from typing import NamedTuple

from tuibackup.discover.found import What

# What the packages of the system bring, or what is made anew at each start: it comes back with the system.
_SYSTEM = re.compile(
    rb"/|/(?:bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr(?!/local/.)|var/(?:cache|log|run|lock))(?:/.*)?|/(?:var|opt|mnt|media|tmp|usr/local|var/lib|var/tmp)"
)


class Served(NamedTuple):
    """`path` is absolute and normal; `by` says in a few words who uses it, "nginx kampus.example"."""

    path: bytes
    by: str
    what: What = "site"
    application: str = ""


def of_the_system(path: bytes) -> bool:
    """Whether a folder is the system's own, and no place of somebody's data."""
    return _SYSTEM.fullmatch(path) is not None


def before_variable(path: bytes, signs: bytes) -> bytes:
    """The folder around the first part of `path` that is not known: "/var/www/$host/web" → "/var/www"."""
    at = min((found for sign in signs if (found := path.find(bytes([sign]))) >= 0), default=-1)
    return path if at < 0 else posixpath.dirname(path[:at])
